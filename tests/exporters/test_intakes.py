"""Datadog and New Relic: what is sent, held against the vendors' own libraries, and what answers mean."""

import gzip
import json
import math
import random
import zlib
from collections.abc import Callable, Sequence

import msgspec
import pytest
from datadog_api_client.configuration import Configuration
from datadog_api_client.model_utils import validate_and_convert_types
from datadog_api_client.v1.model.distribution_points_payload import DistributionPointsPayload
from datadog_api_client.v1.model.service_checks import ServiceChecks
from datadog_api_client.v2.model.metric_payload import MetricPayload
from hypothesis import given
from hypothesis import strategies as st
from newrelic_telemetry_sdk import CountMetric, GaugeMetric, SummaryMetric

from exporters.catalogue import CATALOGUE
from exporters.datadog import metrics as datadog_intake
from exporters.datadog.metrics import Datadog
from exporters.naming import dotted
from exporters.native import NativeHistogram
from exporters.newrelic import metrics as newrelic_intake
from exporters.newrelic.metrics import NewRelic
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Intake, Reply
from exporters.push.representatives import values_of
from exporters.push.window import Point, Spread, Window
from exporters.settings import DatadogSettings, NewRelicSettings
from integrations.credentials.secret import Secret

CANARY = "canary-9912"
CALLS, DEPTH = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
LAG, HEALTH = CATALOGUE["dialtone_check_start_lag_seconds"], CATALOGUE["dialtone_health"]
LABELS = ("github-prod", "github", "repos.get", "traffic", "ok")
TAGS = [f"{name}:{value}" for name, value in zip(CALLS.labels, LABELS, strict=True)]


def datadog(**settings: str) -> Datadog:
    fields = {"host": "web-1", "tags": {"env": "test"}, **settings}
    return Datadog(msgspec.convert(fields | {"api_key": Secret(CANARY)}, DatadogSettings))


def newrelic(**settings: str) -> NewRelic:
    fields = {"attributes": {"host": "web-1"}, "license_key": Secret(CANARY), **settings}
    return NewRelic(msgspec.convert(fields, NewRelicSettings), version="1.2")


LIMITS = {"datadog": datadog_intake.LIMITS, "newrelic": newrelic_intake.LIMITS}
INTAKES: dict[str, Callable[[], Intake[Window]]] = {"datadog": datadog, "newrelic": newrelic}


def spread_of(*values: float) -> Spread:
    histogram = NativeHistogram()
    histogram.add(values)
    counts = (len(values), *[0] * len(LAG.buckets))
    return Spread(counts, sum(values), histogram.copy(cut=True))


def window(*points: Point, ended: float = 1_800_000_010.0) -> Window:
    return Window(started=1_799_999_000.0, began=ended - 10, ended=ended, points=points)


def call(name: str = "github-prod", rise: float = 2.0) -> Point:
    return Point(CALLS, (name, *LABELS[1:]), rise, rise)


EVERYTHING = window(
    call(),
    Point(DEPTH, ("spool",), 3.5, 3.5),
    Point(LAG, (), spread_of(0.1, 0.2, 0.4), spread_of(0.1)),
    Point(HEALTH, ("github-prod", "github", "", "down"), 1.0, 1.0),
    Point(HEALTH, ("github-prod", "github", "", "up"), 0.0, 0.0),
    Point(HEALTH, ("github-prod", "github", "read", "down"), 1.0, 1.0),
)


def plain(batch: Batch) -> bytes:
    is_gzip = batch.headers["content-encoding"] == "gzip"
    return gzip.decompress(batch.body) if is_gzip else zlib.decompress(batch.body)


def told(batches: Sequence[Batch], route: str) -> dict[str, object]:
    (batch,) = [batch for batch in batches if batch.route == route]
    body: dict[str, object] = json.loads(plain(batch))
    return body


def test_datadog_gets_counts_and_gauges_as_series() -> None:
    body = told(datadog().encode(EVERYTHING), "series")

    calls, depth = body["series"][:2]  # type: ignore[index]  # A JSON tree.
    assert calls == {
        "metric": "dialtone.calls",
        "type": 1,
        "interval": 10,
        "points": [{"timestamp": 1_800_000_010, "value": 2.0}],
        "tags": [*TAGS, "env:test"],
        "resources": [{"type": "host", "name": "web-1"}],
    }
    assert (depth["type"], depth["points"][0]["value"], "interval" in depth) == (3, 3.5, False)


def test_datadog_gets_histograms_as_distributions() -> None:
    body = told(datadog().encode(EVERYTHING), "distributions")

    (lag,) = body["series"]  # type: ignore[misc]  # A JSON tree.
    assert (lag["metric"], lag["host"], lag["tags"]) == ("dialtone.check_start_lag", "web-1", ["env:test"])
    ((stamp, values),) = lag["points"]
    assert stamp == 1_800_000_010
    assert values == [pytest.approx(value, rel=0.012) for value in (0.1, 0.2, 0.4)]


def test_datadog_gets_one_service_check_an_integration() -> None:
    (check,) = told(datadog().encode(EVERYTHING), "checks")

    assert check == {
        "check": "dialtone.integration",
        "host_name": "web-1",
        "status": 2,
        "tags": ["integration:github-prod", "vendor:github", "env:test"],
        "timestamp": 1_800_000_010,
        "message": "github-prod is down",
    }


@pytest.mark.parametrize(
    ("route", "model"),
    [("series", MetricPayload), ("distributions", DistributionPointsPayload), ("checks", ServiceChecks)],
)
def test_datadogs_own_models_read_it_without_remainder(route: str, model: type[object]) -> None:
    body = told(datadog().encode(EVERYTHING), route)

    read = validate_and_convert_types(body, (model,), ["body"], True, True, Configuration())

    assert not unread(read), read
    same = read.to_dict() if hasattr(read, "to_dict") else [check.to_dict() for check in read.value]
    assert json.loads(json.dumps(same)) == body


def unread(model: object) -> bool:
    """Whether the library met something it does not know, anywhere."""
    if isinstance(model, list):
        return any(map(unread, model))
    values = getattr(model, "_data_store", {}).values()
    return bool(getattr(model, "_unparsed", False)) or any(map(unread, values))


def test_datadogs_models_would_find_a_fault() -> None:
    body = told(datadog().encode(EVERYTHING), "series")
    body["series"][0]["type"] = 9  # type: ignore[index]  # A JSON tree.

    assert unread(validate_and_convert_types(body, (MetricPayload,), ["body"], True, True, Configuration()))


def test_the_first_window_of_a_process_shares_no_second_with_the_last_of_the_one_before() -> None:
    ended = 1_800_000_010.2
    before, after = datadog(), datadog()
    last = before.encode(Window(started=0.0, began=0.0, ended=ended, points=(call(),)))
    first = after.encode(Window(started=ended + 0.1, began=ended + 0.1, ended=ended + 0.7, points=(call(),)))

    seconds = [
        told(batches, "series")["series"][0]["points"][0]["timestamp"]  # type: ignore[index]  # A JSON tree.
        for batches in (last, first)
    ]
    assert seconds[0] < seconds[1]


def test_no_two_windows_share_a_second_because_datadog_keeps_the_last() -> None:
    intake = datadog()
    stamps = [
        told(intake.encode(window(call(), ended=ended)), "series")["series"][0]["points"][0]["timestamp"]  # type: ignore[index]  # A JSON tree.
        for ended in (1_800_000_000.2, 1_800_000_000.9, 1_800_000_001.5)
    ]

    assert stamps == [1_800_000_000, 1_800_000_001, 1_800_000_002]


def test_new_relic_gets_what_its_own_sdk_would_send() -> None:
    (batch,) = newrelic().encode(EVERYTHING)

    (body,) = json.loads(plain(batch))
    assert body["common"] == {
        "timestamp": 1_800_000_000_000,
        "interval.ms": 10_000,
        "attributes": {"host": "web-1"},
    }
    calls, depth, lag = body["metrics"][:3]
    tags = dict(zip(CALLS.labels, LABELS, strict=True))
    assert calls == theirs(CountMetric("dialtone.calls", 2.0, interval_ms=10, tags=tags))
    assert depth == theirs(GaugeMetric("dialtone.queue_depth", 3.5, tags={"queue": "spool"})) | {
        "type": "gauge"
    }
    summary = SummaryMetric("dialtone.check_start_lag", 3, pytest.approx(0.7), 0.1, 0.4, interval_ms=10)
    assert lag == theirs(summary) | {"attributes": {}}


def theirs(metric: dict[str, object]) -> dict[str, object]:
    """The library's metric without what our common block says."""
    return {name: value for name, value in metric.items() if name not in {"timestamp", "interval.ms"}}


def test_each_request_to_new_relic_has_an_id_of_its_own_that_is_kept() -> None:
    intake = newrelic()
    (batch,) = intake.encode(window(*(call(str(number)) for number in range(10))))
    ids = [each.headers["x-request-id"] for each in (batch, *intake.split(batch))]

    assert len(set(ids)) == 3
    assert "x-request-id" not in intake.address(batch).headers


@pytest.mark.parametrize("name", INTAKES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_cannot_carry_is_left_out(name: str, value: float) -> None:
    batches = INTAKES[name]().encode(window(Point(DEPTH, ("spool",), value, value), call()))

    assert [batch.points for batch in batches] == [1]


@pytest.mark.parametrize("name", INTAKES)
def test_a_window_without_points_makes_no_request(name: str) -> None:
    assert list(INTAKES[name]().encode(window())) == []


@pytest.mark.parametrize("name", INTAKES)
def test_many_points_keep_to_the_limits_and_none_is_lost(name: str) -> None:
    rng = random.Random(5)
    names = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789-", k=60)) for _ in range(25_000)]

    batches = INTAKES[name]().encode(window(*map(call, names)))

    found = [text for batch in batches for text in integrations(batch)]
    assert sorted(found) == sorted(names)
    for batch in batches:
        assert len(batch.body) <= LIMITS[name].bytes
        assert len(plain(batch)) <= LIMITS[name].plain_bytes
        assert batch.points <= LIMITS[name].items


def integrations(batch: Batch) -> list[str]:
    body = json.loads(plain(batch))
    if isinstance(body, dict):
        return [item["tags"][0].removeprefix("integration:") for item in body["series"]]
    return [item["attributes"]["integration"] for item in body[0]["metrics"]]


@pytest.mark.parametrize("name", INTAKES)
def test_a_batch_is_split_until_one_point_is_left(name: str) -> None:
    intake = INTAKES[name]()
    waiting = list(intake.encode(window(*(call(str(number)) for number in range(5)))))
    single: list[Batch] = []
    while waiting:
        parts = intake.split(batch := waiting.pop())
        waiting += parts
        single += [] if parts else [batch]

    assert [batch.points for batch in single] == [1] * 5
    assert sorted(text for batch in single for text in integrations(batch)) == list("01234")


@pytest.mark.parametrize("name", INTAKES)
def test_every_status_has_an_outcome(name: str) -> None:
    worthless = {"datadog": {400, 404, 405, 415, 422}, "newrelic": {400, 404, 405, 409, 410, 411}}[name]
    expected = (
        dict.fromkeys(range(200, 300), Action.TAKEN)
        | dict.fromkeys((*range(300, 400), *worthless), Action.REFUSED)
        | dict.fromkeys(set(range(400, 600)) - worthless, Action.RETRY)
        | {413: Action.SPLIT}
    )
    intake = INTAKES[name]()
    verdicts = {status: intake.judge(Reply(status, retry_after=7.0)) for status in range(200, 600)}

    assert {status: verdict.action for status, verdict in verdicts.items()} == expected
    waits = {status: verdict.after for status, verdict in verdicts.items() if verdict.action is Action.RETRY}
    assert waits == dict.fromkeys(waits, 7.0) | {401: None, 403: None}


@pytest.mark.parametrize("name", INTAKES)
def test_the_key_is_in_the_address_only(name: str) -> None:
    intake = INTAKES[name]()
    (batch, *_) = intake.encode(EVERYTHING)

    assert CANARY in intake.address(batch).headers.values()
    assert CANARY.encode() not in plain(batch)
    assert CANARY not in repr(batch) + repr(intake.__dict__)


@pytest.mark.parametrize(
    ("intake", "host"),
    [
        (datadog(site="datadoghq.eu"), "https://api.datadoghq.eu/api/v2/series"),
        (datadog(url="http://proxy:8080/"), "http://proxy:8080/api/v2/series"),
        (newrelic(region="eu"), "https://metric-api.eu.newrelic.com/metric/v1"),
        (newrelic(url="http://proxy/metric/v1"), "http://proxy/metric/v1"),
    ],
)
def test_sites_regions_and_proxies(intake: Intake[Window], host: str) -> None:
    (batch,) = intake.encode(window(call()))

    assert intake.address(batch).url == host


@given(values=st.lists(st.floats(min_value=0.001, max_value=100.0), min_size=1, max_size=60))
def test_the_values_of_a_histogram_come_back_as_near_as_its_buckets(values: list[float]) -> None:
    spread = spread_of(*values)
    found = values_of(Point(LAG, (), spread, spread))

    assert spread.native is not None
    width = 2.0 ** (1 / 2**spread.native.schema) - 1
    assert found == [pytest.approx(value, rel=width + 1e-3) for value in sorted(values)]


def test_without_native_buckets_values_are_the_middles_of_the_classic_ones() -> None:
    counts = (1, 1, *[0] * (len(LAG.buckets) - 2), 1)
    spread = Spread(counts, 1.0)

    low, high = LAG.buckets[0], LAG.buckets[1]
    assert values_of(Point(LAG, (), spread, spread)) == [low / 2, (low + high) / 2, LAG.buckets[-1]]


def test_all_names_fit_both_vendors() -> None:
    for family in CATALOGUE.values():
        assert dotted(family).replace(".", "").replace("_", "").isalnum()
        assert len(dotted(family)) < 100
