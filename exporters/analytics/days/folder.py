"""A folder that DuckDB, Polars, Spark and others read while it is kept up to date.

`FOLDER/<table>/day=YYYY-MM-DD/data.parquet` holds all rows that the table has of that UTC day, and always
under this one name, which is replaced in one step: whoever lists the files and then reads them finds each row
once, whether it was hot or sealed by then. While a day grows, its file is one of versions, which stay right
for who is reading an earlier one; when nobody is, a sealed day becomes a hard link to the archive's file.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
import msgspec
import structlog

from exporters.analytics.days.desk import DayFile
from exporters.analytics.days.listed import NAMES, TableDay
from exporters.analytics.days.placing import place, remove, replace, size_of
from exporters.analytics.days.versions import Version, version_of
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.clock import Clock
from integrations.samples import Sample

log = structlog.get_logger("dialtone.analytics")

NAME = "data.parquet"
OWN = ".dialtone"
"""The folder's own folder: readers leave out what begins with a dot."""

_STATE = "state.json"
_OURS = re.compile(rf"({'|'.join(NAMES)})/day=\d{{4}}-\d\d-\d\d/{re.escape(NAME)}")
LINGER = 120.0
"""Seconds that somebody may take to read a file after it has been replaced."""

_SHARE = 9
"""At most a tenth of the time goes into it, however much there is to write."""


class Days(Protocol):
    """Where the days are told and had from."""

    async def days(self) -> tuple[TableDay, ...]:
        """All that there are; AnalyticsUnavailable is raised."""
        ...

    async def file(self, table: str, day: dt.date, /) -> DayFile:
        """One as a file; UnknownDay and AnalyticsUnavailable are raised."""
        ...


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier version, which may be read until that time (UTC seconds)."""

    version: Version
    until: float


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of the folder was made of: so many rows, and of which part of the archive, if of one; and
    where in it that stands. `linked` says that it is that part itself. `at` is UTC seconds.
    """

    rows: int
    size: int
    part: str = ""
    linked: bool = False
    version: Version | None = None
    older: tuple[Left, ...] = ()
    at: float = 0.0

    def is_of(self, day: TableDay) -> bool:
        """Whether it holds that day. Rows are only ever added, so that as many rows are the same rows."""
        return (self.rows, self.part) == (day.rows, day.part.name if day.part else "")

    def is_final(self, day: TableDay, now: float) -> bool:
        """Whether nothing is to be done about it now: a sealed day has yet to become a link."""
        return day.part is None or self.linked or now < self.at + LINGER


class FolderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the folder is. `problem` says why it is not as it should be; `current_at` is when it last was."""

    path: str
    problem: str
    current_at: float | None


class Folder:
    """Keeps the folder; owns everything in it under the tables' names."""

    def __init__(self, path: Path, *, days: Days, seconds: float, clock: Clock) -> None:
        self.path = path
        self.files: Counter[str] = Counter()
        self._days = days
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[str, Kept] | None = None
        self._problem = "not written yet"
        self._current_at: float | None = None

    async def run(self) -> None:
        """Bring it up to date again and again."""
        while True:
            started = self._clock.monotonic()
            await self.update()
            took = self._clock.monotonic() - started
            await self._clock.sleep(max(self._seconds, _SHARE * took))

    async def update(self) -> None:
        """Bring it up to date once; what cannot be done is told in the status and tried again next time."""
        try:
            at = self._clock.time()
            problem = await self._update()
            self._current_at = self._current_at if problem else at
        except (AnalyticsUnavailable, OSError) as error:
            problem = _words(error)
        if problem and problem != self._problem:
            log.warning("analytics_folder", folder=str(self.path), reason=problem)
        self._problem = problem

    def status(self) -> FolderStatus:
        """Return how it is."""
        return FolderStatus(path=str(self.path), problem=self._problem, current_at=self._current_at)

    def samples(self) -> Iterable[Sample]:
        """When it was last up to date, and what was done to its files."""
        if self._current_at is not None:
            yield Sample("dialtone_analytics_folder_timestamp_seconds", (), self._current_at)
        for result, count in self.files.items():
            yield Sample("dialtone_analytics_folder_files_total", (result,), count)

    async def _update(self) -> str:
        """Return why some of it is not up to date."""
        kept = await self._known()
        wanted = {_place_of(day): day for day in await self._days.days()}
        before, problem = dict(kept), ""
        try:
            old = await anyio.to_thread.run_sync(self._outdated, kept, wanted)
            for where in old:
                problem = await self._renew(kept, where, wanted[where]) or problem
            for where in kept.keys() - wanted.keys():
                problem = await self._drop(kept, where) or problem
        finally:
            if kept != before:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self._save, kept)
        return problem

    def _outdated(self, kept: Mapping[str, Kept], wanted: Mapping[str, TableDay]) -> list[str]:
        now = self._clock.time()
        return [
            where
            for where, day in wanted.items()
            if (had := kept.get(where)) is None
            or not had.is_of(day)
            or not had.is_final(day, now)
            or size_of(self.path / where) != had.size
        ]

    async def _renew(self, kept: dict[str, Kept], where: str, day: TableDay) -> str:
        try:
            found = await self._days.file(day.table, day.day)
            made = await anyio.to_thread.run_sync(self._put, found, where, kept.get(where))
        except (AnalyticsUnavailable, LookupError, OSError, ValueError) as error:
            self.files["failed"] += 1
            return f"{where}: {_words(error)}"
        self.files["linked" if made.linked else "written"] += 1
        kept[where] = made
        return ""

    def _put(self, found: DayFile, where: str, had: Kept | None) -> Kept:
        now, target, workshop = self._clock.time(), self.path / where, self.path / OWN
        try:
            left = self._left(had, target, now)
            if not left or _is_same(found, had, left):
                linked, left, version = not found.is_own, (), version_of(found.path)
                place(found.path, target, workshop=workshop)
            else:
                linked = False
                version = replace(found.path, target, workshop=workshop, keep=[one.version for one in left])
        finally:
            if found.is_own:
                found.path.unlink()
        return Kept(
            rows=found.rows,
            size=version.footer.end,
            part="" if found.is_own else found.path.name,
            linked=linked,
            version=version,
            older=left,
            at=now,
        )

    def _left(self, had: Kept | None, target: Path, now: float) -> tuple[Left, ...]:
        """The versions that may be being read. Of a file that was not noted all is taken for one."""
        version, older = (had.version, had.older) if had else (None, ())
        if version is None or had is None or size_of(target) != had.size:
            try:
                version, older = version_of(target), ()
            except (FileNotFoundError, ValueError):
                return ()
        return (Left(version=version, until=now + LINGER), *(one for one in older if one.until > now))

    async def _drop(self, kept: dict[str, Kept], where: str) -> str:
        try:
            await anyio.to_thread.run_sync(remove, self.path / where)
        except OSError as error:
            self.files["failed"] += 1
            return f"{where}: {_words(error)}"
        self.files["removed"] += 1
        del kept[where]
        return ""

    async def _known(self) -> dict[str, Kept]:
        if self._kept is None:
            self._kept = await anyio.to_thread.run_sync(self._load)
        return self._kept

    def _load(self) -> dict[str, Kept]:
        """Read what an earlier process noted; files that are not noted are written anew or removed."""
        self.path.mkdir(parents=True, exist_ok=True)
        for part in (self.path / OWN).glob("*.part"):
            part.unlink()
        there = {str(path.relative_to(self.path)) for path in self.path.glob(f"*/day=*/{NAME}")}
        noted: dict[str, Kept] = {}
        try:
            noted = msgspec.json.decode((self.path / OWN / _STATE).read_bytes(), type=dict[str, Kept])
        except FileNotFoundError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("analytics_folder_state", folder=str(self.path), reason=str(error))
        ours = filter(_OURS.fullmatch, sorted(there | noted.keys()))
        return {where: noted.get(where, Kept(rows=-1, size=-1)) for where in ours}

    def _save(self, kept: Mapping[str, Kept]) -> None:
        own = self.path / OWN
        own.mkdir(parents=True, exist_ok=True)
        part = own / f"{_STATE}.part"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=0))
        part.replace(own / _STATE)


def _is_same(found: DayFile, had: Kept | None, left: Sequence[Left]) -> bool:
    """Whether the archive's file has in the same places what is read there, so that a link may follow."""
    is_noted = had is not None and had.part == found.path.name and not found.is_own
    return is_noted and len(left) == 1 and left[0].version.data.start == 0


def _place_of(day: TableDay) -> str:
    return f"{day.table}/day={day.day.isoformat()}/{NAME}"


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return str(error) or type(error).__name__
