"""A copy of the table: freed whole, and made while what it is made of changes."""

import httpx

from exporters.copying import copied, let_go
from exporters.table import MetricTable
from integrations.connection import Connection
from integrations.samples import Sample
from tests.fakes.clock import FakeClock
from tests.fakes.framework import RecordingVendor, framework_for


def site(name: str) -> Connection:
    return Connection(id=name, vendor="http", config={"url": f"https://{name}.example/"})


async def test_a_copy_is_let_go_whole_however_many_rows_it_has() -> None:
    table = MetricTable()
    for rows in (0, 1, 2_500):
        readings = (await copied(table, clock=FakeClock())) * rows
        let_go(readings)
        assert readings == []


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
