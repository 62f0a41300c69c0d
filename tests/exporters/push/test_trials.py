"""Trials and previews of every intake: what a person sees of a request, and never its key."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
import pytest

from exporters.datadog.metrics import Datadog
from exporters.newrelic.metrics import NewRelic
from exporters.push.exporter import Action, Intake, Reply
from exporters.push.judging import PAGE
from exporters.push.trials import SHOWN, previewed
from exporters.push.window import Point, Window
from exporters.pushing import UnknownExporterError
from exporters.settings import DatadogSettings, ExporterSettings, NewRelicSettings, OTLPSettings
from integrations.credentials.secret import Secret
from tests.exporters.test_pushing import CANARY, Site
from tests.fakes.newrelic_intake import NewRelicIntake
from tests.fakes.told import STORY
from tests.golden.newrelic.build import window

KEY = Secret(CANARY)
NEWRELIC = NewRelicSettings(license_key=KEY, account_id=42)
EVERY = ExporterSettings(
    otlp=OTLPSettings(endpoint="https://otlp.example", headers={"api-key": KEY}),
    datadog=DatadogSettings(api_key=KEY),
    newrelic=NEWRELIC,
)
PAGE_ANSWER = httpx.Response(200, text="<html><title>Sign in</title></html>")


@pytest.mark.parametrize("name", ["otlp", "datadog", "newrelic", "newrelic-events"])
@pytest.mark.parametrize(
    "answer",
    [httpx.Response(403), httpx.ConnectError("no such host"), httpx.ReadTimeout("late"), PAGE_ANSWER],
    ids=["refused", "unreachable", "late", "page"],
)
async def test_a_trial_that_fails_says_what_to_do(tmp_path: Path, name: str, answer: object) -> None:
    trial = await Site(tmp_path, answer, settings=EVERY).exporters.test(name)

    assert trial.action != Action.TAKEN
    assert trial.advice
    assert trial.reason
    assert CANARY not in repr(trial)


async def test_a_refusal_with_a_page_is_told_as_the_refusal_it_is(tmp_path: Path) -> None:
    answer = httpx.Response(403, text="<html>Forbidden</html>")

    trial = await Site(tmp_path, answer, settings=EVERY).exporters.test("newrelic")

    assert "refuses the key (403)" in trial.reason
    assert "license_key" in trial.advice


@pytest.mark.parametrize("name", ["newrelic", "newrelic-events"])
async def test_a_trial_tells_how_to_ask_new_relic_what_it_kept(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path, settings=EVERY)
    newrelic = NewRelicIntake(key=CANARY, now=site.clock.time)
    site.vendor.script = [newrelic]

    trial = await site.exporters.test(name)

    assert (trial.action, newrelic.errors) == (Action.TAKEN, [])
    assert f"WHERE requestId = '{newrelic.request_ids[0]}'" in trial.advice


async def test_events_go_to_new_relic_beside_the_metrics(tmp_path: Path) -> None:
    site = Site(tmp_path, settings=ExporterSettings(newrelic=NEWRELIC))
    newrelic = NewRelicIntake(key=CANARY, now=site.clock.time)
    site.vendor.script = [newrelic]
    ((name, subscriber),) = site.exporters.subscribers()
    for signal in STORY:
        site.table.on_signal(signal)
        subscriber.on_signal(signal)

    await site.exporters.drain()

    assert (name, newrelic.errors) == ("newrelic-events", [])
    assert [status.name for status in site.exporters.status()] == ["newrelic", "newrelic-events"]
    assert [event["story_id"] for event in newrelic.events][1::2] == ["inc-7", "inc-7"]
    assert newrelic.totals


async def test_events_that_are_refused_do_not_hold_up_the_metrics(tmp_path: Path) -> None:
    async def no_events(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403 if "insights" in request.url.host else 202)

    site = Site(tmp_path, no_events, settings=ExporterSettings(newrelic=NEWRELIC))
    for _, subscriber in site.exporters.subscribers():
        subscriber.on_signal(STORY[0])

    await site.exporters.drain()

    metrics, events = site.exporters.status()
    assert (metrics.ok, metrics.batches) == (True, 0)
    assert (events.ok, events.batches) == (False, 1)
    assert "of `account_id`" in events.reason


async def test_without_any_exporter_the_answer_says_where_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownExporterError, match="no exporter is configured; `exporters` in the config"):
        await Site(tmp_path, settings=ExporterSettings()).exporters.test("newrelic")


async def test_without_an_account_new_relic_is_told_of_no_events(tmp_path: Path) -> None:
    only = ExporterSettings(newrelic=NewRelicSettings(license_key=KEY))

    assert list(Site(tmp_path, settings=only).exporters.subscribers()) == []


@pytest.mark.parametrize("name", ["otlp", "datadog", "newrelic", "newrelic-events"])
async def test_a_preview_shows_what_requests_hold(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path, settings=EVERY)

    previews = await site.exporters.preview(name)

    assert site.vendor.requests == []
    assert any("dialtone" in preview.body.casefold() for preview in previews)
    assert CANARY not in repr(previews)


def test_a_body_that_is_long_is_cut() -> None:
    point = window().points[0]
    many = [point._replace(labels=(f"integration-{number}", *point.labels[1:])) for number in range(3_000)]

    (preview, *_) = previewed(NewRelic(NEWRELIC, version="1"), window_of(many))

    assert len(preview.body) == SHOWN + 1
    assert preview.body.endswith("…")


def window_of(points: Sequence[Point]) -> Window:
    return msgspec.structs.replace(window(), points=tuple(points))


@pytest.mark.parametrize(
    "intake",
    [NewRelic(NEWRELIC, version="1"), Datadog(DatadogSettings(api_key=KEY))],
    ids=lambda each: each.name,
)
def test_a_web_page_with_a_good_status_took_nothing(intake: Intake[Window]) -> None:
    page, empty, answer = (
        intake.judge(Reply(202, body=body)) for body in (b" <HTML>", b"", b'{"status":"ok"}')
    )

    assert (page.action, page.reason) == (Action.RETRY, PAGE)
    assert empty.action is answer.action is Action.TAKEN
