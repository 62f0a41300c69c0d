"""What every vendor may do to us: throttle, refuse, be late, hang up, cut, flood; and what we make of it."""

import email.utils
from collections.abc import Callable, Iterator

import anyio
import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.transport import Reply
from integrations.framework import IntegrationFramework
from integrations.manifest.answers import AnswerReader
from integrations.manifest.schema import HeaderNumber, Manifest
from integrations.signals import CallRecord
from tests.contract.examples import params_of
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import CATALOG, SECRET, connection_for
from tests.fakes.signals import RecordingSubscriber

UTC = 1_800_000_000.0
VENDORS = CATALOG.vendors()
each_vendor = pytest.mark.parametrize("vendor", VENDORS)
ONCE = Policy(deadline=5.0, timeout=2.0, connect=1.0, max_body=100_000, retry=RetryPolicy(attempts=1))


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Vendor(httpx.AsyncBaseTransport):
    """Answers every request as `behave` says."""

    def __init__(self, behave: Callable[[httpx.Request], object]) -> None:
        self.behave = behave
        self.requests: list[httpx.Request] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.behave(request)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, float):
            await anyio.sleep(found)
            return httpx.Response(200, json={})
        return found

    async def aclose(self) -> None:
        self.closed += 1


class Cut(httpx.AsyncByteStream):
    """A body that ends before its time."""

    async def __aiter__(self) -> Iterator[bytes]:
        yield b'{"ok": tr'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class Setup:
    """A framework whose one integration of the vendor meets `behave`, and the action that is tried."""

    def __init__(self, vendor: str, behave: Callable[[httpx.Request], object]) -> None:
        self.manifest = CATALOG.manifest(vendor)
        self.auth = fixed_auth(self.manifest)
        self.seen = RecordingSubscriber()
        self.vendor = Vendor(behave)
        clock = LoopClock()
        self.executor = Executor(clock=clock, publish=self.seen, transport=lambda _: self.vendor)
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=CATALOG, clock=clock, publish=self.seen
        )
        connection = connection_for(self.manifest, auth=self.auth)
        self.connection: Connection = msgspec.structs.replace(connection, policy=ONCE)
        self.framework.register_integration(self.connection)

    @property
    def action(self) -> str:
        """An action of data that only reads, where the vendor has one for this authentication."""
        fitting = [
            (name, one)
            for name, one in self.manifest.actions.items()
            if not one.auth or self.auth in one.auth
        ]
        return min(fitting, key=lambda pair: (pair[1].code, pair[1].effect == "write"))[0]

    async def run(self) -> Outcome:
        params = params_of(self.manifest.actions[self.action], whole=False)
        return await self.framework.execute_integration(self.connection.id, self.action, params)

    def told(self, outcome: Outcome) -> str:
        return repr([msgspec.structs.replace(outcome, data=None), self.seen.signals])


def fixed_auth(manifest: Manifest) -> str:
    """An authentication kind whose credential is there from the start, else the first."""
    fixed = ("bearer", "api_key", "basic", "none")
    kinds = {name: str(auth.__struct_config__.tag) for name, auth in manifest.auth.items()}
    return min(kinds, key=lambda name: fixed.index(kinds[name]) if kinds[name] in fixed else len(fixed))


@each_vendor
@pytest.mark.parametrize(
    ("behave", "kinds"),
    [
        (lambda _: 60.0, {FailureKind.TIMEOUT}),
        (lambda _: httpx.ReadError("reset"), {FailureKind.CONNECTION}),
        (lambda _: httpx.ConnectError("refused"), {FailureKind.CONNECTION}),
        (lambda _: httpx.Response(200, stream=Cut()), {FailureKind.CONNECTION, FailureKind.MALFORMED}),
        (lambda _: httpx.Response(200, content=b"x" * 100_001), {FailureKind.TOO_LARGE}),
        (lambda _: httpx.Response(500, content=b"\xff\xfe<html>"), {FailureKind.SERVER_ERROR}),
        (lambda _: httpx.Response(302, headers={"location": "https://evil.example/"}), None),
        (lambda _: httpx.Response(401, json={}), {FailureKind.UNAUTHORIZED}),
        (lambda _: httpx.Response(404, json=[]), None),
    ],
    ids=["late", "reset", "refused", "cut", "flood", "broken", "elsewhere", "401", "404"],
)
async def test_a_bad_answer_is_a_failure_of_its_kind(
    vendor: str, behave: Callable[[httpx.Request], object], kinds: set[FailureKind] | None
) -> None:
    setup = Setup(vendor, behave)

    outcome = await setup.run()

    assert not outcome.ok
    assert kinds is None or outcome.kind in kinds, outcome
    assert outcome.detail
    assert "evil.example" not in {request.url.host for request in setup.vendor.requests}
    assert SECRET not in setup.told(outcome)
    assert setup.seen.of(CallRecord)


@each_vendor
async def test_a_call_that_is_cancelled_leaves_nothing_behind(vendor: str) -> None:
    setup = Setup(vendor, lambda _: 60.0)
    with anyio.move_on_after(0.5):
        await setup.run()
    setup.vendor.behave = lambda _: httpx.Response(500)

    outcomes = [await setup.run() for _ in range(ONCE.concurrency + 1)]

    assert {outcome.kind for outcome in outcomes} <= {FailureKind.SERVER_ERROR, FailureKind.REJECTED}
    assert outcomes[0].kind is FailureKind.SERVER_ERROR


@each_vendor
async def test_closing_twice_does_no_harm(vendor: str) -> None:
    setup = Setup(vendor, lambda _: httpx.Response(500))
    await setup.run()
    integration = setup.framework.integration(setup.connection.id)

    await setup.framework.close_integration(integration)
    await setup.framework.close_integration(integration)
    await setup.executor.aclose()
    await setup.executor.aclose()

    assert setup.vendor.closed


@each_vendor
async def test_a_secret_that_is_missing_is_told_at_the_start(vendor: str) -> None:
    setup = Setup(vendor, lambda _: httpx.Response(200))
    needed = [name for name, one in setup.manifest.auth[setup.auth].secrets.items() if one.required]
    for name in needed:
        secrets = {**setup.connection.secrets, name: Secret("")}
        lacking = msgspec.structs.replace(setup.connection, id="other", secrets=secrets)

        with pytest.raises(ConfigurationError, match=rf"secrets\.{name}"):
            setup.framework.register_integration(lacking)


AHEAD = 30.0
STAMPS = {
    "seconds": "30",
    "milliseconds": "30000",
    "epoch_seconds": str(int(UTC + AHEAD)),
    "epoch_milliseconds": str(int((UTC + AHEAD) * 1000)),
    "iso8601": "2027-01-15T08:00:30Z",
    "seconds_or_date": "30",
    "http_date": email.utils.formatdate(UTC + AHEAD, usegmt=True),
}


def own_ways(manifest: Manifest) -> Iterator[tuple[str, dict[str, str], dict[str, object]]]:
    """The ways in which a vendor says how long to wait: what it is called, headers, body."""
    for place in manifest.errors.retry_after:
        if place.header:
            yield place.header, {place.header.lower(): STAMPS[place.unit]}, {}
        else:
            body: dict[str, object] = {}
            names = place.pointer.split("/")[1:]
            inner = body
            for name in names[:-1]:
                inner = inner.setdefault(name, {})
            inner[names[-1]] = float(STAMPS[place.unit])
            yield place.pointer, {}, body
    for quota in manifest.quota:
        if quota.remaining and quota.reset and not (quota.remaining.pattern or quota.reset.pattern):
            yield f"quota {quota.bucket}", header(quota.remaining, "0") | header(quota.reset), {}


def header(place: HeaderNumber, value: str = "") -> dict[str, str]:
    return {place.header.lower(): value or STAMPS[place.unit]}


WAYS = [(vendor, *way) for vendor in VENDORS for way in own_ways(CATALOG.manifest(vendor))]


@pytest.mark.parametrize(("vendor", "way", "headers", "body"), WAYS, ids=[f"{w[0]}-{w[1]}" for w in WAYS])
def test_a_429_waits_as_long_as_the_vendors_own_words_say(
    vendor: str, way: str, headers: dict[str, str], body: dict[str, object]
) -> None:
    del way
    manifest = CATALOG.manifest(vendor)
    action = next(iter(manifest.actions.values()))
    reply = Reply(status=429, headers=headers, body=msgspec.json.encode(body))

    verdict = AnswerReader(manifest, now=lambda: UTC).verdict(reply, action)

    assert verdict.kind is FailureKind.THROTTLED
    assert verdict.retry_after == pytest.approx(AHEAD, abs=1.0)
