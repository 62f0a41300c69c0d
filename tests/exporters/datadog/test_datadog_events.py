"""Incidents as Datadog's events: one story each, told once, in Datadog's words and within its limits."""

import json
from pathlib import Path

import msgspec
import pytest
from datadog_api_client.configuration import Configuration
from datadog_api_client.model_utils import validate_and_convert_types
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from hypothesis import given
from hypothesis import strategies as st

from exporters.datadog.events import DatadogEvents
from exporters.events import Events, TrialEvent
from exporters.push.exporter import Action, Reply
from exporters.settings import DatadogSettings
from integrations.credentials.secret import Secret
from integrations.signals import Health, IncidentChange
from tests.fakes.told import OPENED, RESOLVED, STORY

HOME = "https://dialtone.example.com"
CANARY = "canary-6643"
GOLDEN = Path(__file__).parents[2] / "golden" / "datadog"


def intake(**fields: object) -> DatadogEvents:
    given = {"api_key": Secret(CANARY), "host": "web-1", "tags": {"env": "Test"}, **fields}
    return DatadogEvents(msgspec.convert(given, DatadogSettings))


def told(*changes: IncidentChange | TrialEvent, home: str = HOME, **fields: object) -> list[dict[str, str]]:
    batches = intake(**fields).encode(Events(points=changes, home=home))
    return [json.loads(batch.body) for batch in batches]


def change(**fields: object) -> IncidentChange:
    return msgspec.structs.replace(OPENED, **fields)


def test_an_incident_is_one_story_from_its_opening_to_its_end() -> None:
    opened, worse, resolved = told(OPENED, change(event="worsened", state=Health.DOWN), RESOLVED)

    assert opened == {
        "title": "github-prod: incident opened, down",
        "text": "%%% \n3 of 3 checks failed: timeout\n\n"
        "[Open it in Dialtone](https://dialtone.example.com/incidents/inc-7)\n %%%",
        "date_happened": 1_800_000_000,
        "aggregation_key": "inc-7",
        "alert_type": "error",
        "priority": "normal",
        "tags": ["event:incident", "integration:github-prod", "vendor:github", "state:down", "env:test"],
        "host": "web-1",
    }
    assert {worse["aggregation_key"], resolved["aggregation_key"]} == {"inc-7"}
    assert (worse["alert_type"], resolved["alert_type"]) == ("error", "success")


@pytest.mark.parametrize(
    ("event", "state", "alert_type", "priority"),
    [
        ("opened", Health.DOWN, "error", "normal"),
        ("opened", Health.UNAUTHORIZED, "error", "normal"),
        ("eased", Health.DEGRADED, "warning", "normal"),
        ("opened", Health.THROTTLED, "warning", "normal"),
        ("resolved", Health.UP, "success", "normal"),
        ("acknowledged", Health.DOWN, "user_update", "low"),
        ("noted", Health.DOWN, "user_update", "low"),
    ],
)
def test_how_bad_the_news_are_is_the_alert_type(
    event: str, state: Health, alert_type: str, priority: str
) -> None:
    (item,) = told(change(event=event, state=state))

    assert (item["alert_type"], item["priority"]) == (alert_type, priority)


@pytest.mark.parametrize(("events", "count"), [("incidents", 2), ("all", 4), ("none", 0)])
def test_the_operator_chooses_which_events_are_sent(events: str, count: int) -> None:
    batches = intake(events=events).encode(Events(points=STORY, home=HOME))

    assert [batch.points for batch in batches] == [1] * count


def test_every_event_has_a_request_of_its_own_that_is_kept_while_datadog_takes_it() -> None:
    batches = intake().encode(Events(points=(OPENED, RESOLVED)))

    assert [int(batch.cut_at) for batch in batches] == [int(OPENED.at), int(RESOLVED.at)]
    assert {batch.route for batch in batches} == {"events"}
    assert DatadogEvents.keep < 18 * 3_600
    assert list(intake().split(batches[0])) == []


@given(
    reason=st.text(st.characters(codec="utf-8"), max_size=5_000),
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300),
)
def test_whatever_happened_datadogs_own_model_reads_it_without_remainder(reason: str, name: str) -> None:
    (item,) = told(change(reason=reason, integration=name, incident=name))

    read = validate_and_convert_types(item, (EventCreateRequest,), ["body"], True, True, Configuration())
    assert not getattr(read, "_unparsed", False)
    assert json.loads(json.dumps(read.to_dict())) == item
    assert len(item["aggregation_key"]) <= 100
    assert len(item["text"]) <= 4_000
    assert item["text"].count("%%%") == 2
    assert item["text"].endswith(")\n %%%")


def test_two_long_stories_stay_two() -> None:
    first, second = told(change(incident="x" * 150 + "1"), change(incident="x" * 150 + "2"))

    assert first["aggregation_key"] != second["aggregation_key"]


def test_a_reason_cannot_pose_as_a_link() -> None:
    (item,) = told(change(reason="[click](https://evil.example)"))

    assert r"\[click\](https://evil.example)" in item["text"]


def test_without_an_address_of_dialtone_there_is_no_link() -> None:
    (item,) = told(OPENED, home="")

    assert item["text"] == "%%% \n3 of 3 checks failed: timeout\n %%%"


def test_a_trial_is_sent_whatever_else_is_wanted() -> None:
    (item,) = told(TrialEvent(at=5.0))

    assert (item["alert_type"], item["aggregation_key"]) == ("info", "trial")


def test_the_key_is_in_the_address_only() -> None:
    datadog = intake()
    (batch, *_) = datadog.encode(Events(points=STORY, home=HOME))

    assert datadog.address(batch).url == "https://api.datadoghq.com/api/v1/events"
    assert CANARY in datadog.address(batch).headers.values()
    assert CANARY not in repr(batch) + repr(vars(datadog))


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (202, Action.TAKEN),
        (400, Action.REFUSED),
        (403, Action.RETRY),
        (408, Action.RETRY),
        (413, Action.SPLIT),
        (429, Action.RETRY),
        (503, Action.RETRY),
        (None, Action.RETRY),
    ],
)
def test_what_an_answer_means(status: int | None, action: Action) -> None:
    assert intake().judge(Reply(status)).action is action
