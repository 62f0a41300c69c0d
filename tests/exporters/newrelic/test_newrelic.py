"""New Relic: nothing is sent that it would refuse, and its totals are exact, whatever its intake does."""

import gzip
import json
import random
import uuid
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
from exporters.events import Events, Told
from exporters.naming import dotted
from exporters.native import NativeHistogram
from exporters.newrelic.events import LIMITS as EVENT_LIMITS
from exporters.newrelic.events import TYPES, NewRelicEvents
from exporters.newrelic.metrics import LIMITS, NewRelic
from exporters.newrelic.words import is_kept
from exporters.push.batchfile import Batch
from exporters.push.exporter import SEND_TIMEOUT, Action, CutT, Intake, Reply
from exporters.push.window import Point, Spread, Window
from exporters.settings import NewRelicSettings
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.signals import BreakerTransition, HealthChange, IncidentChange
from tests.fakes.clock import FakeClock
from tests.fakes.newrelic_intake import SLOW, LostError, NewRelicIntake
from tests.fakes.push_account import PushAccount
from tests.fakes.told import AT, BROKEN, DOWN, OPENED, STORY
from tests.golden.newrelic import build

KEY = "canary-license-7731"
SETTINGS = NewRelicSettings(license_key=Secret(KEY), account_id="42", attributes={"environment": "test"})
CALLS, DEPTH = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
LAG = CATALOGUE["dialtone_check_start_lag_seconds"]
LABELS = ("github", "repos.get", "traffic", "ok")


class Account(PushAccount):
    """An account at a strict New Relic."""

    def __init__(self, directory: Path, intake: Intake[CutT], *, within: float = SEND_TIMEOUT) -> None:
        clock = FakeClock(utc=AT)
        self.newrelic = NewRelicIntake(key=KEY, now=clock.time)
        super().__init__(directory, intake, answer=self.newrelic, clock=clock, patience=64.0, within=within)


def metrics(directory: Path, **changes: object) -> Account:
    settings = msgspec.structs.replace(SETTINGS, **changes)
    return Account(directory, NewRelic(settings, version="1.2"))


def events(directory: Path) -> Account:
    return Account(directory, NewRelicEvents(SETTINGS, version="1.2"))


def window(*points: Point, ended: float = AT) -> Window:
    return Window(started=AT - 3_600, began=ended - 10, ended=ended, points=points)


def call(name: str = "github-prod", rise: float = 2.0) -> Point:
    return Point(CALLS, (name, *LABELS), rise, rise)


def plain(batch: Batch) -> bytes:
    return gzip.decompress(batch.body)


@pytest.mark.parametrize("name", ["metrics.txt", "events.txt"])
def test_what_new_relic_gets_is_the_golden_file_byte_for_byte(name: str) -> None:
    assert build.texts()[name] == (build.HERE / name).read_text()


async def test_the_golden_window_and_events_are_taken_whole(tmp_path: Path) -> None:
    account, told = metrics(tmp_path / "metrics"), events(tmp_path / "events")

    await account.send(build.window())
    await told.send(Events(points=STORY, home="https://dialtone.example.com"))

    assert account.newrelic.errors == told.newrelic.errors == []
    assert (
        len(account.newrelic.totals) == len(account.newrelic.gauges) == len(account.newrelic.summaries) == 2
    )
    assert [event["eventType"] for event in told.newrelic.events] == [
        "DialtoneHealthChange",
        "DialtoneIncident",
        "DialtoneBreakerTransition",
        "DialtoneIncident",
    ]


FAULTS = {
    "reset": httpx.ReadError("connection reset by peer"),
    "timeout": httpx.ReadTimeout("no answer"),
    "dns": httpx.ConnectError("no such host"),
    "throttled": httpx.Response(429, headers={"retry-after": "30"}),
    "timed out there": httpx.Response(408),
    "broken": httpx.Response(500, text="<html>oops</html>"),
    "away": httpx.Response(503),
    "key refused": httpx.Response(403),
    "garbage": httpx.Response(599, content=b"\xff\x00garbage"),
}


@given(
    rises=st.lists(
        st.dictionaries(st.sampled_from("abc"), st.integers(1, 1_000), min_size=2), min_size=1, max_size=4
    ),
    faults=st.lists(st.sampled_from(sorted(FAULTS)), max_size=10),
    too_large_at=st.none() | st.integers(0, 10),
)
def test_totals_are_exact_whatever_the_intake_answers(
    tmp_path_factory: pytest.TempPathFactory,
    rises: list[dict[str, int]],
    faults: list[str],
    too_large_at: int | None,
) -> None:
    account = metrics(tmp_path_factory.mktemp("spool"))
    account.newrelic.answers = [FAULTS[name] for name in faults]
    if too_large_at is not None:
        account.newrelic.answers.insert(too_large_at, httpx.Response(413))
    windows = [
        window(*(call(name, float(rise)) for name, rise in each.items()), ended=AT + 10 * place)
        for place, each in enumerate(rises)
    ]

    anyio.run(account.send, *windows)

    assert account.newrelic.errors == []
    assert account.exporter.status().dropped == {}
    for name in "abc":
        assert account.newrelic.calls(name) == sum(each.get(name, 0) for each in rises)


async def test_an_intake_that_never_answers_is_tried_again(tmp_path: Path) -> None:
    account = Account(tmp_path, NewRelic(SETTINGS, version="1.2"), within=0.5)
    account.newrelic.answers = [SLOW]
    account.exporter.take(window(call()))

    await account.exporter.finish(within=5.0)
    assert "time" in account.exporter.status().reason
    await account.send()

    assert account.newrelic.calls("github-prod") == 2.0
    assert len(account.newrelic.request_ids) == 1


async def test_what_goes_wrong_is_logged_without_the_key(tmp_path: Path) -> None:
    account = metrics(tmp_path, license_key=Secret("eu01xx-CANARY"))

    with structlog.testing.capture_logs() as logs:
        account.exporter.take(window(call()))
        await account.exporter.finish(within=5.0)

    assert [(entry["event"], entry["exporter"]) for entry in logs] == [("exporting fails", "newrelic")]
    assert "CANARY" not in repr(logs)


async def test_what_is_too_large_is_sent_in_halves_under_new_ids(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [httpx.Response(413), httpx.Response(413)]

    await account.send(window(*(call(str(number)) for number in range(8))))

    assert [account.newrelic.calls(str(number)) for number in range(8)] == [2.0] * 8
    assert len(set(account.newrelic.request_ids)) == len(account.newrelic.request_ids) == 3


@pytest.mark.parametrize("of", ["metrics", "events"])
def test_what_is_parted_again_has_the_same_ids_as_before(of: str) -> None:
    if of == "metrics":
        (whole,) = NewRelic(SETTINGS, version="1").encode(window(call("a"), call("b"), call("c")))
        split = NewRelic(SETTINGS, version="1").split
    else:
        (whole,) = NewRelicEvents(SETTINGS, version="1").encode(Events(points=STORY))
        split = NewRelicEvents(SETTINGS, version="1").split

    parts = split(whole)

    assert split(whole) == parts
    ids = {part.headers["x-request-id"] for part in (whole, *parts, *split(parts[1]))}
    assert len(ids) == 5
    assert {uuid.UUID(each).version for each in ids} == {4}


async def test_a_single_value_that_is_too_large_is_given_up_and_counted(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [httpx.Response(413)]

    await account.send(window(call()))

    assert account.exporter.status().dropped == {"too_large": 1}


@pytest.mark.parametrize(("knows_ids", "counted"), [(True, 5.0), (False, 10.0)])
async def test_a_lost_answer_is_sent_again_under_its_id_so_that_it_can_count_once(
    tmp_path: Path, knows_ids: bool, counted: float
) -> None:
    account = metrics(tmp_path)
    account.newrelic.knows_ids = knows_ids
    account.newrelic.answers = [LostError("reset")]

    await account.send(window(call(rise=5.0)))

    first, second = account.newrelic.request_ids
    assert first == second
    assert account.newrelic.calls("github-prod") == counted


async def test_a_request_whose_answer_was_lost_keeps_its_id_over_a_restart(tmp_path: Path) -> None:
    killed, later = metrics(tmp_path), metrics(tmp_path)
    killed.newrelic.answers = [LostError("the machine lost its power")]
    killed.exporter.take(window(call(rise=5.0)))
    await killed.exporter.finish(within=1.0)

    await later.exporter.finish(within=1.0)

    assert later.newrelic.request_ids == killed.newrelic.request_ids
    assert later.newrelic.calls("github-prod") == 5.0


async def test_the_window_of_a_machine_that_slept_for_days_is_not_too_old(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    slept = Window(started=AT - 400_000, began=AT - 300_000, ended=AT, points=(call(rise=5.0),))

    await account.send(slept)

    assert account.newrelic.errors == []
    assert account.newrelic.calls("github-prod") == 5.0


async def test_a_request_that_never_left_is_not_counted_twice(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [FAULTS["dns"], FAULTS["throttled"], FAULTS["away"]]

    await account.send(window(call(rise=5.0)))

    assert account.newrelic.calls("github-prod") == 5.0
    assert len(account.newrelic.request_ids) == 1


async def test_what_new_relic_asks_to_wait_is_waited(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [httpx.Response(429, headers={"retry-after": "120"})]
    account.exporter.take(window(call()))

    await account.exporter.finish(within=0.0)
    wait = await account.exporter._send_first()

    assert wait is not None
    assert wait >= 120.0


async def test_data_older_than_new_relic_takes_is_not_sent_but_counted(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [httpx.Response(503)]
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)

    account.clock.advance(47 * 3_600.0 + 1)
    await account.send(window(call(rise=3.0), ended=account.clock.time()))

    assert account.exporter.status().dropped == {"expired": 1}
    assert account.newrelic.errors == []
    assert account.newrelic.calls("github-prod") == 3.0


async def test_a_refused_key_holds_the_data_until_its_file_has_another(tmp_path: Path) -> None:
    keys = ["NRII-old"]
    secret = Secret("NRII-old", read=lambda: keys[-1])
    account = metrics(tmp_path, license_key=secret)
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)
    assert "refuses the key (403)" in account.exporter.status().reason

    keys.append(KEY)
    await account.send()

    assert account.newrelic.calls("github-prod") == 2.0
    assert account.exporter.status().ok


async def test_a_key_that_became_a_user_key_is_told_in_words(tmp_path: Path) -> None:
    secret = Secret("NRII-old", read=lambda: "NRAK-CANARY")
    account = metrics(tmp_path, license_key=secret)
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)
    await account.exporter.finish(within=1.0)

    reason = account.exporter.status().reason
    assert "a user key (NRAK-…), which may not send data; use a license key (Ingest - License)" in reason
    assert "CANARY" not in reason


@pytest.mark.parametrize(
    ("region", "key", "hint"),
    [
        ("us", "eu01xx00c0ffee", "the key is of the European region: set `region: eu`"),
        ("eu", "00c0ffee", "the key does not begin with eu"),
        ("eu", "NRII-00c0ffee", "is it a license key"),
        ("us", "00c0ffee", "is it a license key"),
    ],
)
def test_a_refused_key_of_another_region_is_told_in_words(region: str, key: str, hint: str) -> None:
    settings = msgspec.structs.replace(SETTINGS, region=region, license_key=Secret(key))

    reason = NewRelic(settings, version="1").judge(Reply(403)).reason

    assert hint in reason
    assert key not in reason


async def test_no_attribute_is_empty_too_long_or_a_word_that_new_relic_keeps(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    long = Point(CALLS, ("x" * 5_000, "", *LABELS[1:]), 2.0, 2.0)

    await account.send(window(long))

    assert account.newrelic.errors == []
    ((_, attributes),) = account.newrelic.totals
    told = dict(attributes)
    assert (len(told["integration"]), "vendor" in told) == (4_096, False)


def test_no_label_or_name_of_ours_is_a_word_that_new_relic_keeps() -> None:
    words = {label for family in CATALOGUE.values() for label in family.labels}

    assert [word for word in words if is_kept(word)] == []
    assert [family.name for family in CATALOGUE.values() if dotted(family) in family.labels] == []


def test_no_attribute_of_an_event_is_a_word_that_new_relic_keeps() -> None:
    (batch,) = NewRelicEvents(SETTINGS, version="1").encode(Events(points=STORY, home="https://d.example"))
    own = {name for event in json.loads(plain(batch)) for name in event} - {"eventType", "timestamp"}

    assert [name for name in own if is_kept(name)] == []
    assert all(kind.startswith("Dialtone") for kind in TYPES.values())


def test_the_manual_names_every_event_type_and_attribute() -> None:
    page = (Path(__file__).parents[3] / "docs" / "exporters.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `Dialtone") or "event_id" in line]
    (batch,) = NewRelicEvents(SETTINGS, version="1").encode(
        Events(points=(*STORY, full(OPENED), full(BROKEN), full(DOWN)), home="https://d.example")
    )

    for event in json.loads(plain(batch)):
        mine = " ".join(row for row in rows if f"`{event['eventType']}`" in row or "`event_id`" in row)
        own = set(event) - {"eventType", "timestamp", *SETTINGS.attributes}
        assert [name for name in own if f"`{name}`" not in mine] == []


def full(change: IncidentChange | BreakerTransition | HealthChange) -> Told:
    """The same with everything that it may tell."""
    if isinstance(change, IncidentChange):
        return msgspec.structs.replace(change, actor="dana", parent="inc-1", event="resolved")
    if isinstance(change, BreakerTransition):
        return msgspec.structs.replace(change, actor="dana")
    return msgspec.structs.replace(change, kind=FailureKind.TIMEOUT)


def test_least_and_greatest_of_a_histogram_are_the_true_ones() -> None:
    histogram = NativeHistogram()
    histogram.add((0.0123, 0.5, 7.77))
    native = Spread((3, *[0] * len(LAG.buckets)), 8.2823, histogram.copy(cut=True))

    assert summary(native) == {"count": 3, "sum": 8.2823, "min": 0.0123, "max": 7.77}


def test_least_and_greatest_are_those_of_the_buckets_where_nothing_else_is_known() -> None:
    histogram = NativeHistogram()
    histogram.add((0.0123,))
    histogram.copy(cut=True)
    counts = (1, *[0] * len(LAG.buckets))

    middle = LAG.buckets[0] / 2
    for unknown in (None, histogram.copy(cut=False)):
        found = summary(Spread(counts, 0.0123, unknown))
        assert found == {"count": 1, "sum": 0.0123, "min": middle, "max": middle}


def summary(spread: Spread) -> dict[str, float]:
    (batch,) = NewRelic(SETTINGS, version="1").encode(window(Point(LAG, (), spread, spread)))
    ((block,),) = [json.loads(plain(batch))]
    found: dict[str, float] = block["metrics"][0]["value"]
    return found


@given(values=st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=1, max_size=30))
def test_a_summary_holds_together(values: list[float]) -> None:
    histogram = NativeHistogram()
    histogram.add(values)
    counts = (len(values), *[0] * len(LAG.buckets))

    found = summary(Spread(counts, sum(values), histogram.copy(cut=True)))

    assert (found["count"], found["min"], found["max"]) == (len(values), min(values), max(values))
    assert found["sum"] == sum(values)


def test_many_events_keep_to_the_limits_and_none_is_lost() -> None:
    rng = random.Random(4)
    noisy = [
        msgspec.structs.replace(OPENED, incident=f"inc-{number}", reason=rng.randbytes(900).hex())
        for number in range(2_500)
    ]

    batches = NewRelicEvents(SETTINGS, version="1").encode(Events(points=tuple(noisy)))

    told = [event["incident"] for batch in batches for event in json.loads(plain(batch))]
    assert told == [change.incident for change in noisy]
    for batch in batches:
        assert len(plain(batch)) <= EVENT_LIMITS.plain_bytes
        assert len(batch.body) <= EVENT_LIMITS.bytes
        assert batch.points <= EVENT_LIMITS.items


async def test_events_that_are_too_large_are_sent_in_halves(tmp_path: Path) -> None:
    account = events(tmp_path)
    account.newrelic.answers = [httpx.Response(413), httpx.Response(503), LostError("reset")]
    account.newrelic.knows_ids = True

    await account.send(Events(points=STORY))

    assert account.newrelic.errors == []
    assert [event["event_id"] for event in account.newrelic.events] == [
        event.id for event in Events(points=STORY).told()
    ]


INTAKES: dict[str, tuple[Intake[Window] | Intake[Events], set[int]]] = {
    "metrics": (NewRelic(SETTINGS, version="1"), {400, 404, 405, 409, 410, 411}),
    "events": (NewRelicEvents(SETTINGS, version="1"), {400, 404, 405, 409, 410, 411, 415}),
}


@pytest.mark.parametrize("name", INTAKES)
def test_every_answer_has_an_outcome(name: str) -> None:
    intake, worthless = INTAKES[name]

    for status in (None, *range(200, 600)):
        verdict = intake.judge(Reply(status, retry_after=7.0, failure="connection reset"))
        assert (status, verdict.action) == (status, expected(status, worthless))
        if verdict.action is Action.RETRY:
            assert verdict.after == (None if status in {None, 401, 403} else 7.0)
            assert verdict.reason


def expected(status: int | None, worthless: set[int]) -> Action:
    if status is None:
        return Action.RETRY
    if status < 300:
        return Action.TAKEN
    if status == 413:
        return Action.SPLIT
    return Action.REFUSED if status < 400 or status in worthless else Action.RETRY


@pytest.mark.parametrize(
    ("changes", "urls"),
    [
        ({}, ("metric-api.newrelic.com/metric/v1", "insights-collector.newrelic.com/v1/accounts/42/events")),
        (
            {"region": "eu"},
            (
                "metric-api.eu.newrelic.com/metric/v1",
                "insights-collector.eu01.nr-data.net/v1/accounts/42/events",
            ),
        ),
        (
            {"region": "gov"},
            (
                "gov-metric-api.newrelic.com/metric/v1",
                "gov-insights-collector.newrelic.com/v1/accounts/42/events",
            ),
        ),
        ({"url": "https://p/m", "events_url": "https://p/e"}, ("p/m", "p/e")),
    ],
)
def test_every_region_has_its_hosts(changes: dict[str, str], urls: tuple[str, str]) -> None:
    settings = msgspec.structs.replace(SETTINGS, **changes)
    intakes: Sequence[Intake[Window] | Intake[Events]] = (
        NewRelic(settings, version="1"),
        NewRelicEvents(settings, version="1"),
    )
    batch = NewRelic(settings, version="1").encode(window(call()))[0]

    assert [intake.address(batch).url for intake in intakes] == [f"https://{url}" for url in urls]


async def test_the_key_is_in_the_address_only(tmp_path: Path) -> None:
    account = metrics(tmp_path)
    account.newrelic.answers = [httpx.Response(503)]
    account.exporter.take(window(call()))
    await account.exporter.finish(within=1.0)

    told = Events(points=STORY)
    for intake, batches in (
        (NewRelic(SETTINGS, version="1"), NewRelic(SETTINGS, version="1").encode(window(call()))),
        (NewRelicEvents(SETTINGS, version="1"), NewRelicEvents(SETTINGS, version="1").encode(told)),
    ):
        assert KEY in intake.address(batches[0]).headers.values()
        assert KEY.encode() not in b"".join(map(plain, batches))
        assert KEY not in repr(batches) + repr(vars(intake))
    assert kept_under(tmp_path)
    assert KEY.encode() not in kept_under(tmp_path)


def kept_under(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


def test_ten_thousand_points_keep_to_the_limits() -> None:
    batches = NewRelic(SETTINGS, version="1").encode(window(*(call(f"i-{n}") for n in range(10_000))))

    assert sum(batch.points for batch in batches) == 10_000
    assert max(len(plain(batch)) for batch in batches) <= LIMITS.plain_bytes
    assert max(batch.points for batch in batches) <= LIMITS.items
