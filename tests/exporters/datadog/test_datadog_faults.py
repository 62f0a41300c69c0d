"""Datadog: nothing is sent that it would refuse, and its totals are exact, whatever its intake does."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporters.catalogue import CATALOGUE
from exporters.datadog.events import DatadogEvents
from exporters.datadog.metrics import Datadog
from exporters.datadog.sketches import key_of, value_of
from exporters.events import Events
from exporters.native import NativeHistogram
from exporters.push.exporter import Action, CutT, Intake, Reply
from exporters.push.trials import Trial
from exporters.push.window import Point, Spread, Window
from exporters.pushing import PushExporters
from exporters.settings import DatadogSettings, Distributions, ExporterSettings
from exporters.table import MetricTable
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record
from tests.fakes.clock import FakeClock
from tests.fakes.datadog_intake import DatadogIntake, LostError
from tests.fakes.execution import Bench, ScriptedVendor
from tests.fakes.push_account import PushAccount
from tests.fakes.told import AT, OPENED, RESOLVED
from tests.golden.datadog import build

KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
SETTINGS = DatadogSettings(api_key=Secret(KEY), host="web-1", tags={"env": "test"})
CALLS, DURATION = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_call_duration_seconds"]
HEALTH = CATALOGUE["dialtone_health"]
LABELS = ("github", "repos.get", "traffic", "ok")


class Account(PushAccount):
    """An account at a strict Datadog."""

    def __init__(self, directory: Path, intake: Intake[CutT]) -> None:
        clock = FakeClock(utc=AT)
        self.datadog = DatadogIntake(key=KEY, now=clock.time)
        super().__init__(directory, intake, answer=self.datadog, clock=clock, patience=8.0)


def metrics(directory: Path, **changes: object) -> Account:
    return Account(directory, Datadog(msgspec.structs.replace(SETTINGS, **changes)))


def window(*points: Point, ended: float = AT) -> Window:
    return Window(started=AT - 3_600, began=ended - 10, ended=ended, points=points)


def call(name: str = "github-prod", rise: float = 2.0) -> Point:
    return Point(CALLS, (name, *LABELS), rise, rise)


def took(name: str, *values: float) -> Point:
    histogram = NativeHistogram()
    histogram.add(values)
    counts = (len(values), *[0] * len(DURATION.buckets))
    spread = Spread(counts, sum(values), histogram.copy(cut=True))
    return Point(DURATION, (name, *LABELS[:3]), spread, spread)


@pytest.mark.parametrize("name", build.texts())
def test_what_datadog_gets_is_the_golden_file_byte_for_byte(name: str) -> None:
    assert build.texts()[name] == (build.HERE / name).read_text()


@pytest.mark.parametrize("distributions", Distributions)
async def test_the_golden_window_and_events_are_taken_whole(
    tmp_path: Path, distributions: Distributions
) -> None:
    account = metrics(tmp_path / "metrics", distributions=distributions)
    told = Account(tmp_path / "events", DatadogEvents(SETTINGS))

    await account.send(build.window())
    await told.send(build.EVENTS)

    assert account.datadog.errors == told.datadog.errors == []
    assert account.exporter.status().dropped == {}
    taken = account.datadog
    assert (len(taken.values), len(taken.distributions) + len(taken.sketches), len(taken.checks)) == (5, 2, 1)
    assert [event["aggregation_key"] for event in told.datadog.events] == ["inc-7", "inc-7", "trial"]


FAULTS = {
    "reset": httpx.ReadError("connection reset by peer"),
    "lost": LostError("reset after all was taken"),
    "timeout": httpx.ReadTimeout("no answer"),
    "dns": httpx.ConnectError("no such host"),
    "throttled": httpx.Response(429, headers={"x-ratelimit-reset": "3"}),
    "asked to wait": httpx.Response(429, headers={"retry-after": "5"}),
    "timed out there": httpx.Response(408),
    "broken": httpx.Response(500, text="<html>oops</html>"),
    "away": httpx.Response(503),
    "key refused": httpx.Response(403),
    "too large": httpx.Response(413),
    "garbage": httpx.Response(599, content=b"\xff\x00garbage"),
}


@given(
    rises=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.integers(1, 1_000), min_size=2), min_size=1, max_size=4
    ),
    faults=st.lists(st.sampled_from(sorted(set(FAULTS) - {"too large"})), max_size=10),
    too_large_at=st.none() | st.integers(0, 10),
)
def test_totals_are_exact_whatever_the_intake_answers_and_however_often_it_gets_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    rises: list[dict[str, int]],
    faults: list[str],
    too_large_at: int | None,
) -> None:
    account = metrics(tmp_path_factory.mktemp("spool"))
    account.datadog.answers = [FAULTS[name] for name in faults]
    if too_large_at is not None:
        account.datadog.answers.insert(too_large_at, FAULTS["too large"])
    windows = [
        window(*(call(name, float(rise)) for name, rise in each.items()), ended=AT + place)
        for place, each in enumerate(rises)
    ]

    anyio.run(account.send, *windows)

    assert account.datadog.errors == account.datadog.overwritten == []
    assert account.exporter.status().dropped == {}
    for name in "abc":
        counted = account.datadog.total("dialtone.calls", f"integration:{name}")
        assert counted == sum(each.get(name, 0) for each in rises)


@pytest.mark.parametrize("distributions", Distributions)
async def test_a_lost_answer_counts_nothing_twice(tmp_path: Path, distributions: Distributions) -> None:
    account = metrics(tmp_path, distributions=distributions)
    account.datadog.answers = [LostError("reset"), LostError("reset"), LostError("reset")]

    await account.send(window(call(rise=5.0), took("github-prod", 0.1, 0.2)))

    assert len(account.datadog.routes) == 5
    assert account.datadog.total("dialtone.calls", "integration:github-prod") == 5.0
    assert account.datadog.overwritten == []
    values = [len(values) for values in account.datadog.distributions.values()]
    counts = [sketch["cnt"] for sketch in account.datadog.sketches.values()]
    assert values + counts == [2]


async def test_an_event_whose_answer_was_lost_stands_twice_in_one_story(tmp_path: Path) -> None:
    account = Account(tmp_path, DatadogEvents(SETTINGS))
    account.datadog.answers = [LostError("reset")]

    await account.send(Events(points=(OPENED, RESOLVED)))

    told = [(event["aggregation_key"], event["alert_type"]) for event in account.datadog.events]
    assert told == [("inc-7", "error"), ("inc-7", "error"), ("inc-7", "success")]


async def test_an_event_that_never_left_is_told_once(tmp_path: Path) -> None:
    account = Account(tmp_path, DatadogEvents(SETTINGS))
    account.datadog.answers = [FAULTS["dns"], FAULTS["throttled"], FAULTS["away"]]

    await account.send(Events(points=(OPENED,)))

    assert len(account.datadog.events) == 1


@pytest.mark.parametrize("distributions", Distributions)
async def test_what_is_too_large_is_sent_in_halves(tmp_path: Path, distributions: Distributions) -> None:
    account = metrics(tmp_path, distributions=distributions)
    names = [str(number) for number in range(8)]
    points = [each for name in names for each in (call(name), took(name, 0.1))]
    points += [Point(HEALTH, (name, "github", "", "up"), 1.0, 1.0) for name in names]
    account.datadog.answers = [FAULTS["too large"], FAULTS["too large"]]

    await account.send(window(*points))

    assert [account.datadog.total("dialtone.calls", f"integration:{name}") for name in names] == [2.0] * 8
    assert len(account.datadog.distributions) + len(account.datadog.sketches) == len(names)
    assert len(account.datadog.checks) == len(names)


async def test_errors_in_an_answer_that_says_taken_are_counted_and_told(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.datadog.answers = [httpx.Response(202, json={"errors": ["no name", "no value"]})]

    await account.send(window(call()))

    status = account.exporter.status()
    assert status.dropped == {"rejected": 1}
    assert status.reason == "Datadog took it and tells of errors: 2"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"status":"ok"}', b'{"errors":[]}', b"\xff\xfe", b"[1]", b"null"]
)
def test_whatever_else_stands_in_an_answer_it_was_taken(body: bytes) -> None:
    verdict = Datadog(SETTINGS).judge(Reply(202, body=body))

    assert (verdict.action, verdict.lost) == (Action.TAKEN, 0)


async def test_what_datadog_asks_to_wait_is_waited(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.datadog.answers = [httpx.Response(429, headers={"x-ratelimit-reset": "120"})]
    account.exporter.take(window(call()))

    await account.exporter.finish(within=0.0)
    wait = await account.exporter._send_first()

    assert wait is not None
    assert wait >= 120.0


async def test_a_million_values_of_one_series_are_told_over_several_seconds(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    few = took("github-prod", 0.1, 0.25)
    spread = few.value
    assert isinstance(spread, Spread)
    assert spread.native is not None
    native = spread.native._replace(buckets=dict.fromkeys(spread.native.buckets, 500_000))
    many = spread._replace(counts=(1_000_000, *spread.counts[1:]), native=native)

    await account.send(window(few._replace(value=many), call()))

    told = account.datadog.distributions
    assert account.exporter.status().dropped == {}
    assert account.datadog.errors == account.datadog.overwritten == []
    assert sum(len(values) for values in told.values()) == 1_000_000
    assert len({known.second for known in told}) == len(told) == 20


async def test_after_an_outage_nothing_is_sent_that_datadog_finds_too_old(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.datadog.answers = [FAULTS["away"]]
    health = Point(HEALTH, ("github-prod", "github", "", "up"), 1.0, 1.0)
    account.exporter.take(window(call(), health))
    await account.exporter.finish(within=1.0)

    account.clock.advance(20 * 60.0)
    await account.send(window(call(rise=3.0), health, ended=account.clock.time()))

    assert account.datadog.errors == []
    assert account.datadog.total("dialtone.calls", "integration:github-prod") == 5.0
    assert len(account.datadog.checks) == 1
    assert account.exporter.status().dropped == {"expired": 1}


async def test_after_an_hour_the_oldest_is_given_up_and_counted(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.datadog.answers = [FAULTS["away"]]
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)

    account.clock.advance(55 * 60.0)
    await account.send(window(call(rise=3.0), ended=account.clock.time()))

    assert account.exporter.status().dropped == {"expired": 1}
    assert account.datadog.errors == []


def files(directory: Path) -> list[bytes]:
    kept = [path.read_bytes() for path in directory.iterdir()]
    assert kept
    return kept


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("ab" * 20, "it looks like an application key"),
        ("typo", "API keys usually are 32 hexadecimal digits"),
        ("ab" * 16, "it was revoked, or it belongs to another site than datadoghq.com"),
    ],
)
async def test_a_refused_key_holds_the_data_and_tells_what_may_be_wrong(
    tmp_path: Path, key: str, hint: str
) -> None:
    keys = [key]
    account = metrics(tmp_path, api_key=Secret(key, read=lambda: keys[-1]))
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)
    reason = account.exporter.status().reason
    assert hint in reason
    assert key not in reason
    assert all(key.encode() not in kept for kept in files(tmp_path))

    keys.append(KEY)
    await account.send()

    assert account.datadog.total("dialtone.calls", "integration:github-prod") == 2.0
    assert account.exporter.status().ok


def test_a_proxy_in_datadogs_place_is_not_told_of_as_a_site() -> None:
    settings = DatadogSettings(api_key=Secret("ab" * 16), url="http://proxy.example.com")

    reason = Datadog(settings).judge(Reply(403)).reason

    assert "another site than the one that `url` leads to" in reason
    assert "datadoghq.com" not in reason


class Site:
    """All exporters of one process with Datadog as their only account."""

    def __init__(self, directory: Path, settings: DatadogSettings = SETTINGS) -> None:
        self.clock = FakeClock(utc=AT)
        self.datadog = DatadogIntake(key=KEY, now=self.clock.time)
        self.table = table = MetricTable(native=True)
        table.add_source(SampleList(Sample("dialtone_build_info", ("1.2",), 1)))
        self.exporters = PushExporters(
            ExporterSettings(datadog=settings),
            table=table,
            calls=Bench(self.clock, ScriptedVendor(self.datadog)).executor,
            clock=self.clock,
            directory=directory,
            network=NetworkPolicy(),
            version="1.2",
            instance="web-1",
            random=random.Random(3),
        )


async def tried(site: Site, name: str) -> Trial:
    with structlog.testing.capture_logs() as logs:
        trial = await site.exporters.test(name)
    assert KEY not in repr(trial) + repr(logs)
    return trial


@pytest.mark.parametrize("name", ["datadog", "datadog-events"])
async def test_a_trial_asks_about_the_key_first_and_then_sends_one_value(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)

    trial = await tried(site, name)

    assert (trial.status, trial.action, trial.method) == (202, "taken", "POST")
    assert site.datadog.routes[0] == "/api/v1/validate"
    assert len(site.datadog.routes) == 2
    assert site.datadog.errors == []


@pytest.mark.parametrize("name", ["datadog", "datadog-events"])
async def test_a_trial_with_a_key_that_is_unknown_sends_nothing(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path, msgspec.structs.replace(SETTINGS, api_key=Secret("ab" * 16)))

    trial = await tried(site, name)

    assert (trial.status, trial.method) == (403, "GET")
    assert trial.url == "https://api.datadoghq.com/api/v1/validate"
    assert "it belongs to another site" in trial.reason
    assert site.datadog.routes == ["/api/v1/validate"]


async def test_a_trial_does_not_wait_twice_for_a_datadog_that_cannot_be_reached(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.datadog.answers = [FAULTS["dns"]]

    trial = await tried(site, "datadog")

    assert (trial.status, trial.action) == (None, "retry")
    assert "could not connect" in trial.reason
    assert site.datadog.routes == []


async def test_a_proxy_that_cannot_check_keys_gets_the_value_anyway(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.datadog.answers = [httpx.Response(404)]

    assert (await tried(site, "datadog")).action == "taken"


async def test_a_preview_shows_all_that_would_be_sent_and_no_key(tmp_path: Path) -> None:
    site = Site(tmp_path)

    (preview, *_) = await site.exporters.preview("datadog")
    (event,) = await site.exporters.preview("datadog-events")

    told = json.loads(preview.body)["series"]
    assert "dialtone.build_info" in [item["metric"] for item in told]
    assert json.loads(event.body)["aggregation_key"] == "trial"
    assert KEY not in repr((preview, event))
    assert site.datadog.routes == []


async def test_however_often_one_looks_the_next_window_has_its_own_second(tmp_path: Path) -> None:
    site = Site(tmp_path)

    for _ in range(30):
        await site.exporters.preview("datadog")
        await site.exporters.test("datadog")
    site.clock.advance(10.0)
    await site.exporters.drain()

    assert max(known.second for known in site.datadog.values) == int(site.clock.time())
    assert site.datadog.errors == site.datadog.overwritten == []


async def test_a_preview_of_sketches_is_text_too(tmp_path: Path) -> None:
    site = Site(tmp_path, msgspec.structs.replace(SETTINGS, distributions=Distributions.SKETCHES))
    site.table.on_signal(call_record())

    bodies = [preview.body for preview in await site.exporters.preview("datadog")]

    assert any('metric: "dialtone.call_duration"' in body for body in bodies)


async def test_an_agent_that_is_not_there_is_told_of_in_a_trial_and_counted_in_metrics(
    tmp_path: Path,
) -> None:
    settings = DatadogSettings(dogstatsd="unix:///nowhere/dsd.socket")
    site = Site(tmp_path, settings)

    trial = await tried(site, "datadog")
    await site.exporters.drain()

    assert (trial.method, trial.status, trial.action) == ("SEND", None, "refused")
    assert "No such file or directory" in trial.reason
    metrics_status, events_status = site.exporters.status()
    assert metrics_status.dropped["refused"] >= 1
    assert (metrics_status.batches, events_status.name) == (0, "datadog-events")
    assert site.datadog.routes == []


@given(value=st.floats(1e-8, 1e8))
def test_a_sketchs_bucket_is_as_near_as_the_agents(value: float) -> None:
    assert value_of(key_of(value)) == pytest.approx(value, rel=1 / 128)


@pytest.mark.parametrize(
    ("value", "key"), [(0.0, 0), (1e-10, 0), (1.0, 1338), (0.1, 1189), (100.0, 1635), (1e300, 32_767)]
)
def test_a_value_has_the_agents_key(value: float, key: int) -> None:
    assert key_of(value) == key


def test_every_key_is_that_of_the_value_it_stands_for() -> None:
    assert [key_of(value_of(key)) for key in range(12_000)] == list(range(12_000))


async def test_a_sketch_tells_the_true_sum_and_the_least_and_greatest_value(tmp_path: Path) -> None:
    account = metrics(tmp_path, distributions=Distributions.SKETCHES)
    values = [0.1, 0.25, 0.25, 3.0]

    await account.send(window(took("github-prod", *values)))

    (sketch,) = account.datadog.sketches.values()
    assert (sketch["cnt"], sketch["sum"], sketch["min"], sketch["max"]) == (4, sum(values), 0.1, 3.0)
    keys = sketch["k"]
    assert isinstance(keys, Sequence)
    assert [value_of(key) for key in keys] == [pytest.approx(value, rel=0.02) for value in (0.1, 0.25, 3.0)]


def test_more_values_than_a_bin_holds_begin_another_one() -> None:
    native = NativeHistogram()
    native.add([0.5])
    found = native.copy(cut=True)
    many = found._replace(buckets=dict.fromkeys(found.buckets, 200_000))
    spread = Spread((200_000, *[0] * len(DURATION.buckets)), 100_000.0, many)
    intake = Datadog(msgspec.structs.replace(SETTINGS, distributions=Distributions.SKETCHES))

    (batch,) = intake.encode(window(Point(DURATION, ("a", *LABELS[:3]), spread, spread)))

    assert batch.points == 1
    assert intake.judge(Reply(202)).lost == 0
    assert len(intake.split(batch)) == 0
