"""Datadog's encoding beyond what test_intakes.py holds of all intakes: tags, sites, ages, what overwrites."""

import json
import math
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.catalogue import CATALOGUE, Family
from exporters.datadog.checks import service_checks
from exporters.datadog.metrics import LIMITS, Datadog
from exporters.datadog.sites import SITES
from exporters.datadog.tags import MOST_REMEMBERED, Tags, tag_of
from exporters.native import NativeHistogram
from exporters.push.batchfile import Batch
from exporters.push.compression import Encoding, decompressed
from exporters.push.window import Point, Spread, Window
from exporters.settings import MAX_TAG, DatadogSettings
from integrations.credentials.secret import Secret

CALLS, DEPTH = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
DURATION, HEALTH = CATALOGUE["dialtone_call_duration_seconds"], CATALOGUE["dialtone_health"]
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def intake(**fields: object) -> Datadog:
    given = {"host": "web-1", "tags": {"env": "test"}, "api_key": Secret("k" * 32), **fields}
    return Datadog(msgspec.convert(given, DatadogSettings))


def window(*points: Point, ended: float = 1_800_000_010.0) -> Window:
    return Window(started=0.0, began=ended - 10, ended=ended, points=points)


def call(name: str, rise: float = 1.0, *, action: str = "repos.get") -> Point:
    return Point(CALLS, (name, "github", action, "traffic", "ok"), rise, rise)


def spread(*values: float) -> Spread:
    histogram = NativeHistogram()
    histogram.add(values)
    return Spread((len(values), *[0] * len(DURATION.buckets)), sum(values), histogram.copy(cut=True))


def duration(name: str, *values: float) -> Point:
    return Point(DURATION, (name, "github", "repos.get", "traffic"), spread(*values), spread(*values))


class Series(msgspec.Struct):
    """An item of series, as far as tests look at it."""

    metric: str
    type: int
    points: list[dict[str, float]]
    tags: list[str]


class Distribution(msgspec.Struct):
    """An item of distributions."""

    metric: str
    points: list[tuple[int, list[float]]]
    tags: list[str]


def items(batches: Sequence[Batch], route: str) -> list[object]:
    found: list[object] = []
    for batch in batches:
        if batch.route == route:
            body = json.loads(decompressed(batch.body, batch.headers["content-encoding"]))
            found += body if route == "checks" else body["series"]
    return found


def series_of(batches: Sequence[Batch]) -> list[Series]:
    return msgspec.convert(items(batches, "series"), list[Series])


def distributions_of(batches: Sequence[Batch]) -> list[Distribution]:
    return msgspec.convert(items(batches, "distributions"), list[Distribution])


def told_of(batches: Sequence[Batch]) -> list[Series | Distribution]:
    return [*series_of(batches), *distributions_of(batches)]


def values(batches: Sequence[Batch]) -> list[float]:
    return [item.points[0]["value"] for item in series_of(batches)]


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("github-prod", "integration:github-prod"),
        ("GitHub Prod", "integration:github_prod"),
        ("a,b|c#d@e\nf", "integration:a_b_c_d_e_f"),
        ("/v2/things/{id}", "integration:/v2/things/_id_"),
        ("Zürich", "integration:zürich"),
        ("x" * 300, f"integration:{'x' * 188}"),
        ("ends:", "integration:ends"),
    ],
)
def test_a_tag_is_what_datadog_would_make_of_it(value: str, tag: str) -> None:
    assert tag_of("integration", value) == tag


@given(name=st.sampled_from(CALLS.labels), value=NAMES | st.text(min_size=150, max_size=400))
def test_a_tag_keeps_to_datadogs_rules_and_is_not_mended_twice(name: str, value: str) -> None:
    tag = tag_of(name, value)

    assert len(tag) <= MAX_TAG
    assert tag == tag.lower()
    assert not set(tag) & set(",|#@\n \"'{}")
    assert tag_of(*tag.split(":", 1)) == tag if ":" in tag else tag == name


def test_series_that_would_overwrite_each_other_are_added_up() -> None:
    same = [call("Zürich 1", 2.0), call("zürich_1", 3.0), call("other", 5.0)]
    long = [call("x" * 300 + end, 7.0) for end in "ab"]

    assert values(intake().encode(window(*same, *long))) == [5.0, 5.0, 14.0]


def test_histograms_that_would_overwrite_each_other_become_one() -> None:
    batches = intake().encode(window(duration("A b", 0.1), duration("a_b", 0.2, 0.2)))

    (item,) = distributions_of(batches)
    ((_, told),) = item.points
    assert told == [pytest.approx(value, rel=0.012) for value in (0.1, 0.2, 0.2)]


def test_the_last_of_two_gauges_that_become_one_counts() -> None:
    points = [Point(DEPTH, (name,), value, value) for name, value in (("A b", 4.0), ("a_b", 9.0))]

    assert values(intake().encode(window(*points))) == [9.0]


@given(
    calls=st.lists(st.tuples(NAMES, st.floats(min_value=0.001, max_value=1e12))),
    gauges=st.lists(st.tuples(NAMES, st.floats()), max_size=8),
    timed=st.lists(st.tuples(NAMES, st.lists(st.floats(0, 1e4), min_size=1, max_size=9)), max_size=4),
)
def test_any_window_is_encoded_without_loss_and_within_the_limits(
    calls: list[tuple[str, float]], gauges: list[tuple[str, float]], timed: list[tuple[str, list[float]]]
) -> None:
    points = [call(name, rise) for name, rise in calls]
    points += [Point(DEPTH, (name,), value, value) for name, value in gauges]
    points += [duration(name, *met) for name, met in timed]

    batches = intake().encode(window(*points))

    series = series_of(batches)
    told = [item.points[0]["value"] for item in series if item.type == 1]
    assert math.fsum(told) == pytest.approx(math.fsum(rise for _, rise in calls))
    identities = [(item.metric, *item.tags) for item in series]
    assert len(set(identities)) == len(identities)
    finite = {tag_of("queue", name) for name, value in gauges if math.isfinite(value)}
    assert len(series) - len(told) == len(finite)
    timed_values = [value for item in distributions_of(batches) for value in item.points[0][1]]
    assert len(timed_values) == sum(len(met) for _, met in timed)
    for batch in batches:
        assert len(batch.body) <= LIMITS.bytes
        assert len(decompressed(batch.body, "deflate")) <= LIMITS.plain_bytes


def test_all_points_of_a_window_are_in_one_second_and_the_values_are_exact() -> None:
    rises = [0.1, 1 / 3, 1e-9, 2.0**60]

    batches = intake().encode(window(*(call(str(rise), rise) for rise in rises)))

    assert values(batches) == rises
    assert {item.points[0]["timestamp"] for item in series_of(batches)} == {1_800_000_010}


@pytest.mark.parametrize("encoding", Encoding)
def test_counts_are_compressed_as_configured_and_the_rest_as_datadog_asks(encoding: Encoding) -> None:
    batches = intake(compression=encoding).encode(
        window(call("a"), duration("a", 0.1), Point(HEALTH, ("a", "github", "", "up"), 1.0, 1.0))
    )

    used = {batch.route: batch.headers["content-encoding"] for batch in batches}
    written = "zstd1" if encoding is Encoding.ZSTD else encoding.value
    assert used == {"series": written, "distributions": "deflate", "checks": "deflate"}
    assert [len(items(batches, route)) for route in used] == [2, 1, 1]


@pytest.mark.parametrize("encoding", Encoding)
def test_a_split_keeps_every_item_byte_for_byte_in_either_encoding(encoding: Encoding) -> None:
    datadog = intake(compression=encoding)
    points = [each for name in "abc" for each in (call(name), duration(name, 0.1))]
    points += [Point(HEALTH, (name, "github", "", "up"), 1.0, 1.0) for name in "abc"]

    for whole in datadog.encode(window(*points)):
        parts = datadog.split(whole)

        assert [item for part in parts for item in items([part], part.route)] == items([whole], whole.route)
        assert {(part.route, part.keep) for part in parts} == {(whole.route, whole.keep)}
        assert sum(part.points for part in parts) == whole.points


def test_service_checks_are_given_up_before_datadog_finds_them_too_old() -> None:
    batches = intake().encode(window(call("a"), Point(HEALTH, ("a", "github", "", "up"), 1.0, 1.0)))

    assert {batch.route: batch.keep for batch in batches} == {"series": None, "checks": 540.0}
    assert Datadog.keep < 3_600


@pytest.mark.parametrize(
    ("state", "status"),
    [("up", 0), ("degraded", 1), ("throttled", 1), ("down", 2), ("unauthorized", 2), ("unknown", 3)],
)
def test_each_state_of_health_is_a_status_of_the_check(state: str, status: int) -> None:
    point = Point(HEALTH, ("a", "github", "", state), 1.0, 1.0)

    (check,) = service_checks([point], at=1, host="web-1", tags={"env": "Test"})

    assert (check.status, check.message) == (status, f"a is {state}")
    assert check.tags == ["integration:a", "vendor:github", "env:test"]


@pytest.mark.parametrize("site", SITES)
def test_every_site_has_its_own_address(site: str) -> None:
    (batch,) = (datadog := intake(site=site)).encode(window(call("a")))

    assert datadog.address(batch).url == f"https://api.{site}/api/v2/series"


@pytest.mark.parametrize(
    ("site", "meant"),
    [
        ("datadoghq.de", "datadoghq.eu"),
        ("https://app.datadoghq.eu", "datadoghq.eu"),
        ("https://us5.datadoghq.com/dashboard", "us5.datadoghq.com"),
        ("US3.datadoghq.com", "us3.datadoghq.com"),
        ("us4.datadoghq.com", "us"),
    ],
)
def test_a_site_that_is_none_is_refused_with_the_one_that_was_meant(site: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"exporters\.datadog\.site .*did you mean {meant}.*set `url`"):
        DatadogSettings(api_key=Secret("k"), site=site)


def test_a_site_that_looks_like_none_is_refused_with_all_there_are() -> None:
    with pytest.raises(ValueError, match=r"'splunk' is none of Datadog's sites \(datadoghq\.com, .*\)\. For"):
        DatadogSettings(api_key=Secret("k"), site="splunk")


def test_behind_a_proxy_any_site_will_do() -> None:
    (batch,) = (datadog := intake(site="dev", url="http://proxy:80/dd/")).encode(window(call("a")))

    assert datadog.address(batch).url == "http://proxy:80/dd/api/v2/series"


def test_tags_are_remembered_within_bounds() -> None:
    tags = Tags({})
    written = tags.writer(DEPTH)

    for number in range(MOST_REMEMBERED + 10):
        assert written((str(number),)) == f"queue:{number}"

    assert len(tags._column("queue")) <= MOST_REMEMBERED


def one_of(family: Family) -> Point:
    value = spread(0.1) if family.kind == "histogram" else 4.0
    return Point(family, tuple(f"{name}-1" for name in family.labels), value, value)


@pytest.mark.parametrize("family", CATALOGUE.values(), ids=lambda family: family.name)
def test_every_metric_is_written_and_read_back(family: Family) -> None:
    batches = intake().encode(window(one_of(family)))

    (tags,) = (item.tags for item in told_of(batches))
    assert tags == [*(f"{name}:{name}-1" for name in family.labels), "env:test"]


def test_two_metrics_never_become_one() -> None:
    batches = intake().encode(window(*map(one_of, CATALOGUE.values())))

    names = [item.metric for item in told_of(batches)]
    assert len(set(names)) == len(names) == len(CATALOGUE)
