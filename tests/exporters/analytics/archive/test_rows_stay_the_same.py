"""Whatever happens in whatever order, the view has each row that was loaded, once: rows of any day, late
ones, sealing cut off between any two of its steps, kills, damaged logs, restarts, days going by.
"""

import secrets
from datetime import UTC
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporters.analytics.archive.files import unfinished
from integrations.signals import Health, Signal
from tests.exporters.analytics.archive.sealing_by_hand import (
    DAY,
    archive_of,
    files,
    planned,
    seal,
    write,
)
from tests.exporters.analytics.generated import Pair, abandon, call, health_change, started


class Cut(StrEnum):
    """Where a sweep ends: after that step of its first part, or not before it is through."""

    PLANNED = "planned"
    WRITING = "writing"
    WRITTEN = "written"
    SEALED = "sealed"
    LATE = "late rows while it is written"
    NONE = "none"


class End(StrEnum):
    """How a process ends, and another begins."""

    STOP = "stop"
    KILL = "kill"
    DAMAGED_LOG = "kill, and the log is damaged"
    LOST_LOG = "kill, and the log is gone"


class World:
    """A directory with its processes one after another, and what must be seen."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pair = started(directory)
        self.is_late = False
        self.calls: list[int] = []
        self.stored: list[tuple[int, Signal]] = []

    def load(self, ago: float) -> None:
        """Load two rows of so many days ago, which are the same but for their number."""
        numbers = [len(self.calls), len(self.calls) + 1]
        self.calls += numbers
        at = self.pair.clock.time() - ago * DAY
        self.pair.load([call(number, at=at) for number in numbers])
        self.stored.append((len(self.stored) + 1, health_change(at, Health.DOWN)))
        self.copy()

    def copy(self) -> None:
        """Copy what is new in the log of stored signals, as the store does."""
        position = self.pair.writer.position()
        assert position is not None
        page = [entry for entry in self.stored if entry[0] > position]
        if page:
            self.pair.writer.copy(page)

    def sweep(self, cut: Cut) -> None:
        """Sweep, and stop where the cut is."""
        for part in planned(self.pair):
            if cut is Cut.PLANNED:
                return
            file = write(self.pair, part)
            if file is None:
                # Only late rows of this very sweep are a reason.
                assert self.is_late
                continue
            if cut is Cut.WRITING:
                path = archive_of(self.pair).folder / file.name
                path.rename(unfinished(path))
            if cut in {Cut.WRITING, Cut.WRITTEN}:
                return
            if cut is Cut.LATE and not self.is_late:
                self.is_late = True
                self.load((self.pair.clock.time() - part.start.replace(tzinfo=UTC).timestamp()) / DAY)
                assert seal(self.pair, part, file) is False
                continue
            assert seal(self.pair, part, file)
            if cut is Cut.SEALED:
                return

    def end(self, how: End) -> None:
        """Let the process end, and another begin."""
        clock = self.pair.clock
        if how is End.STOP:
            self.pair.close()
        else:
            abandon(self.pair)
        log = self.directory / "hot.duckdb.wal"
        if how is End.DAMAGED_LOG and log.exists():
            content = bytearray(log.read_bytes())
            content[len(content) * 2 // 3] ^= 4
            log.write_bytes(content)
        if how is End.LOST_LOG:
            log.unlink(missing_ok=True)
        self.pair = Pair(self.directory)
        self.pair.clock.advance(clock.monotonic() - self.pair.clock.monotonic())
        self.pair.spool.recover()
        self.pair.writer.step()
        self.copy()

    def take(self, step: float | Cut | End) -> None:
        """Rows of so many days ago, a sweep with its cut, an end, or so many hours that go by."""
        if isinstance(step, Cut):
            self.is_late = False
            self.sweep(step)
        elif isinstance(step, End):
            self.end(step)
        elif isinstance(step, float):
            self.load(step)
        else:
            self.pair.clock.advance(step * 3_600.0)

    def is_whole(self) -> bool:
        """Whether the files that are there are those that are listed."""
        names = {name for (name,) in self.pair.rows("SELECT file FROM sealed_files")}
        folder = archive_of(self.pair).folder
        return names == {str(path.relative_to(folder)) for path in files(self.directory)}

    def check(self) -> None:
        """Hold what is seen against what was loaded."""
        assert self.pair.seqs() == self.calls
        assert self.pair.rows("SELECT count(*) FROM health_changes") == [(len(self.stored),)]


ENDS = st.sampled_from(End)
STEPS = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 3.0, 40.5]),
    st.sampled_from(Cut),
    st.sampled_from(Cut),
    ENDS,
    st.integers(1, 40),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@settings(max_examples=8)
@given(steps=st.lists(STEPS, min_size=3, max_size=8), end=ENDS)
@example(steps=[3.0, 3.0, Cut.WRITTEN, End.KILL, Cut.NONE, 3.0, Cut.NONE], end=End.DAMAGED_LOG)
@example(steps=[3.0, 0.0, Cut.SEALED, End.LOST_LOG, 3.0, Cut.LATE, Cut.WRITING], end=End.KILL)
@example(steps=[2.0, Cut.NONE, 2.0, Cut.WRITTEN, Cut.NONE, 5, Cut.SEALED], end=End.LOST_LOG)
def test_each_row_is_seen_once_whatever_happens(
    folder: Path, steps: list[float | Cut | End], end: End
) -> None:
    world = World(folder / secrets.token_hex(4))
    for step in (*steps, end):
        world.take(step)
        world.check()
    world.sweep(Cut.NONE)
    world.check()
    assert world.is_whole()
    world.pair.close()
