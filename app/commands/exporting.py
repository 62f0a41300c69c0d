"""`dialtone analytics export`: what happened as Parquet files in a folder, day by day."""

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from app.commands import exits
from app.commands.server import Reply, Saved, segment
from app.commands.session import Session
from app.web.words import number, plural

PATH = "/v2/analytics/export"
NAME = "part.parquet"
STATE = "_dialtone_export.json"
"""What begins with an underscore is none of a table's files to those who read them."""

_MAGIC = b"PAR1"
_END_OF_DAY = dt.timedelta(days=1)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A table's day, as the server lists it."""

    table: str
    day: dt.date
    rows: int

    @property
    def place(self) -> str:
        """Where it goes."""
        return f"{self.table}/day={self.day.isoformat()}/{NAME}"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The days that there are, and which it is now."""

    today: dt.date
    days: tuple[Day, ...]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written: its rows as of a moment, and its bytes."""

    rows: int
    size: int
    as_of: dt.datetime

    def is_whole(self, day: Day) -> bool:
        """Whether it holds all that there is of a day that was over when it was written."""
        end = dt.datetime.combine(day.day, dt.time(), dt.UTC) + _END_OF_DAY
        return self.rows == day.rows and self.as_of >= end


class Outcome(msgspec.Struct, kw_only=True):
    """How an export went."""

    folder: str
    written: list[str] = []
    failed: dict[str, str] = {}
    skipped: int = 0
    rows: int = 0
    bytes: int = 0


class Target:
    """The folder of an export, with its own note of what is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = self._read()

    def has(self, day: Day) -> bool:
        """Whether a day that is over is there, whole."""
        written = self._written.get(day.place)
        path = self._folder / day.place
        return (
            written is not None
            and written.is_whole(day)
            and path.exists()
            and path.stat().st_size == written.size
        )

    def path(self, day: Day) -> Path:
        """Where a day is written to before it is whole."""
        path = self._folder / day.place
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".{NAME}.part")

    def take(self, day: Day, saved: Saved) -> tuple[int, int]:
        """Let a file that has arrived take its place; return its rows and its bytes.

        Raises:
            exits.CommandError: it is not whole.
        """
        part = self.path(day)
        size, rows = _checked(part, saved), int(saved.headers["dialtone-rows"])
        part.replace(self._folder / day.place)
        as_of = dt.datetime.fromisoformat(saved.headers["dialtone-as-of"])
        self._written[day.place] = Written(rows=rows, size=size, as_of=as_of)
        self._note()
        return rows, size

    def _read(self) -> dict[str, Written]:
        try:
            return msgspec.json.decode((self._folder / STATE).read_bytes(), type=dict[str, Written])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise exits.CommandError(
                f"{self._folder / STATE} cannot be read ({error}): remove it, and all is exported again."
            ) from error

    def _note(self) -> None:
        part = self._folder / f".{STATE}.part"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(self._written), indent=1))
        part.replace(self._folder / STATE)


def export(session: Session, target: Path, days: Sequence[Day], *, today: dt.date) -> Outcome:
    """Bring the days that are missing into a folder; one that fails does not keep the others."""
    outcome = Outcome(folder=str(target))
    folder = Target(target)
    for position, day in enumerate(days, start=1):
        if day.day < today and folder.has(day):
            outcome.skipped += 1
            continue
        with session.waiting(f"{position} of {len(days)}: {day.table} of {day.day} …"):
            _export_day(session, folder=folder, day=day, outcome=outcome)
    return outcome


def _export_day(session: Session, *, folder: Target, day: Day, outcome: Outcome) -> None:
    try:
        rows, size = _fetched(session, folder, day)
    except (exits.NoServerError, exits.NotAllowedError):
        raise
    except (exits.CommandError, OSError) as error:
        outcome.failed[day.place] = str(error)
        session.errors.print(f"{day.place}: {error}")
        return
    outcome.written.append(day.place)
    outcome.rows += rows
    outcome.bytes += size
    session.errors.print(f"{day.place}: {plural(rows, 'row')}, {number(size)} bytes")


def _fetched(session: Session, folder: Target, day: Day) -> tuple[int, int]:
    part = folder.path(day)
    try:
        saved = session.server.save(f"{PATH}/{segment(day.table)}/{day.day}", part)
        if isinstance(saved, Reply):
            session.read(saved, Listed, as_json=False)
            raise exits.CommandError("The server's answer is no file.")
        return folder.take(day, saved)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _checked(part: Path, saved: Saved) -> int:
    size = part.stat().st_size
    expected = int(saved.headers.get("content-length", size))
    with part.open("rb") as file:
        begins = file.read(len(_MAGIC))
        file.seek(-min(size, len(_MAGIC)), os.SEEK_END)
        ends = file.read()
        os.fsync(file.fileno())
    if size != expected or begins != _MAGIC or ends != _MAGIC:
        raise exits.CommandError(
            f"the file came only in part ({size:,} of {expected:,} bytes); run the export again"
        )
    return size


def wanted(listed: Listed, *, first: dt.date | None, last: dt.date | None) -> Iterator[Day]:
    """The days of a window, the oldest first."""
    for day in sorted(listed.days, key=lambda one: (one.day, one.table)):
        if (first is None or day.day >= first) and (last is None or day.day <= last):
            yield day


def summary(outcome: Outcome, *, asked: int) -> str:
    """Say how it went."""
    written = f"{plural(len(outcome.written), 'file')} written"
    took = f"{plural(outcome.rows, 'row')}, {number(outcome.bytes)} bytes"
    return f"{written} ({took}), {outcome.skipped} there already, {len(outcome.failed)} failed, of {asked}."
