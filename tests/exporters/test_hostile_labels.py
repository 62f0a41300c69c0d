"""What an enemy writes into labels grows no metric past its limit, and the process by little."""

import json
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families as parsed

from exporters.process import process_registry
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.series import OVERFLOW
from exporters.table import SERIES_LIMIT, SERIES_OF_EACH, MetricTable
from integrations.samples import Sample
from tests.exporters.hostile_labels import ODD, attack, survey
from tests.fakes.calls import SampleList, call_record

CALLS = 4_000
MOST_GROWTH = 5_000_000


def test_labels_without_end_fill_each_metric_once_and_little_memory() -> None:
    command = [sys.executable, "-m", "tests.exporters.hostile_labels", str(CALLS)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    assert told["most"] == told["limit"] + 1
    assert told["dropped"] > CALLS
    assert told["grown"] <= MOST_GROWTH


def test_a_full_table_is_still_a_text_that_prometheus_reads() -> None:
    table, source = MetricTable(series_limit=50), SampleList()
    table.add_source(source)
    attack(table, source, 200)
    body = render(list(table.read()), process_registry(), Format.TEXT, compress=False).decode()
    families = {family.name: family for family in parsed(body)}
    names = {sample.labels["integration"] for sample in families["dialtone_calls"].samples}
    assert len(names) == 51
    assert names >= {OVERFLOW, f"{ODD[0]}0", f"{ODD[9]}9"}
    dropped = {
        sample.labels["family"]: sample.value for sample in families["dialtone_metric_series_dropped"].samples
    }
    assert dropped["dialtone_calls_total"] == 150
    assert dropped["dialtone_calls_in_flight"] == 3 * SERIES_LIMIT - 50


def test_what_a_full_metric_refuses_is_still_in_its_sum() -> None:
    table = MetricTable(series_limit=3)
    for number in range(100):
        table.on_signal(call_record(integration=str(number)))
    counts = {r.labels[0]: r.value for r in table.read() if r.family.name == "dialtone_calls_total"}
    assert counts == {"0": 1, "1": 1, "2": 1, OVERFLOW: 97}


def told_of(table: MetricTable, metric: str) -> int:
    return survey(list(table.read())).get(metric, 0)


def test_there_is_room_for_every_integration_that_is_configured() -> None:
    many = [f"integration-{number}" for number in range(30)]
    table = MetricTable(series_limit=5)
    health = [
        Sample("dialtone_health", (name, "v", "", str(state)), 0) for name in many for state in range(7)
    ]
    table.add_source(SampleList(*health))
    assert told_of(table, "dialtone_health") == 5
    table.welcome("integration", many)
    assert told_of(table, "dialtone_health") == len(health)
    table.remove("integration", many[1:])
    table.welcome("receiver", ["no integration"])
    for number in range(2 * SERIES_OF_EACH):
        table.on_signal(call_record(action=str(number)))
    assert told_of(table, "dialtone_calls_total") == 5 + SERIES_OF_EACH + 1


def test_an_integration_that_registered_itself_has_room_too() -> None:
    table = MetricTable(series_limit=1)
    table.add_source(SampleList(Sample("dialtone_integration_info", ("a", "v", "t", "e", "1"), 1)))
    list(table.read())
    for number in range(9):
        table.on_signal(call_record(action=str(number)))
    assert told_of(table, "dialtone_calls_total") == 9
