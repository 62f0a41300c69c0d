"""The upkeep of rollups by the writer: what the configuration says is put down, what is over is counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import structlog

from exporters.analytics.kept.returning import Returning
from exporters.analytics.rollups.declared import Declaration, declare
from exporters.analytics.rollups.kinds import ROLLUPS
from exporters.analytics.rollups.roller import Roller
from exporters.analytics.settings import Retention
from integrations.clock import Clock
from integrations.samples import Sample

log = structlog.get_logger("dialtone.analytics")


class RollupUpkeep:
    """Goes on through all files that the writer opens. `made` counts what was counted, by rollup; `problem`
    says why one cannot be made, or is empty; `declared` counts what was put down, by any configuration.

    What a file lacks comes back from the copies in `kept`. `set_aside` are those that cannot be read.
    """

    def __init__(self, *, kept: Path, clock: Clock, retention: Retention) -> None:
        self.made: Counter[str] = Counter()
        self.problem = ""
        self.declared = 0
        self.set_aside: list[str] = []
        self._kept = kept
        self._clock = clock
        self._retention = retention
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._roller: Roller | None = None
        self._declaration: Callable[[], Declaration] | None = None
        self._is_declared = True

    def declare(self, declaration: Callable[[], Declaration]) -> None:
        """Let what the configuration says hold from now on; it is asked for on the writer's thread, and again
        for each file that is opened. May be called on any thread.
        """
        self._declaration = declaration
        self._is_declared = False

    def is_due(self) -> bool:
        """Whether there is something to do in the open file."""
        roller = self._roller
        return roller is not None and (not self._is_declared or self._clock.monotonic() >= roller.due)

    def open(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Begin with a file, and give back to it what configurations said; rollups come back in steps.

        Raises:
            duckdb.Error: it cannot be used.
        """
        returning = Returning(connection, self._kept, clock=self._clock, set_aside=self.set_aside.append)
        returning.open()
        self._roller = Roller(connection, clock=self._clock, retention=self._retention, returning=returning)
        self._connection = connection
        self._is_declared = self._declaration is None

    def close(self) -> None:
        """End with the file."""
        self._connection = self._roller = None

    def step(self) -> None:
        """Do some of it.

        Raises:
            duckdb.Error: when what the configuration says cannot be put down.
        """
        self._declare()
        if roller := self._roller:
            roller.step()
            self.made.update(roller.made)
            roller.made.clear()
            if roller.problem != self.problem:
                log.warning("analytics_rollups", problem=roller.problem or "none any more")
            self.problem = roller.problem

    def samples(self) -> Iterable[Sample]:
        """How much was counted, and whether it can be."""
        yield Sample("dialtone_analytics_rollups_up", (), float(not self.problem))
        for rollup in ROLLUPS:
            yield Sample("dialtone_analytics_rollups_total", (rollup.name,), self.made[rollup.name])

    def _declare(self) -> None:
        connection, declaration = self._connection, self._declaration
        if connection is not None and declaration is not None and not self._is_declared:
            # Before it is read, so that one that comes meanwhile is not taken for this one.
            self._is_declared = True
            declare(connection, declaration())
            self.declared += 1
