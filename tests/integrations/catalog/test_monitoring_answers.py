"""What Datadog, New Relic and Grafana answer, and what Grafana sends."""

import hashlib
import hmac

import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.outcome import Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.webhooks.policy import WebhookPolicy
from tests.contract.examples import params_of
from tests.fakes.framework import CATALOG, RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.simulated import WAYS, World
from tests.integrations.webhooks.deliveries import NOW, delivery, endpoint_for

SECRETS = {
    "datadog": {"api_key": Secret("s1-api-key"), "app_key": Secret("s2-app-key")},
    "newrelic": {"user_key": Secret("NRAK-1")},
    "grafana": {"token": Secret("glsa_s3cret")},
}
AUTH = {"datadog": "keys", "newrelic": "user", "grafana": "token"}
CONFIG = {"grafana": {"base_url": "https://grafana.example"}}


async def outcome_of(vendor: str, action: str, answer: httpx.Response) -> Outcome:
    framework = framework_for(RecordingVendor(answer), publish=RecordingSubscriber())
    framework.register_integration(
        Connection(
            id="it",
            vendor=vendor,
            auth=AUTH[vendor],
            secrets=SECRETS[vendor],
            config=CONFIG.get(vendor, {}),
            policy=Policy(retry=RetryPolicy(attempts=1)),
        )
    )
    params = params_of(CATALOG.manifest(vendor).actions[action], whole=False)
    return await framework.execute_integration("it", action, params)


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (403, {"errors": ["Forbidden"]}, "unauthorized", "Forbidden"),
        (403, {"errors": ["Forbidden", "Failed permission authorization checks"]}, "forbidden", "permission"),
        (
            400,
            {"errors": [{"title": "Bad Request", "detail": "Malformed payload"}]},
            "client_error",
            "Malformed",
        ),
        (404, {"errors": ["Monitor not found"]}, "not_found", "Monitor not found"),
        (200, {"status": "error", "error": "Rule is too wide"}, "vendor_error", "too wide"),
        (200, {"errors": ["some points were dropped"]}, "vendor_error", "dropped"),
        (200, {"errors": ["one of two"], "data": []}, None, ""),
        (200, {"errors": [], "status": "ok"}, None, ""),
    ],
)
async def test_datadogs_refusals_mean_what_they_say(
    status: int, body: dict[str, object], kind: str | None, told: str
) -> None:
    outcome = await outcome_of("datadog", "metrics.query", httpx.Response(status, json=body))

    assert outcome.kind == kind
    assert told in outcome.detail


async def test_datadogs_429_waits_for_its_own_reset() -> None:
    answer = httpx.Response(429, headers={"x-ratelimit-reset": "17"}, json={"errors": ["Too many requests"]})

    outcome = await outcome_of("datadog", "monitors.list", answer)

    assert (outcome.kind, outcome.retry_after) == ("throttled", 17.0)


def error(message: str, **extensions: str) -> dict[str, object]:
    return {"data": None, "errors": [{"message": message, "extensions": extensions}]}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, error("too slow", errorClass="TIMEOUT"), "timeout"),
        (200, error("broken", errorClass="INTERNAL_SERVER_ERROR"), "server_error"),
        (200, error("broken", errorClass="SERVER_ERROR"), "server_error"),
        (200, error("who are you", error_code="BAD_API_KEY"), "unauthorized"),
        (200, error("something new", errorClass="NEW"), "vendor_error"),
        (403, error("no"), "forbidden"),
        (403, {}, "unauthorized"),
        (
            200,
            {"data": {"dashboardDelete": {"errors": [{"type": "X", "description": "no"}]}}},
            "client_error",
        ),
        (
            200,
            {"data": {"taggingAddTagsToEntity": {"errors": [{"type": "NOT_FOUND", "message": "no"}]}}},
            "not_found",
        ),
        (200, {**error("This field is deprecated! Use x."), "data": {"actor": {"user": {"id": 1}}}}, None),
        (
            200,
            {
                **error("This field is deprecated! Use x.", a="b"),
                "errors": [{"message": "This field is deprecated!"}, {"message": "broken"}],
            },
            "vendor_error",
        ),
    ],
)
async def test_nerdgraphs_errors_mean_what_they_say(
    status: int, body: dict[str, object], kind: str | None
) -> None:
    outcome = await outcome_of("newrelic", "user.get", httpx.Response(status, json=body))

    assert outcome.kind == kind, outcome.detail


async def test_nerdgraphs_429_names_no_time_and_waits_a_little() -> None:
    outcome = await outcome_of("newrelic", "user.get", httpx.Response(429))

    assert (outcome.kind, outcome.retry_after) == ("throttled", 2.0)


@pytest.mark.parametrize(
    ("action", "status", "body", "kind", "code"),
    [
        ("data_sources.health", 400, {"status": "ERROR", "message": "refused"}, "vendor_error", "ERROR"),
        (
            "dashboards.save",
            412,
            {"status": "version-mismatch", "message": "x"},
            "client_error",
            "version-mismatch",
        ),
        (
            "folders.create",
            409,
            {"messageId": "folder.conflict", "message": "x"},
            "client_error",
            "folder.conflict",
        ),
    ],
)
async def test_grafanas_refusals_mean_what_they_say(
    action: str, status: int, body: dict[str, object], kind: str, code: str
) -> None:
    outcome = await outcome_of("grafana", action, httpx.Response(status, json=body))

    assert (outcome.kind, outcome.code) == (kind, code)


TIME = "x-grafana-alerting-signature-timestamp"
ALERT = b'{"receiver":"dialtone","status":"firing","groupKey":"{}:{}","alerts":[]}'


def grafana_signature(signed: bytes) -> str:
    return hmac.digest(b"s3cret", signed, hashlib.sha256).hex()


@pytest.mark.parametrize(
    ("scheme", "signed", "headers", "verdict"),
    [
        ("", ALERT, {}, "accepted"),
        ("", ALERT + b" ", {}, "bad_signature"),
        ("timed", f"{NOW:.0f}:".encode() + ALERT, {TIME: f"{NOW:.0f}"}, "accepted"),
        ("timed", ALERT, {TIME: f"{NOW:.0f}"}, "bad_signature"),
        ("timed", f"{NOW - 400:.0f}:".encode() + ALERT, {TIME: f"{NOW - 400:.0f}"}, "stale"),
    ],
)
async def test_grafanas_alerts_are_known_with_and_without_a_timestamp(
    scheme: str, signed: bytes, headers: dict[str, str], verdict: str
) -> None:
    webhooks = CATALOG.manifest("grafana").webhooks
    assert webhooks is not None
    # The endpoint of the fakes knows its secret by another name.
    named = {name: msgspec.structs.replace(one, secret="s") for name, one in webhooks.schemes.items()}
    verify = msgspec.structs.replace(webhooks.verify, secret="s")
    webhooks = msgspec.structs.replace(webhooks, verify=verify, schemes=named)
    endpoint = endpoint_for(verify, "s3cret", webhooks=webhooks, policy=WebhookPolicy(scheme=scheme))
    sent = {**headers, "x-grafana-alerting-signature": grafana_signature(signed)}

    judged = await endpoint.judge(delivery(ALERT, sent))

    assert judged.verdict == verdict


@pytest.mark.parametrize(
    ("vendor", "create", "read", "change", "delete"),
    [
        (
            "datadog",
            ("monitors.create", {"type": "query alert", "query": "q", "name": "a"}),
            ("monitors.get", "monitor_id", "/id"),
            ("monitors.update", {"name": "b"}),
            "monitors.delete",
        ),
        (
            "grafana",
            ("annotations.create", {"text": "a"}),
            ("annotations.get", "annotation_id", "/id"),
            ("annotations.update", {"text": "b"}),
            "annotations.delete",
        ),
    ],
)
async def test_what_is_created_can_be_got_changed_and_deleted_in_the_simulator(
    vendor: str,
    create: tuple[str, dict[str, object]],
    read: tuple[str, str, str],
    change: tuple[str, dict[str, object]],
    delete: str,
) -> None:
    world = World()
    it = world.register(next(way for way in WAYS if way.vendor == vendor))

    async def run(action: str, **params: object) -> Outcome:
        return await world.framework.execute_integration(it, action, params)

    made = await run(create[0], **create[1])
    assert isinstance(made.data, dict)
    key = {read[1]: made.data["id"]}
    await run(change[0], **key, **change[1])
    got = await run(read[0], **key)
    gone = await run(delete, **key)
    after = await run(read[0], **key)
    await world.executor.aclose()

    assert isinstance(got.data, dict)
    assert change[1].items() <= got.data.items()
    assert (gone.ok, after.kind) == (True, "not_found")


async def test_entities_are_searched_to_the_last_page() -> None:
    world = World()
    it = world.register(next(way for way in WAYS if str(way) == "newrelic user"))

    outcome = await world.framework.execute_integration(
        it, "entities.search", {"query": "reporting IS true", "_pages": 5}
    )
    await world.executor.aclose()

    assert isinstance(outcome.data, dict)
    assert ([one["name"] for one in outcome.data["items"]], outcome.data["more"]) == (
        ["shop", "The shop"],
        False,
    )
