"""Windows as Dialtone cuts them, for benchmarks of what intakes are sent."""

import random
from collections.abc import Iterable

from exporters.push.window import Cutter, Window
from exporters.table import MetricTable
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record

BEGAN = 1_800_000_000.0
SECONDS = 10.0
STATES = ("up", "degraded", "down", "throttled")
POINTS_EACH = 11
"""Of an integration: four counters, three histograms and four gauges."""
CALLS = 3


class Traffic:
    """A table with so many integrations, all of which are called in each window."""

    def __init__(self, *, points: int) -> None:
        self.names = [f"integration-{number}" for number in range(points // POINTS_EACH)]
        self.table = MetricTable(native=True, series_limit=points)
        self.table.add_source(SampleList(*_health(self.names)))
        self._random = random.Random(7)
        self._cutter = Cutter(began=BEGAN)
        self.calls = 0

    def cut(self) -> Window:
        """Make calls, and cut the window of them."""
        for name in self.names:
            for _ in range(CALLS):
                self.table.on_signal(
                    call_record(integration=name, duration=self._random.lognormvariate(-2.0, 0.8))
                )
        self.calls += CALLS * len(self.names)
        return self._cutter.cut(list(self.table.read(cut=True)), at=self._cutter.ended + SECONDS)


def _health(names: Iterable[str]) -> Iterable[Sample]:
    return [
        Sample("dialtone_health", (name, "github", "", state), float(state == "up"))
        for name in names
        for state in STATES
    ]
