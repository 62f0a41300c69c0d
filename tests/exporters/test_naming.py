"""The names of metrics where names have dots: by rule, within limits, no two the same, and by convention."""

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest
from opentelemetry.semconv import _incubating
from opentelemetry.semconv._incubating import attributes as registry
from opentelemetry.semconv._incubating import metrics as conventions

from exporters.catalogue import CATALOGUE, EXPOSED, Family
from exporters.naming import (
    attribute_value,
    datadog_unit,
    dotted,
    opentelemetry_attributes,
    opentelemetry_name,
    opentelemetry_unit,
)

DATADOG_LONGEST, NEW_RELIC_LONGEST, OPENTELEMETRY_LONGEST = 200, 255, 255
INSTRUMENTS = {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}
CONVENTIONAL = [row for row in EXPOSED.values() if row.convention is not None]


class Meter:
    """Takes down the instruments that the conventions' package would make of it."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, str]] = {}

    def __getattr__(self, method: str) -> object:
        instrument = method.removeprefix("create_")

        def create(name: str, *_: object, unit: str = "", **__: object) -> None:
            self.known[name] = (instrument, unit)

        return create


@pytest.fixture(scope="module")
def instruments() -> dict[str, tuple[str, str]]:
    """Instrument and unit of every metric in OpenTelemetry's semantic conventions."""
    meter = Meter()
    for found in iter_modules(conventions.__path__, f"{conventions.__name__}."):
        module = import_module(found.name)
        for name in dir(module):
            if name.startswith("create_"):
                create = getattr(module, name)
                arguments = (meter, None)[: create.__code__.co_argcount]
                create(*arguments)
    return meter.known


def attributes() -> Iterator[str]:
    for found in iter_modules(registry.__path__, f"{registry.__name__}."):
        module = import_module(found.name)
        yield from (
            value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)
        )


def test_the_name_has_dots_and_neither_unit_nor_total() -> None:
    names = {row.name: dotted(row) for row in EXPOSED.values()}
    assert names["dialtone_call_duration_seconds"] == "dialtone.call_duration"
    assert names["dialtone_request_bytes_total"] == "dialtone.request"
    assert names["dialtone_calls_total"] == "dialtone.calls"
    assert names["dialtone_health"] == "dialtone.health"
    assert names["process_open_fds"] == "dialtone.process_open_fds"


def test_no_two_metrics_are_called_the_same_with_dots() -> None:
    names = [dotted(row).lower() for row in EXPOSED.values()]
    assert sorted(names) == sorted(set(names))


def test_two_metrics_are_one_by_opentelemetry_s_conventions_only_where_their_series_differ() -> None:
    same: dict[str, list[Family]] = {}
    for row in EXPOSED.values():
        same.setdefault(opentelemetry_name(row).lower(), []).append(row)
    shared = [rows for rows in same.values() if len(rows) > 1]
    assert [[row.name for row in rows] for rows in shared] == [
        ["dialtone_exporter_points_total", "dialtone_exporter_points_dropped_total"]
    ]
    for rows in shared:
        assert len({(row.kind, opentelemetry_unit(row), row.buckets) for row in rows}) == 1
        assert len({tuple(opentelemetry_attributes(row)) for row in rows}) == len(rows)


@pytest.mark.parametrize("row", EXPOSED.values(), ids=list(EXPOSED))
def test_every_intake_takes_every_name_as_it_is(row: Family) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", dotted(row))
    assert len(dotted(row)) <= min(DATADOG_LONGEST, NEW_RELIC_LONGEST)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-/]*", opentelemetry_name(row))
    assert len(opentelemetry_name(row)) <= OPENTELEMETRY_LONGEST
    assert datadog_unit(row) in {"second", "byte", "fraction", ""}


@pytest.mark.parametrize("row", EXPOSED.values(), ids=list(EXPOSED))
def test_no_two_labels_of_a_metric_are_called_the_same(row: Family) -> None:
    constants = [] if row.convention is None else [name for name, _ in row.convention.constants]
    names = [*opentelemetry_attributes(row), *constants]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("row", CONVENTIONAL, ids=lambda row: row.name)
def test_a_convention_is_one_of_opentelemetry_s(row: Family, instruments: dict[str, tuple[str, str]]) -> None:
    assert row.convention is not None
    instrument, unit = instruments[row.convention.name]
    assert unit == row.convention.unit == opentelemetry_unit(row)
    is_level = row.kind == "gauge" and row.convention.is_level
    assert instrument.removeprefix("observable_") == ("up_down_counter" if is_level else row.kind)


@pytest.mark.parametrize("row", CONVENTIONAL, ids=lambda row: row.name)
def test_attributes_of_a_convention_are_in_opentelemetry_s_registry(row: Family) -> None:
    assert row.convention is not None
    pairs = (*row.convention.attributes, *((name, name) for name, _ in row.convention.constants))
    assert {called for _, called in pairs} <= set(attributes())
    assert {label for label, _ in row.convention.attributes} <= set(row.labels)


def test_the_oracle_knows_conventions(instruments: dict[str, tuple[str, str]]) -> None:
    assert _incubating.__name__ in conventions.__name__
    assert instruments["http.client.request.duration"] == ("histogram", "s")
    assert len(CONVENTIONAL) >= 5


def test_units_are_ucum_s_and_datadog_s() -> None:
    units = {name: (opentelemetry_unit(row), datadog_unit(row)) for name, row in CATALOGUE.items()}
    assert units["dialtone_call_duration_seconds"] == ("s", "second")
    assert units["dialtone_request_bytes_total"] == ("By", "byte")
    assert units["dialtone_breaker_failure_ratio"] == ("1", "fraction")
    assert units["dialtone_calls_total"] == ("1", "")


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        pytest.param("http.response.status_code", "404", 404, id="a number"),
        pytest.param("http.response.status_code", "overflow", "", id="no number"),
        pytest.param("http.response.status_code", "٤٠٤", "", id="digits of another script"),
        pytest.param("error.type", "timeout", "timeout", id="an error"),
        pytest.param("error.type", "ok", "", id="no error"),
        pytest.param("http.request.method", "other", "_OTHER", id="a method that nobody knows"),
        pytest.param("integration", "ok", "ok", id="a label of our own"),
    ],
)
def test_a_label_s_value_is_told_as_the_attribute_wants_it(
    attribute: str, value: str, told: str | int
) -> None:
    assert attribute_value(attribute, value) == told
