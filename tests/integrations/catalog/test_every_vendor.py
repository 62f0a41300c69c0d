"""The suite that every vendor in the catalogue passes; a new folder is picked up."""

import re
from pathlib import Path

import httpx
import msgspec
import pytest

from integrations.credentials.opening import open_credential
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from integrations.manifest.authentication import AppAuth, BasicAuth, ClientCertificateAuth, NoAuth, OAuth2Auth
from integrations.manifest.constants import texts
from integrations.manifest.contract import evidence, wire_name
from integrations.manifest.schema import Action, Input, Manifest
from integrations.manifest.values import Values
from tests.contract.examples import config_of, params_of, plan_of
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, SECRET, RecordingVendor, connection_for, framework_for
from tests.fakes.signals import RecordingSubscriber

FOLDER = Path(__file__).parents[3] / "integrations" / "catalog"
VENDORS = CATALOG.vendors()
ACTIONS = [(vendor, action) for vendor in VENDORS for action in CATALOG.manifest(vendor).actions]
AUTHS = [(vendor, auth) for vendor in VENDORS for auth in CATALOG.manifest(vendor).auth]

PARTS = {"variable": "body", "file": "body", "filename": "body"}
"""The part of a request that a place belongs to, where it is called otherwise."""

each_vendor = pytest.mark.parametrize("vendor", VENDORS)
each_action = pytest.mark.parametrize(("vendor", "action"), ACTIONS, ids=[f"{v}-{a}" for v, a in ACTIONS])


def reply(status: int, *, headers: dict[str, str] | None = None, body: bytes = b'{"ok": true}') -> Reply:
    return Reply(status=status, headers=headers or {}, body=body)


def example_value(declared: Input) -> object:
    """A value of the input's type that no other place of the request holds."""
    if declared.enum:
        return declared.enum[-1]
    return {
        "integer": 987654321,
        "number": 98765.4321,
        "boolean": True,
        "array": ["marker-in-a-list"],
        "object": {"marker": "in-an-object"},
        "bytes": b"marker-bytes",
    }.get(declared.type, "marker-text")


@each_vendor
def test_the_folder_has_the_vendors_name(vendor: str) -> None:
    assert CATALOG.manifest(vendor).id == vendor


@each_vendor
def test_the_manifest_agrees_with_its_lock(vendor: str) -> None:
    assert CATALOG.verify(vendor) == []


@each_action
def test_every_action_rests_on_an_operation_or_is_code(vendor: str, action: str) -> None:
    declared = CATALOG.manifest(vendor).actions[action]

    assert declared.code or declared.operation in CATALOG.lock(vendor).operations


@each_vendor
def test_the_evidence_counts_every_action(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)

    found = evidence(manifest, CATALOG.lock(vendor))

    assert sum(one.actions for one in found) == len(manifest.actions)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", one.date) for one in found if one.kind != "none")


@each_vendor
def test_every_action_belongs_to_a_capability_and_reads_are_checked(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)
    grouped = {action for actions in manifest.capabilities.values() for action in actions}

    assert grouped == set(manifest.actions)
    assert {check.capability for check in manifest.health} <= set(manifest.capabilities)
    assert "read" in {check.capability for check in manifest.health}


@each_vendor
def test_checks_only_read(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)

    assert all(manifest.actions[check.action].effect == "read" for check in manifest.health)


@each_vendor
def test_the_readme_tells_everything(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)
    text = (FOLDER / vendor / "README.md").read_text("utf-8")
    secrets = {name for auth in manifest.auth.values() for name in auth.secrets}
    hook = {manifest.webhooks.verify.secret} if manifest.webhooks else set()
    scopes = {scope for auth in manifest.auth.values() for scope in auth.scopes}
    told = {*manifest.actions, *manifest.auth, *manifest.config, *secrets, *hook, *scopes}

    forms = ("`{}`", "{}:", "config.{}`")
    assert [word for word in sorted(told) if not any(form.format(word) in text for form in forms)] == []
    for heading in ("## Credentials", "## Actions", "## Limits", "## Evidence"):
        assert heading in text


@each_action
def test_every_input_reaches_the_request_and_nothing_else_does(vendor: str, action: str) -> None:
    manifest = CATALOG.manifest(vendor)
    declared = manifest.actions[action]
    if declared.code:
        return
    plan = plan_of(manifest, action)
    required = params_of(declared, whole=False)
    for name, one in declared.input.items():
        value = example_value(one)

        with_it = plan.build(plan.check({**required, name: value}), key="k")
        without = plan.build(plan.check({**required, name: one.example}), key="k")

        wanted = {PARTS.get(one.place, one.place)}
        differs = places_that_differ(with_it, without)
        assert differs <= wanted
        assert value == one.example or differs == wanted, name
        if one.place == "query":
            assert wire_name(name, one) in with_it.url.params


def body_of(request: httpx.Request) -> bytes:
    """The body, without the random words that part a multipart one."""
    boundary = request.headers.get("content-type", "").partition("boundary=")[2]
    content = request.read()
    return content.replace(boundary.encode(), b"-") if boundary else content


def headers_of(request: httpx.Request) -> dict[str, str]:
    named = {name: value.partition("; boundary=")[0] for name, value in request.headers.items()}
    return {name: value for name, value in named.items() if name != "content-length"}


def places_that_differ(one: httpx.Request, other: httpx.Request) -> set[str]:
    parts = {
        "path": lambda request: request.url.raw_path.partition(b"?")[0],
        "query": lambda request: request.url.params,
        "header": headers_of,
        "body": body_of,
        "host": lambda request: (request.url.scheme, request.url.host, request.url.port, request.method),
    }
    return {name for name, part in parts.items() if part(one) != part(other)}


@each_action
def test_a_request_holds_only_what_the_manifest_names(vendor: str, action: str) -> None:
    manifest = CATALOG.manifest(vendor)
    declared = manifest.actions[action]
    if declared.code:
        return

    plan = plan_of(manifest, action)
    request = plan.build(plan.check(params_of(declared, whole=True)), key="k")

    wires = {wire_name(name, one) for name, one in declared.input.items() if one.place == "query"}
    assert set(request.url.params) == wires | set(declared.query) | in_the_address(declared)
    allowed = {"user-agent", "host", "content-length", "content-type", *map(str.lower, manifest.headers)}
    named = {one.name or name for name, one in declared.input.items() if one.place == "header"}
    named |= {declared.idempotency.header} if declared.idempotency is not None else set()
    assert set(request.headers) <= allowed | {header.lower() for header in (*declared.headers, *named)}


def in_the_address(action: Action) -> set[str]:
    """The query that is part of an address which is a secret as a whole."""
    return {"sig"} if "{secret." in action.base_url else set()


@each_action
def test_every_status_has_a_meaning(vendor: str, action: str) -> None:
    manifest = CATALOG.manifest(vendor)
    reader = AnswerReader(manifest, now=lambda: 0.0)
    declared = msgspec.structs.replace(manifest.actions[action], items="", output="", paginate="")

    for status in range(200, 600):
        verdict = reader.verdict(reply(status), declared)
        assert (verdict.kind is None) is (200 <= status < 300)
        assert verdict.kind is None or verdict.detail
    assert reader.verdict(reply(429), declared).kind is FailureKind.THROTTLED
    assert reader.verdict(reply(401), declared).kind is FailureKind.UNAUTHORIZED


@each_vendor
@pytest.mark.parametrize(
    ("value", "seconds"), [("30", 30.0), ("0", 0.0), ("Thu, 01 Jan 1970 00:01:30 GMT", 90.0)]
)
def test_a_429_gives_the_wait_that_the_vendor_asks_for(vendor: str, value: str, seconds: float) -> None:
    manifest = CATALOG.manifest(vendor)
    units = {place.unit for place in manifest.errors.retry_after if place.header == "retry-after"}
    action = next(iter(manifest.actions.values()))
    if units == {"seconds"} and not value.isdigit():
        return

    verdict = AnswerReader(manifest, now=lambda: 0.0).verdict(
        reply(429, headers={"retry-after": value}), action
    )

    assert (verdict.kind, verdict.retry_after) == (FailureKind.THROTTLED, seconds)


@pytest.mark.parametrize(("vendor", "auth"), AUTHS)
def test_each_credential_reaches_the_request_and_is_set_anew(vendor: str, auth: str) -> None:
    manifest = CATALOG.manifest(vendor)
    secrets = dict(connection_for(manifest, auth=auth).secrets)
    values = Values(config_of(manifest), clock=FakeClock(), secrets=secrets)
    credential = open_credential(manifest.auth[auth], values=values, secrets=secrets, clock=FakeClock())
    request = httpx.Request("GET", "https://h/")
    before = dict(request.headers), request.url

    credential.apply(request)
    credential.apply(request)

    # A token is bought first, and a certificate is shown when a connection is made.
    later = isinstance(manifest.auth[auth], (OAuth2Auth, AppAuth, ClientCertificateAuth))
    in_request = any("{secret." in text for one in manifest.actions.values() for text in texts_of(one))
    changed = (dict(request.headers), request.url) != before
    assert later or in_request or changed is bool(manifest.auth[auth].secrets)
    assert len(request.headers.get_list("authorization")) <= 1


def texts_of(action: Action) -> list[str]:
    """What is filled in when a request of the action is made: its address and the constants of its body."""
    return [action.base_url, action.path, *(texts(action.body.base) if action.body is not None else ())]


def hostile_answer(manifest: Manifest, status: int, sent: list[httpx.Request]) -> httpx.Response:
    """An answer that quotes everything it was sent, as careless vendors do."""
    quoted = " ".join(f"{name}={value}" for name, value in sent[-1].headers.items())
    quoted += " " + sent[-1].content.decode("utf-8", "replace")
    body = {"ok": False, "status": "error", "message": quoted, "error": quoted, "needed": quoted}
    body |= {"errors": [{"code": quoted}], "errorType": quoted}
    return httpx.Response(status, json=body)


@pytest.mark.parametrize(("vendor", "auth"), AUTHS)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, "reset"])
async def test_no_secret_is_ever_told(vendor: str, auth: str, status: int | str) -> None:
    manifest = CATALOG.manifest(vendor)
    seen = RecordingSubscriber()
    sent = RecordingVendor(handler=lambda _: answer())

    def answer() -> httpx.Response:
        if isinstance(status, str):
            raise httpx.ReadError(f"reset while sending to {sent.requests[-1].headers}")
        return hostile_answer(manifest, status, sent.requests)

    framework = framework_for(sent, publish=seen)
    framework.register_integration(connection_for(manifest, auth=auth))
    outcomes = []
    for name, action in manifest.actions.items():
        if action.auth and auth not in action.auth:
            continue
        params = params_of(action, whole=True)
        outcomes.append(await framework.execute_integration(f"{vendor}-test", name, params, timeout=0.5))
    outcomes += [await framework.run_check(one, timeout=0.5) for one in framework.checks(f"{vendor}-test")]
    integration = framework.integration(f"{vendor}-test")

    # What the vendor answered well is the caller's own data; all else is told to others.
    outcomes = [msgspec.structs.replace(outcome, data=None) for outcome in outcomes]
    status_now = framework.get_integration_status(integration.id)
    told = repr([outcomes, seen.signals, status_now, integration.connection, integration.config])
    assert sent.requests
    assert SECRET not in told
    if isinstance(manifest.auth[auth], BasicAuth):
        assert sent.requests[0].headers["authorization"].partition(" ")[2] not in told


@pytest.mark.parametrize(("vendor", "auth"), AUTHS)
async def test_a_refused_credential_is_read_anew_and_tried_once_more(vendor: str, auth: str) -> None:
    manifest = CATALOG.manifest(vendor)
    if isinstance(manifest.auth[auth], (NoAuth, OAuth2Auth, AppAuth, ClientCertificateAuth)):
        return
    sent = RecordingVendor(handler=lambda _: httpx.Response(401, json={}))
    framework = framework_for(sent)
    given = connection_for(manifest, auth=auth)
    secrets = {name: renewed(secret) for name, secret in given.secrets.items()}
    framework.register_integration(msgspec.structs.replace(given, secrets=secrets))
    name = next(name for name, one in manifest.actions.items() if not one.auth or auth in one.auth)

    params = params_of(manifest.actions[name], whole=False)
    outcome = await framework.execute_integration(given.id, name, params)

    assert outcome.kind is FailureKind.UNAUTHORIZED
    first, *more = [(dict(request.headers), request.url) for request in sent.requests]
    assert len(more) == 1
    assert more[0] != first, "the second try has the new credential"


def renewed(secret: Secret) -> Secret:
    """The secret, whose file holds another one by now."""
    return Secret(secret.reveal(), read=lambda: secret.reveal() + "-new")
