"""Loads sealed segments into DuckDB, each exactly once: rows and ledger row come in one transaction.

A segment's file is removed only after the checkpoint that holds it. Until then a damaged log costs nothing:
with it ledger row and rows are gone together, and the segment is loaded again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import duckdb
import msgspec

from exporters.analytics.archive.sealed import Archive
from exporters.analytics.database import transaction
from exporters.analytics.segments import STAGED, Names, Segment, sync_directory
from exporters.analytics.settings import CheckpointHeldUp
from exporters.analytics.tables import STORED, TABLES, Intake
from integrations.clock import Clock
from integrations.signals import Signal

# What a line that cannot be read raises, as opposed to a database that cannot write.
_UNREADABLE = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)
_IN_THE_WAY = "other write transactions"
"""So DuckDB calls readers that are older than a commit which updated rows or made a view."""


class Loader:
    """Writes into one open database, on one thread at a time.

    `rows` counts committed rows by table since the start of this loader, `lost` lines that could not be read.
    `held` are segments that are loaded and wait for the checkpoint, `position` says how far the log of stored
    signals is copied; it may be asked from any thread.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, *, archive: Archive, spool: Path, clock: Clock
    ) -> None:
        self.rows: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self._connection = connection
        self._archive = archive
        self._spool = spool
        self._clock = clock
        self._names = Names(spool, clock)
        self._intakes = {table: Intake.of(connection, table) for table in TABLES.values()}
        self.held: list[Segment] = []
        self._ledger = {name for (name,) in connection.execute("SELECT segment FROM ledger").fetchall()}
        self._retired = self._ledger - {path.stem for path in spool.iterdir()}
        self.position: int = connection.execute("SELECT max(position) FROM cursors").fetchall()[0][0]

    def load(self, segments: Sequence[Segment]) -> None:
        """Load segments in one transaction; those in the ledger already are only kept for removal.

        Raises:
            duckdb.Error, OSError: nothing of them is loaded then.
        """
        new = [
            segment for segment in segments if segment.name not in self._ledger and self._is_there(segment)
        ]
        if new:
            try:
                self._commit(new, lenient=False)
            except _UNREADABLE:
                for segment in new:
                    self._load_what_can_be_read(segment)
        self.held += segments

    def copy(self, stored: Sequence[tuple[int, Signal]]) -> None:
        """Copy a page of the log of stored signals, and move the cursor in the same transaction.

        Those that were sealed already are left out: a database that was begun anew copies the log once more.
        """
        paths = self._stage(
            signal
            for position, signal in stored
            if type(signal) in STORED and not self._archive.has(TABLES[type(signal)], signal.at, position)
        )
        try:
            with transaction(self._connection):
                counts = {table: self._insert(table, [path]) for table, path in paths.items()}
                self._set_position(stored[-1][0])
            self.position = stored[-1][0]
        finally:
            for path in paths.values():
                path.unlink()
        self.rows.update(counts)

    def align(self, end: int) -> None:
        """Move the cursor back to the log's end, when an older or a new log stands in the old one's place."""
        self._archive.align(end)
        if self.position > end:
            with transaction(self._connection):
                self._set_position(end)
            self.position = end

    def checkpoint(self) -> int:
        """Write everything into the file itself, then remove the segments it holds; return their bytes.

        Raises:
            CheckpointHeldUp: a reader is in the way; nothing was changed.
        """
        try:
            self._connection.execute("CHECKPOINT hot")
        except duckdb.TransactionException as error:
            if _IN_THE_WAY not in str(error):
                raise
            raise CheckpointHeldUp("a query that has run for a while holds up the checkpoint") from error
        for segment in self.held:
            segment.path.unlink(missing_ok=True)
        sync_directory(self._spool)
        # Only now may the ledger forget them: a segment that came back after a power cut would load twice.
        self._retired |= {segment.name for segment in self.held}
        removed = sum(segment.size for segment in self.held)
        self.held.clear()
        return removed

    def probe(self) -> None:
        """Run a real query; a database that has given up raises here."""
        self._connection.execute("SELECT max(schema_version) FROM meta").fetchall()

    def _set_position(self, position: int) -> None:
        """No UPDATE: DuckDB cannot checkpoint what was updated while a reader from before is at work."""
        self._connection.execute("DELETE FROM cursors")
        self._connection.execute("INSERT INTO cursors VALUES ('storage', ?)", [position])

    def _is_there(self, segment: Segment) -> bool:
        """A file that someone removed is lost, and must not keep the others from being loaded."""
        if segment.path.exists():
            return True
        self.lost[segment.table] += segment.rows
        return False

    def _load_what_can_be_read(self, segment: Segment) -> None:
        try:
            self._commit([segment], lenient=False)
        except _UNREADABLE:
            read = self._commit([segment], lenient=True)
            self.lost[segment.table] += segment.rows - read

    def _commit(self, segments: Sequence[Segment], *, lenient: bool) -> int:
        counts: Counter[str] = Counter()
        with transaction(self._connection):
            for table, group in groupby(sorted(segments, key=_by_table), key=lambda segment: segment.table):
                counts[table] = self._insert(table, [segment.path for segment in group], lenient=lenient)
            self._write_ledger(segments)
        self._ledger |= {segment.name for segment in segments}
        self._ledger -= self._retired
        self._retired.clear()
        self.rows.update(counts)
        return counts.total()

    def _insert(self, table: str, paths: Sequence[Path], *, lenient: bool = False) -> int:
        statement = self._intakes[table].statement(paths, lenient=lenient)
        count: int = self._connection.execute(statement).fetchall()[0][0]
        return count

    def _write_ledger(self, segments: Sequence[Segment]) -> None:
        names, rows = [segment.name for segment in segments], [segment.rows for segment in segments]
        self._connection.execute(
            "INSERT INTO ledger SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), ?",
            [names, rows, datetime.fromtimestamp(self._clock.time(), UTC).replace(tzinfo=None)],
        )
        if self._retired:
            self._connection.execute(
                "DELETE FROM ledger WHERE segment IN (SELECT unnest(?::VARCHAR[]))", [sorted(self._retired)]
            )

    def _stage(self, signals: Iterable[Signal]) -> Mapping[str, Path]:
        tables: dict[str, list[Signal]] = {}
        for signal in signals:
            tables.setdefault(TABLES[type(signal)], []).append(signal)
        encode = msgspec.json.Encoder().encode_lines
        paths = {table: self._names.next(table, STAGED) for table in tables}
        for table, path in paths.items():
            path.write_bytes(encode(tables[table]))
        return paths


def _by_table(segment: Segment) -> tuple[str, str]:
    return segment.table, segment.name
