"""How credentials stand, from the framework's own integrations."""

import anyio
import httpx
import pytest

from integrations.connection import Connection
from integrations.credential_desk import CredentialDesk
from integrations.credentials.secret import Secret
from integrations.credentials.state import CredentialState
from integrations.execution.outcome import Outcome
from integrations.signals import CredentialNotice
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.tokens import TokenVendor, TokenWorld, unsigned

DAY = 86_400
BEARER = {"kind": "bearer", "secrets": {"token": {"title": "token"}}}


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def desk(world: TokenWorld) -> CredentialDesk:
    return CredentialDesk(world.framework, renewing=world.framework.credentials, lines=world.executor)


def standing(world: TokenWorld) -> list[CredentialState]:
    return list(desk(world).states(world.clock.time()))


async def test_a_token_is_unused_until_a_call_buys_it() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.extra["scope"] = "read"
    world.open()
    before = standing(world)[0]

    await world.framework.execute_integration("v", "me", {})

    after = standing(world)[0]
    assert (before.state, before.credential, before.granted) == ("unused", "access_token", None)
    assert (after.state, after.renews, after.granted) == ("ok", True, ("read",))
    assert after.missing == {"me": ("list",)}
    assert after.expires_at == pytest.approx(world.clock.time() + 3600, abs=1)
    status = world.framework.get_integration_status("v")
    assert status.auth.granted == ("read",)
    assert [one.missing_scopes for one in status.actions if one.name == "me"] == [("list",)]


async def test_renewing_buys_a_token_at_once_and_tells_how_it_went() -> None:
    world = TokenWorld(TokenVendor())
    world.open({"client_id": "client-9", "client_secret": "s3cret"})

    good = await desk(world).renew("v")
    world.vendor.answer = httpx.Response(401, json={"error": "invalid_client"})
    bad = await desk(world).renew("v")

    assert good == Outcome()
    assert (bad.ok, bad.code, world.vendor.sold) == (False, "invalid_client", 1)
    assert [one.state for one in standing(world)] == ["rejected", "ok", "ok"]


async def test_a_static_token_that_is_a_jwt_tells_its_end_and_it_is_announced() -> None:
    world = TokenWorld(TokenVendor(), BEARER)
    end = int(world.clock.time() + 20 * DAY)
    world.open({"token": unsigned(exp=end)})

    async with anyio.create_task_group() as group:
        group.start_soon(world.framework.run)
        await anyio.sleep(5)
        group.cancel_scope.cancel()

    (state,) = standing(world)
    (notice,) = world.seen.of(CredentialNotice)
    assert (state.state, state.expires_at, state.renews) == ("expiring", end, False)
    assert (notice.event, notice.credential, notice.expires_at) == ("expiring", "token", end)
    assert "token ends within 30 d; replace secrets.token" in notice.detail
    samples = [
        one for one in world.framework.samples() if one.metric.startswith("dialtone_credential_expiry")
    ]
    assert [(one.labels, one.value) for one in samples] == [(("v", "token"), end)]
    assert world.store.rows["v"].told["token"].days == 30


async def test_renewing_what_is_fixed_reads_its_file_again() -> None:
    world = TokenWorld(TokenVendor(), BEARER)
    world.open({"token": Secret("old", read=lambda: "new")})

    outcome = await desk(world).renew("v")

    assert outcome.ok
    assert [one.event for one in world.seen.of(CredentialNotice)] == ["reread"]


async def test_without_a_credential_there_is_nothing_to_tell() -> None:
    world = TokenWorld(TokenVendor(), {"kind": "none"})
    world.framework.register_integration(Connection(id="v", vendor="vendor"))

    assert standing(world) == []


async def test_an_unknown_integration_is_told() -> None:
    world = TokenWorld(TokenVendor())

    with pytest.raises(LookupError, match="there are none"):
        await desk(world).renew("v")


async def test_what_only_another_kind_of_credential_can_do_lacks_no_scope() -> None:
    alone = {"title": "me", "effect": "read", "path": "/me", "scopes": ["read", "list"]}
    persons = {**alone, "auth": ["person"], "scopes": ["write"]}
    world = TokenWorld(
        TokenVendor(),
        actions={"me": alone, "theirs": persons},
        capabilities={"read": ["me", "theirs"]},
    )
    world.vendor.extra["scope"] = "read"
    world.open()

    await world.framework.execute_integration("v", "me", {})

    status = world.framework.get_integration_status("v")
    assert standing(world)[0].missing == {"me": ("list",)}
    assert {one.name: one.missing_scopes for one in status.actions} == {"me": ("list",), "theirs": ()}
