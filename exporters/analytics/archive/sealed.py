"""The archive of one open database: which files count, and every change of that.

What a file holds is never in the hot table too, as far as any query sees: the row that lists it comes in one
transaction with the deletion of its rows and the new view. What a process left half done is found by the
files that are there and not listed: if all their rows are hot, they are removed; if not, the database is a
new or an older one, and they are taken in.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import msgspec
import structlog

from exporters.analytics.archive import listing
from exporters.analytics.archive.comparing import delete_shared, lacking
from exporters.analytics.archive.files import (
    SealedFile,
    read_footer,
    remove,
    remove_unfinished,
    sizes,
)
from exporters.analytics.archive.sealing import Part, count, plan
from exporters.analytics.archive.view import view_of
from exporters.analytics.database import transaction
from exporters.analytics.migrations import schema_version
from exporters.analytics.settings import Retention
from exporters.analytics.tables import TABLES, hot
from integrations.clock import Clock

log = structlog.get_logger("dialtone.analytics")


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What of a table is sealed. `size` is bytes."""

    days: int = 0
    files: int = 0
    rows: int = 0
    size: int = 0


class Archive:
    """Its methods run on the writer's thread. `missing` are listed files that are not there, or not whole;
    views leave them out. `strange` are files that are not Dialtone's, or a newer one's and may have a form
    that this one does not know; they are left alone. `set_aside` are those that cannot be read and were
    renamed.

    Any error may leave it behind what the database says: close the database then, and open both again.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, *, clock: Clock) -> None:
        self.folder = folder
        self.missing: tuple[str, ...] = ()
        self.strange: tuple[str, ...] = ()
        self.set_aside: list[str] = []
        self._connection = connection
        self._clock = clock
        self._files: dict[str, list[SealedFile]] = {table: [] for table in TABLES.values()}
        self._positions: dict[tuple[str, dt.date], int] = {}
        self._totals = dict.fromkeys(self._files, Totals())
        self._doomed: dict[str, float] = {}
        self._unreadable: set[str] = set()
        self._schema = 0

    def open(self) -> None:
        """Read the list, deal with what a process left half done, and make the views over what is there.

        Raises:
            duckdb.Error, OSError: it cannot be used.
        """
        self._schema = schema_version(self._connection)
        remove_unfinished(self.folder)
        for file in listing.listed(self._connection):
            self._files[file.table].append(file)
            self._remember(file)
        self._totals = {table: _total(files) for table, files in self._files.items()}
        self._look_for(self._listed(), there := sizes(self.folder))
        for table, files in self._files.items():
            if files:
                self._publish(table)
        self._reconcile(there)

    def plan(self, before: dt.date) -> list[Part]:
        """Return what is to be sealed: the hot rows of days before one, the oldest first.

        Raises:
            duckdb.Error, OSError: see the class.
        """
        self._look_for(self._listed(), there := sizes(self.folder))
        self._reconcile(there)
        parts = [part for table in self._files for part in plan(self._connection, table, before=before)]
        return sorted(parts, key=lambda part: part.start)

    def seal(self, part: Part, file: SealedFile) -> bool:
        """Let a file take the place of its rows; False, and no file, when rows have been added meanwhile.

        Raises:
            duckdb.Error, OSError: see the class.
        """
        if count(self._connection, part) != part.footer.rows:
            remove(self.folder, [file.name])
            return False
        with transaction(self._connection):
            listing.enter(self._connection, file, self._now())
            self._connection.execute(f"DELETE FROM {hot(file.table)} WHERE {part.condition}")  # noqa: S608 - our schema
            self._publish(file.table, [*self._files[file.table], file])
        self._count_in(file)
        return True

    def expire(self, retention: Retention, *, today: dt.date, due: float) -> int:
        """Let files count no more whose days have had their time; return how many.

        They are there until `unlink` is called at or after `due`, a time of the monotonic clock: queries that
        have begun may still read them. Checkpoint before that.

        Raises:
            duckdb.Error: see the class.
        """
        return sum(
            self._expire(table, before=today - dt.timedelta(days=days), due=due)
            for table in self._files
            if (days := retention.days_of(table))
        )

    def unlink(self) -> int:
        """Remove files whose time has come; return how many bytes came free.

        Raises:
            OSError: some are left, and are tried again.
        """
        now = self._clock.monotonic()
        due = [name for name, at in self._doomed.items() if now >= at]
        freed = remove(self.folder, due)
        for name in due:
            del self._doomed[name]
        return freed

    def is_unlinking_due(self) -> bool:
        """Whether files wait whose time has come."""
        return bool(self._doomed) and self._clock.monotonic() >= min(self._doomed.values())

    def has(self, table: str, at: float, position: int) -> bool:
        """Whether a stored signal of that time (UTC seconds) and position was sealed already."""
        if not self._positions:
            return False
        day = dt.datetime.fromtimestamp(at, dt.UTC).date()
        return position <= self._positions.get((table, day), -1)

    def align(self, end: int) -> None:
        """Take it that the log of stored signals ends here.

        Raises:
            duckdb.Error: see the class.
        """
        if any(position > end for position in self._positions.values()):
            listing.align(self._connection, end)
            self._positions = {key: min(position, end) for key, position in self._positions.items()}

    def totals(self) -> Mapping[str, Totals]:
        """Return what of each table is sealed; may be asked from any thread."""
        return {table: self._totals[table] for table in self._files}

    def _expire(self, table: str, *, before: dt.date, due: float) -> int:
        over = [file for file in self._files[table] if file.day < before]
        if over:
            rest = [file for file in self._files[table] if file.day >= before]
            with transaction(self._connection):
                listing.strike(self._connection, table, before)
                self._publish(table, rest)
            self._files[table] = rest
            self._totals[table] = _total(rest)
            self._doomed |= {file.name: due for file in over}
        return len(over)

    def _reconcile(self, there: Mapping[str, int]) -> None:
        """Deal with the files that are there and not listed, once the views hold."""
        unlisted = there.keys() - self._listed().keys() - self._doomed.keys()
        self.strange = tuple(name for name in sorted(unlisted) if not self._take_in(name, there[name]))

    def _look_for(self, listed: Mapping[str, SealedFile], there: Mapping[str, int]) -> None:
        """Leave the files that are listed and not there, or not whole, out of the views."""
        self._unreadable &= listed.keys()
        gone = {name for name, file in listed.items() if there.get(name) != file.size}
        missing = tuple(sorted(gone | self._unreadable))
        changed = set(missing) ^ set(self.missing)
        self.missing = missing
        if missing and changed:
            log.error("analytics_archive_missing", files=list(missing), archive=str(self.folder))
        for table in {listed[name].table for name in changed if name in listed}:
            self._publish(table)

    def _listed(self) -> Mapping[str, SealedFile]:
        return {file.name: file for files in self._files.values() for file in files}

    def _take_in(self, name: str, size: int) -> bool:
        """Deal with a file that is not listed; whether that could be done."""
        try:
            footer = read_footer(self._connection, self.folder / name)
            if footer is None or footer.table not in self._files or footer.schema > self._schema:
                return False
            file = SealedFile(name=name, size=size, footer=footer)
            new = lacking(self._connection, file, self.folder)
        except duckdb.Error as error:
            self._put_aside(name, error)
            return True
        if new:
            self._adopt(file, shares=new < footer.rows)
        else:
            remove(self.folder, [name])
        return True

    def _adopt(self, file: SealedFile, *, shares: bool) -> None:
        with transaction(self._connection):
            listing.enter(self._connection, file, self._now())
            if shares:
                delete_shared(self._connection, file, self.folder)
            self._publish(file.table, [*self._files[file.table], file])
        self._count_in(file)
        log.warning("analytics_archive_adopted", file=file.name, rows=file.footer.rows)

    def _put_aside(self, name: str, error: duckdb.Error) -> None:
        path = self.folder / name
        moment = self._now().strftime("%Y%m%dT%H%M%S.%fZ")
        aside = path.rename(path.with_name(f"{path.name}.damaged-{moment}"))
        self.set_aside.append(str(aside.relative_to(self.folder.parent)))
        log.error("analytics_archive_damaged", file=name, reason=str(error).partition("\n")[0])

    def _count_in(self, file: SealedFile) -> None:
        self._files[file.table].append(file)
        self._totals[file.table] = _total(self._files[file.table])
        self._remember(file)

    def _remember(self, file: SealedFile) -> None:
        key = file.table, file.day
        self._positions[key] = max(self._positions.get(key, 0), file.footer.position)

    def _publish(self, table: str, files: Iterable[SealedFile] | None = None) -> None:
        wanted = self._files[table] if files is None else files
        there = [file for file in wanted if file.name not in self.missing]
        try:
            self._connection.execute(view_of(table, there, self.folder))
        except duckdb.Error:
            if files is not None:
                raise
            self._publish_readable(table, there)

    def _publish_readable(self, table: str, files: Sequence[SealedFile]) -> None:
        """Leave out the files that cannot be opened, which keep the view from being made."""
        bad = [file.name for file in files if not self._is_readable(file)]
        if not bad:
            raise duckdb.IOException(f"the view {table} cannot be made over its files")
        log.error("analytics_archive_unreadable", files=bad)
        self._unreadable.update(bad)
        self.missing = (*self.missing, *bad)
        self._publish(table)

    def _is_readable(self, file: SealedFile) -> bool:
        try:
            return read_footer(self._connection, self.folder / file.name) == file.footer
        except duckdb.Error:
            return False

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock.time(), dt.UTC).replace(tzinfo=None)


def _total(files: Sequence[SealedFile]) -> Totals:
    return Totals(
        days=len({file.day for file in files}),
        files=len(files),
        rows=sum(file.footer.rows for file in files),
        size=sum(file.size for file in files),
    )
