"""What is sent to alert receivers fits the vendors' published descriptions; skipped where these are not."""

import json

import httpx
import jsonschema_rs
import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.manifest.schema import Contract
from monitors.alerts.formats.alertmanager import AlertmanagerFormat
from monitors.alerts.formats.discord import DiscordFormat
from monitors.alerts.formats.drawing import Drawn
from monitors.alerts.formats.opsgenie import OpsgenieFormat
from monitors.alerts.formats.pagerduty import PagerDutyFormat
from monitors.alerts.formats.slack import SlackFormat
from monitors.alerts.formats.teams import TeamsFormat
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import (
    AlertmanagerReceiver,
    DiscordReceiver,
    OpsgenieReceiver,
    PagerDutyReceiver,
    SlackReceiver,
    TeamsReceiver,
)
from tests.contract.checking import OperationChecker
from tests.contract.folder import ContractsFolder, contracts_folder
from tests.fakes.notifications import crowd, hostile, incident, letter, notification, resolved, taken

FOLDER = contracts_folder()
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)

NOTIFICATIONS = {
    "first": notification(),
    "resolved": resolved(),
    "taken": notification(reason=Reason.CHANGED, incidents=(taken(incident()),)),
    "reminder": notification(reason=Reason.REMINDER),
    "test": notification(reason=Reason.TEST),
    "many": crowd(500),
    "hostile": hostile(),
    "nowhere": notification(external_url="", incidents=()),
}

PAGERDUTY = PagerDutyFormat(PagerDutyReceiver(name="r", routing_key=Secret("e" * 32)))
OPSGENIE = OpsgenieFormat(OpsgenieReceiver(name="r", api_key=Secret("key"), tags=("dialtone",)))
DISCORD = DiscordFormat(DiscordReceiver(name="r", url=Secret("https://discord.com/api/webhooks/12/tok")))
SLACK = SlackFormat(SlackReceiver(name="r", token=Secret("xoxb"), channel="#ops"))
ALERTMANAGER = AlertmanagerFormat(AlertmanagerReceiver(name="r", urls=(Secret("http://am:9093"),)))
TEAMS = TeamsFormat(TeamsReceiver(name="r", url=Secret("https://teams.example/hook")))

SOURCES = {
    "pagerduty": ("openapi", "pagerduty/events-v2-openapiv3.json"),
    "opsgenie": ("swagger", "opsgenie/swagger.json"),
    "discord": ("openapi", "discord/openapi.json"),
    "alertmanager": ("swagger", "alertmanager/openapi-v2.yaml"),
    "slack": ("swagger", "slack/slack_web_openapi_v2.json"),
}


def contract_of(vendor: str) -> Contract:
    kind, source = SOURCES[vendor]
    return msgspec.convert({"kind": kind, "evidence": "vendor contract", "source": source}, Contract)


@pytest.fixture(scope="module")
def folder() -> ContractsFolder:
    assert FOLDER is not None
    return ContractsFolder(FOLDER)


def operation_of(drawn: Drawn) -> tuple[str, str, str]:
    """The description and operation that a request is about, and what the URL has before the path there."""
    path = httpx.URL(drawn.url).path
    last = path.rpartition("/")[2]
    if "discord" in drawn.url:
        name = "update_webhook_message" if drawn.method == "PATCH" else "execute_webhook"
        return "discord", name, "/api"
    if "opsgenie" in drawn.url:
        names = {"alerts": "createAlert", "close": "closeAlert", "acknowledge": "acknowledgeAlert"}
        return "opsgenie", names[last], ""
    if "pagerduty" in drawn.url:
        return "pagerduty", "createV2Event", "/v2"
    return "alertmanager", "postAlerts", "/api/v2"


def problems(folder: ContractsFolder, drawn: Drawn) -> list[str]:
    vendor, name, base = operation_of(drawn)
    description = folder.describe(vendor, contract_of(vendor))
    checker = OperationChecker(description.operations[name], description)
    request = httpx.Request(drawn.method, drawn.url, headers=dict(drawn.headers), content=drawn.body)
    return checker.problems(request, base=base)


@pytest.mark.parametrize("told", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
@pytest.mark.parametrize(
    "format_",
    [PAGERDUTY, OPSGENIE, DISCORD, ALERTMANAGER],
    ids=["pagerduty", "opsgenie", "discord", "alertmanager"],
)
def test_every_request_is_one_that_the_vendor_describes(
    format_: PagerDutyFormat | OpsgenieFormat | DiscordFormat | AlertmanagerFormat,
    told: Notification,
    folder: ContractsFolder,
) -> None:
    drawn = [*format_.draw(letter(told)), *format_.draw(letter(told, reference="1234"))]

    assert drawn
    assert [problem for each in drawn for problem in problems(folder, each)] == []


def test_a_request_that_is_wrong_would_be_found(folder: ContractsFolder) -> None:
    (drawn,) = PAGERDUTY.draw(letter())
    body = json.loads(drawn.body)
    body["payload"]["severity"] = "terrible"
    wrong = msgspec.structs.replace(drawn, body=json.dumps(body).encode())

    assert problems(folder, wrong)


@pytest.mark.parametrize("told", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
def test_every_field_sent_to_slack_is_one_that_its_method_takes(
    told: Notification, folder: ContractsFolder
) -> None:
    raw = folder.raw(contract_of("slack"))
    for reference in ("", "C1:1.2"):
        (drawn,) = SLACK.draw(letter(told, reference=reference))
        method = drawn.url.rpartition("/")[2]
        known = {field["name"]: field for field in raw["paths"][f"/{method}"]["post"]["parameters"]}
        body = json.loads(drawn.body)
        required = {name for name, field in known.items() if field.get("required") and name != "token"}

        assert set(body) <= set(known)
        assert required <= set(body)
        assert jsonschema_rs.Draft4Validator(raw["definitions"]["blocks"]).is_valid(body["blocks"])


@pytest.mark.parametrize("version", ["1.4.0", "1.5.0"])
@pytest.mark.parametrize("told", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
def test_every_card_is_an_adaptive_card(told: Notification, version: str) -> None:
    assert FOLDER is not None
    schema = json.loads((FOLDER / "msteams" / f"adaptive-card-{version}.schema.json").read_bytes())
    (drawn,) = TEAMS.draw(letter(told))
    card = json.loads(drawn.body)["attachments"][0]["content"]
    del card["msteams"]

    assert [str(error.message) for error in jsonschema_rs.validator_for(schema).iter_errors(card)] == []


def test_a_card_that_is_none_would_be_found() -> None:
    assert FOLDER is not None
    schema = json.loads((FOLDER / "msteams" / "adaptive-card-1.4.0.schema.json").read_bytes())

    assert not jsonschema_rs.validator_for(schema).is_valid(
        {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "RichTextBlock", "inlines": 7}]}
    )
