"""The simulator sells tokens to who proves itself, and takes only those; the framework buys them there."""

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.framework import IntegrationFramework
from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.simulator import Simulator
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.tokens import SECRETS, OneVendor, ec_key, manifest, pem

ORIGIN = "http://127.0.0.1:9"
KEY = {"client_id": {"title": "id"}, "private_key": {"title": "key"}}
AT = {"kind": "oauth2", "token_url": "{config.base_url}/oauth/token"}
KINDS = {
    "client credentials, basic": {**AT, "grant": "client_credentials", "secrets": SECRETS},
    "client credentials, body": {
        **AT,
        "grant": "client_credentials",
        "client_auth": "body",
        "secrets": SECRETS,
    },
    "client credentials, key": {
        **AT,
        "grant": "client_credentials",
        "client_auth": "private_key_jwt",
        "algorithm": "PS256",
        "secrets": KEY,
    },
    "refresh token": {
        **AT,
        "grant": "refresh_token",
        "secrets": {**SECRETS, "refresh_token": {"title": "r"}},
    },
    "an address that ends in a slash": {
        **AT,
        "token_url": "{config.base_url}/oauth/token/",
        "grant": "client_credentials",
        "secrets": SECRETS,
    },
    "signed JWT": {**AT, "grant": "jwt_bearer", "client_auth": "none", "algorithm": "ES256", "secrets": KEY},
    "GitHub App": {
        "kind": "github_app",
        "app_id": "{secret.app_id}",
        "installation_id": "9",
        "secrets": {"app_id": {"title": "id"}, "private_key": {"title": "key"}},
    },
}
EACH = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Simulated:
    """The framework over a simulator of one vendor."""

    def __init__(self, kind: str, **spoilt: str) -> None:
        made = manifest(
            KINDS[kind],  # type: ignore[arg-type]  # each is a mapping
            base_url="{config.base_url}",
            hosts=["{config.base_url}"],
            config={"base_url": {"type": "url", "title": "where"}},
        )
        self.clock = LoopClock()
        self.simulator = Simulator(OneVendor(made), clock=self.clock)
        seen = RecordingSubscriber()
        executor = Executor(
            clock=self.clock, publish=seen, transport=lambda _: httpx.ASGITransport(self.simulator)
        )
        self.framework = IntegrationFramework(
            executor=executor,
            catalog=OneVendor(made),  # type: ignore[arg-type]  # as much of it as is asked here
            clock=self.clock,
            publish=seen,
        )
        secrets = {**self.simulator.secrets("vendor"), **spoilt}
        self.framework.register_integration(
            Connection(
                id="v",
                vendor="vendor",
                config={"base_url": self.simulator.base_url("vendor", ORIGIN)},
                secrets={name: Secret(text) for name, text in secrets.items()},
            )
        )

    async def call(self) -> Outcome:
        return await self.framework.execute_integration("v", "me", {})

    def sold(self) -> int:
        return sum(
            count
            for (_, _, action, status), count in self.simulator.seen.items()
            if not action and status < 300
        )


@EACH
async def test_who_proves_itself_is_sold_a_token_and_let_in(kind: str) -> None:
    world = Simulated(kind)

    outcomes = [await world.call(), await world.call()]

    assert [one.kind for one in outcomes] == [None, None], outcomes[0].detail
    assert world.sold() == 1


@EACH
async def test_a_token_that_was_ended_on_command_is_bought_anew(kind: str) -> None:
    world = Simulated(kind)
    await world.call()
    await world.clock.sleep(60)
    world.simulator.expire_tokens("vendor")

    outcome = await world.call()

    assert (outcome.kind, len(outcome.attempts), world.sold()) == (None, 2, 2)


@EACH
async def test_a_token_ends_after_an_hour(kind: str) -> None:
    world = Simulated(kind)
    await world.call()
    await world.clock.sleep(3700)

    outcome = await world.call()

    assert (outcome.kind, len(outcome.attempts), world.sold()) == (None, 1, 2)


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("client credentials, basic", "client_secret"),
        ("client credentials, body", "client_secret"),
        ("client credentials, key", "client_id"),
        ("refresh token", "refresh_token"),
        ("signed JWT", "client_id"),
        ("GitHub App", "app_id"),
    ],
)
async def test_who_does_not_is_refused(kind: str, secret: str) -> None:
    world = Simulated(kind, **{secret: "wrong"})

    outcome = await world.call()

    assert (outcome.kind, world.sold()) == (FailureKind.UNAUTHORIZED, 0)
    assert "no access token: the token endpoint answered 40" in outcome.detail


async def test_another_key_signs_nothing_that_is_taken() -> None:
    world = Simulated("signed JWT", private_key=pem(ec_key()))

    assert (await world.call()).kind is FailureKind.UNAUTHORIZED


async def test_a_refresh_token_counts_once() -> None:
    world = Simulated("refresh token")
    await world.call()
    first = world.simulator.secrets("vendor")["refresh_token"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.simulator), base_url=ORIGIN) as client:
        answer = await client.post(
            "/vendor/oauth/token",
            data={"grant_type": "refresh_token", "refresh_token": first},
            auth=(
                world.simulator.secrets("vendor")["client_id"],
                world.simulator.secrets("vendor")["client_secret"],
            ),
        )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_tokens_end_over_http_too() -> None:
    world = Simulated("client credentials, basic")
    await world.call()
    await world.clock.sleep(60)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.simulator), base_url=ORIGIN) as client:
        statuses = [
            (await client.post(f"/_simulator/expire/{where}")).status_code
            for where in ("vendor/main", "vendor/x", "x/main")
        ]

    assert statuses == [204, 404, 404]
    assert len((await world.call()).attempts) == 2


async def test_a_vendor_that_fails_fails_at_its_token_endpoint_too() -> None:
    world = Simulated("client credentials, basic")
    world.simulator.faults.add(Fault(kind=FaultKind.SERVER_ERROR))

    assert (await world.call()).kind is FailureKind.SERVER_ERROR
