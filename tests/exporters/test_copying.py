"""A copy of the table: made in slices, and while what it is made of changes."""

import anyio
import anyio.lowlevel
import httpx

from exporters.copying import SLICE, copied, slices
from exporters.table import MetricTable
from exporters.told import MOST_FLAGS, Told
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


async def test_a_copy_is_made_in_slices_that_end_when_their_time_is_up() -> None:
    table = MetricTable()
    for number in range(100):
        table.on_signal(call_record(integration=f"site-{number}"))
    whole = await copied(table, clock=FakeClock())

    parts = list(slices(table, clock=Passing(), told=Told()))

    assert [len(part) for part in parts[:-1]] == [200] * (len(whole) // 200)
    assert [reading for part in parts for reading in part] == whole


def test_a_copy_that_lasts_long_works_longer_between_the_turns_of_the_loop() -> None:
    table, clock = MetricTable(), Passing()
    for number in range(1_000):
        table.on_signal(call_record(integration=f"site-{number}"))

    sizes = []
    for part in slices(table, clock=clock, told=Told()):
        sizes.append(len(part))
        clock.advance(0.5)

    assert sizes[0] == sizes[1] == 200
    assert sizes[-2] > 2 * sizes[0]


def test_what_a_reading_told_of_is_let_go_in_steps() -> None:
    told = Told()
    assert len(list(two_metrics_of_6_000_series().read(told=told))) == 12_000

    left = [remembered(told) for _ in told.let_go()]

    assert left == [7_000 - 2 * MOST_FLAGS, 2_000 - 2 * MOST_FLAGS]
    assert remembered(told) == 0


async def test_a_reading_that_is_cancelled_lets_go_in_steps_between_which_the_loop_runs() -> None:
    left = list[int]()

    async def watch(told: Told) -> None:
        while remembered(told):
            left.append(remembered(told))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            async with Told() as told:
                list(two_metrics_of_6_000_series().read(told=told))
                group.start_soon(watch, told)
                scope.cancel()
                await anyio.lowlevel.checkpoint()

    assert scope.cancelled_caught
    assert remembered(told) == 0
    assert {7_000 - 2 * MOST_FLAGS, 2_000 - 2 * MOST_FLAGS} <= set(left)


def two_metrics_of_6_000_series() -> MetricTable:
    table = MetricTable(series_limit=6_000)
    metrics = ("dialtone_credential_expiry_timestamp_seconds", "dialtone_credential_refreshes_total")
    table.add_source(SampleList(*(Sample(name, (f"{n}",) * 2, n) for name in metrics for n in range(6_000))))
    return table


def remembered(told: Told) -> int:
    return sum(len(line.hashes) for line in told.lines.values())


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
