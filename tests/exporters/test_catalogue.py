"""The catalogue obeys Prometheus' practice, is documented, and holds every metric the code names."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exporters.catalogue import CATALOGUE, SECTIONS, UNITS
from exporters.catalogue.manual import document
from exporters.catalogue.process import PROCESS_ROWS
from exporters.process import process_readings, process_registry
from tests.exporters.named_samples import named_samples

ROOT = Path(__file__).parents[2]
ABBREVIATED = {
    "s",
    "ms",
    "sec",
    "secs",
    "millis",
    "milliseconds",
    "us",
    "minutes",
    "hours",
    "b",
    "kb",
    "mb",
    "pct",
}


FAMILIES = CATALOGUE.values()


def test_a_name_is_snake_case_with_our_prefix_and_base_units() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"dialtone(_[a-z]+)+", family.name), family.name
        assert not ABBREVIATED & set(family.name.split("_")), family.name
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_created")), family.name


def test_a_counter_and_nothing_else_ends_in_total() -> None:
    assert {family.name for family in FAMILIES if family.name.endswith("_total")} == {
        family.name for family in FAMILIES if family.kind == "counter"
    }


def test_a_unit_is_a_base_unit_that_the_name_ends_in() -> None:
    for family in FAMILIES:
        words = set(family.name.split("_"))
        assert family.unit in {*UNITS, ""}, family.name
        assert bool(words & set(UNITS)) == bool(family.unit), family.name
        assert not words & {"duration", "lag", "timestamp"} or family.unit == "seconds", family.name


def test_a_help_text_is_one_sentence() -> None:
    assert [
        family.name
        for family in FAMILIES
        if not re.fullmatch(r"(?s)[A-Z1].{8,90}\.", family.help) or "\n" in family.help
    ] == []


def test_labels_are_distinct_words_that_prometheus_does_not_use_itself() -> None:
    taken = {"le", "quantile", "job", "instance", "type", "url", "caller"}
    for family in FAMILIES:
        assert len(set(family.labels)) == len(family.labels), family.name
        for label in family.labels:
            assert re.fullmatch(r"[a-z]+", label), (family.name, label)
            assert label not in taken, (family.name, label)


def test_buckets_rise_and_belong_to_histograms() -> None:
    for family in FAMILIES:
        assert bool(family.buckets) == (family.kind == "histogram"), family.name
        assert list(family.buckets) == sorted(set(family.buckets)), family.name
        assert min(family.buckets, default=0) >= 0, f"{family.name}: what is 0 belongs to the first bucket"


def test_no_metric_is_declared_twice() -> None:
    rows = [row.name for section in SECTIONS.values() for row in section]
    assert sorted(rows) == sorted(set(rows))


def test_the_manual_is_the_catalogue() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == document(), (
        "write it anew: python -m exporters.catalogue > docs/metrics.md"
    )


def test_the_rows_of_the_process_are_what_prometheus_client_exposes() -> None:
    exposed = {
        (sample.name, metric.type, metric.documentation, frozenset(sample.labels))
        for metric in process_registry().collect()
        for sample in metric.samples
    }
    assert {(row.name, row.kind, row.help, frozenset(row.labels)) for row in PROCESS_ROWS} == exposed


def test_the_process_can_be_read_as_the_table_is() -> None:
    readings = {
        (reading.family.name, reading.labels): reading.value
        for reading in process_readings(process_registry())
    }
    assert {name for name, _ in readings} == {row.name for row in PROCESS_ROWS}
    assert readings["process_resident_memory_bytes", ()] > 1_000_000
    assert readings["python_gc_collections_total", ("0",)] >= 0


def test_every_sample_in_the_code_is_a_metric_of_the_catalogue_with_its_labels() -> None:
    faults = []
    for place, name, labels in named_samples():
        row = CATALOGUE.get(name)
        if row is None:
            faults.append(f"{place}: {name} is not in the catalogue")
        elif labels not in {None, len(row.labels)}:
            faults.append(f"{place}: {name} has the labels {row.labels}")
    assert faults == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_no_fault_with_any_name() -> None:
    lines = []
    for row in CATALOGUE.values():
        lines += [f"# HELP {row.name} {row.help}", f"# TYPE {row.name} {row.kind}"]
        labels = ",".join(f'{label}="x"' for label in row.labels)
        if row.kind == "histogram":
            lines.append(f'{row.name}_bucket{{{labels}{"," if labels else ""}le="+Inf"}} 1')
            lines += [f"{row.name}_sum{{{labels}}} 1", f"{row.name}_count{{{labels}}} 1"]
        else:
            lines.append(f"{row.name}{{{labels}}} 1")
    promtool = str(shutil.which("promtool"))
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input="\n".join(lines) + "\n",
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
