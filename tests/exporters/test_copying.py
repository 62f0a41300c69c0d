"""A copy of the table: made in slices, and while what it is made of changes."""

import httpx

from exporters.copying import SLICE, copied, slices
from exporters.table import MetricTable
from exporters.told import Told
from integrations.connection import Connection
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record
from tests.fakes.clock import FakeClock
from tests.fakes.framework import RecordingVendor, framework_for


def site(name: str) -> Connection:
    return Connection(id=name, vendor="http", config={"url": f"https://{name}.example/"})


class Passing(FakeClock):
    """Time passes whenever somebody looks."""

    def monotonic(self) -> float:
        self.advance(SLICE / 3.5)
        return super().monotonic()


class Hurried(FakeClock):
    """Time is up whenever somebody looks."""

    def monotonic(self) -> float:
        self.advance(1.5 * SLICE)
        return super().monotonic()


async def test_a_copy_is_made_in_slices_that_end_when_their_time_is_up() -> None:
    table = MetricTable()
    for number in range(100):
        table.on_signal(call_record(integration=f"site-{number}"))
    whole = await copied(table, clock=FakeClock())

    parts = list(slices(table, clock=Passing()))

    assert [len(part) for part in parts[:-1]] == [200] * (len(whole) // 200)
    assert [reading for part in parts for reading in part] == whole


def test_what_a_reading_told_of_is_let_go_in_steps() -> None:
    table, told = MetricTable(series_limit=5_000), Told()
    table.add_source(SampleList(*(Sample("dialtone_queue_depth", (f"{n}",), n) for n in range(2_500))))
    assert len(list(table.read(told=told))) == 2_500

    left = [sum(len(line.hashes) for line in told.lines.values()) for _ in told.let_go()]

    assert left == [1_500, 500, 0]


async def test_a_copy_lets_go_of_what_it_told_of_within_its_slices() -> None:
    table = MetricTable(series_limit=5_000)
    table.add_source(SampleList(*(Sample("dialtone_queue_depth", (f"{n}",), n) for n in range(2_500))))
    read = len(list(table.read()))

    parts = [len(part) for part in slices(table, clock=Hurried())]

    assert sum(parts) == read
    assert parts[-4:] == [0] * 4


def test_the_samples_of_integrations_are_told_while_one_comes_and_one_goes() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    for name in ("one", "two"):
        framework.register_integration(site(name))
    told: list[Sample] = []
    for sample in framework.samples():
        if not told:
            framework.withdraw_integration("two")
            framework.register_integration(site("three"))
        told.append(sample)
    assert told[0].labels[0] == "one"
