"""Access tokens through the whole framework, in the loop's time."""

import anyio
import httpx
import jwt
import msgspec
import pytest
from anyio.abc import TaskGroup

from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.execution.outcome import FailureKind, Origin, Outcome
from integrations.signals import CallRecord, CredentialNotice
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.tokens import (
    API,
    CLIENT,
    SECRETS,
    MemoryCredentials,
    TokenVendor,
    TokenWorld,
    ec_key,
    pem,
    public_pem,
    rsa_key,
)

REFRESH = {**CLIENT, "grant": "refresh_token", "secrets": {**SECRETS, "refresh_token": {"title": "r"}}}
REFRESHING = {"client_id": "id", "client_secret": "s3cret", "refresh_token": "first-refresh"}


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def call(world: TokenWorld, action: str = "me", **more: object) -> Outcome:
    return await world.framework.execute_integration("v", action, {}, **more)  # type: ignore[arg-type]


def events(world: TokenWorld) -> list[str]:
    return [notice.event for notice in world.seen.of(CredentialNotice)]


async def begin(group: TaskGroup, world: TokenWorld) -> None:
    group.start_soon(world.framework.run)
    await anyio.lowlevel.checkpoint()


async def test_a_call_buys_a_token_and_later_ones_use_it() -> None:
    world = TokenWorld(TokenVendor())
    world.open()

    outcomes = [await call(world), await call(world)]

    assert [one.ok for one in outcomes] == [True, True]
    assert world.vendor.forms == [{"grant_type": "client_credentials"}]
    assert world.vendor.headers[0]["authorization"] == "Basic aWQ6czNjcmV0"
    assert [one.headers["authorization"] for one in world.vendor.calls] == ["Bearer access-1"] * 2


async def test_the_token_request_is_a_call_of_its_own_in_a_capability_of_its_own() -> None:
    world = TokenWorld(TokenVendor())
    world.open()

    await call(world)

    told = [(one.origin, one.capability, one.step) for one in world.seen.of(CallRecord)]
    assert told == [(Origin.CREDENTIAL, "credential", "token"), (Origin.TRAFFIC, "read", "request")]


async def test_a_hundred_callers_at_once_make_one_token_request() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.latency = 0.5
    world.open()
    done: list[bool] = []

    async def one(action: str) -> None:
        done.append((await call(world, action)).ok)

    async with anyio.create_task_group() as group:
        await begin(group, world)
        async with anyio.create_task_group() as callers:
            for _ in range(100):
                callers.start_soon(one, "put")
        group.cancel_scope.cancel()

    assert (len(done), all(done), world.vendor.sold) == (100, True, 1)


async def test_a_hundred_refusals_at_once_make_one_further_token_request() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.latency = 0.5
    world.open()
    done: list[bool] = []

    async def one() -> None:
        done.append((await call(world, "put")).ok)

    async with anyio.create_task_group() as group:
        await begin(group, world)
        await call(world)
        await anyio.sleep(60)
        world.vendor.revoke()
        async with anyio.create_task_group() as callers:
            for _ in range(100):
                callers.start_soon(one)
        group.cancel_scope.cancel()

    assert (len(done), all(done), world.vendor.sold) == (100, True, 2)


async def test_who_leaves_ends_no_purchase() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.latency = 5.0
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        with anyio.move_on_after(1.0):
            await call(world)
        await anyio.sleep(10.0)
        outcome = await call(world)
        group.cancel_scope.cancel()

    assert (outcome.ok, world.vendor.sold) == (True, 1)


async def test_a_token_that_is_due_is_renewed_behind_the_call() -> None:
    world = TokenWorld(TokenVendor(life=600.0), {**CLIENT, "early": 60.0})
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        await call(world)
        await anyio.sleep(500.0)
        before = world.vendor.sold
        world.vendor.latency = 5.0
        await anyio.sleep(50.0)
        began = world.clock.monotonic()
        outcome = await call(world)
        took = world.clock.monotonic() - began
        group.cancel_scope.cancel()

    assert (before, outcome.ok) == (1, True)
    assert took < 0.5
    assert world.vendor.sold == 2


async def test_a_token_nobody_uses_is_not_renewed() -> None:
    world = TokenWorld(TokenVendor(life=3600.0))
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        await call(world)
        await anyio.sleep(20_000)
        group.cancel_scope.cancel()

    assert world.vendor.sold == 1


async def test_while_the_old_token_is_good_a_failing_renewal_is_told_once_and_breaks_no_call() -> None:
    world = TokenWorld(TokenVendor(life=600.0), {**CLIENT, "early": 120.0})
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        await call(world)
        world.vendor.answer = httpx.Response(503)
        await anyio.sleep(520.0)
        outcome = await call(world)
        group.cancel_scope.cancel()

    assert outcome.ok
    assert events(world) == ["refreshed", "refresh_failed"]
    refreshes = [s for s in world.framework.samples() if s.metric == "dialtone_credential_refreshes_total"]
    assert {one.labels[1] for one in refreshes} >= {"ok", "server_error"}


async def test_after_a_401_one_try_with_a_fresh_token_follows() -> None:
    world = TokenWorld(TokenVendor())
    world.open()
    await call(world)
    await anyio.sleep(60)
    world.vendor.revoke()

    outcome = await call(world)

    assert (outcome.ok, world.vendor.sold, len(outcome.attempts)) == (True, 2, 2)


async def test_a_fresh_token_that_is_refused_buys_no_further_one_and_says_what_to_do() -> None:
    world = TokenWorld(TokenVendor())
    world.open()
    await call(world)
    await anyio.sleep(60)
    world.vendor.revoke()
    sell, world.vendor.good = world.vendor.good, _Nothing()  # type: ignore[assignment]

    outcomes = [await call(world), await call(world), await call(world)]

    assert sell == set()
    assert world.vendor.sold == 2
    assert {one.kind for one in outcomes} == {FailureKind.UNAUTHORIZED}
    assert "replace secrets.client_id, secrets.client_secret" in outcomes[0].detail
    assert "then `dialtone reload`" in outcomes[0].detail
    assert events(world).count("rejected") == 1


class _Nothing(set[str]):
    """A set that keeps nothing."""

    def add(self, element: str, /) -> None:
        pass


async def test_a_refused_client_is_unauthorized_with_the_vendors_word_and_is_left_alone_for_a_while() -> None:
    world = TokenWorld(TokenVendor())
    world.open({"client_id": "client-9", "client_secret": "s3cret"})
    refusal = {"error": "invalid_client", "error_description": "no client s3cret"}
    world.vendor.answer = httpx.Response(401, json=refusal)

    first, second = await call(world), await call(world)

    assert (first.kind, first.code) == (FailureKind.UNAUTHORIZED, "invalid_client")
    assert "invalid_client: no client ***" in first.detail
    assert "docs/credentials.md" in first.detail
    assert "next try in" in second.detail
    assert len(world.vendor.forms) == 1
    records = [one for one in world.seen.of(CallRecord) if one.origin is Origin.TRAFFIC]
    assert [one.kind for one in records] == [FailureKind.UNAUTHORIZED] * 2


async def test_a_failing_token_endpoint_opens_its_own_circuit_only() -> None:
    world = TokenWorld(TokenVendor())
    world.open()
    world.vendor.answer = httpx.Response(503)

    for _ in range(12):
        outcome = await call(world)
        await anyio.sleep(4.0)

    breakers = {one.capability: one.state.value for one in world.executor.status("v").breakers}
    assert outcome.kind in (FailureKind.SERVER_ERROR, FailureKind.REJECTED)
    assert breakers == {"read": "closed", "write": "closed", "credential": "open"}


async def test_a_call_waits_for_a_token_no_longer_than_its_deadline() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.latency = 8.0
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        began = world.clock.monotonic()
        outcome = await call(world, timeout=2.0)
        took = world.clock.monotonic() - began
        group.cancel_scope.cancel()

    assert outcome.kind is FailureKind.TIMEOUT
    assert took == pytest.approx(2.0, abs=0.1)


async def test_a_rotated_refresh_token_is_used_next_and_kept() -> None:
    world = TokenWorld(TokenVendor(rotates=True), REFRESH)
    world.open(REFRESHING)
    await call(world)
    await anyio.sleep(60)
    world.vendor.revoke()

    outcome = await call(world)

    assert outcome.ok
    assert [one["refresh_token"] for one in world.vendor.forms] == ["first-refresh", "refresh-0"]
    assert world.store.rows["v"].refresh == "refresh-1"


class ReplacedSecret(Secret):
    """A secret whose file holds `next`; no thread reads it, because virtual time would not wait."""

    next = ""

    async def reread(self) -> bool:
        before, self._value = self._value, self.next or self._value
        return before != self._value


async def test_a_refresh_token_that_an_operator_put_in_place_of_a_spent_one_is_used() -> None:
    given = ReplacedSecret("first-refresh")
    world = TokenWorld(TokenVendor(rotates=True), REFRESH)
    world.open({**REFRESHING, "refresh_token": given})
    await call(world)
    world.vendor.revoke()
    world.vendor.refresh = {"from-the-operator"}
    await anyio.sleep(60)
    spent = await call(world)
    given.next = "from-the-operator"
    await anyio.sleep(60)

    outcome = await call(world)
    await anyio.sleep(60)
    world.vendor.revoke()
    later = await call(world)

    assert (spent.kind, outcome.ok, later.ok) == (FailureKind.UNAUTHORIZED, True, True)
    sent = [one["refresh_token"] for one in world.vendor.forms]
    assert sent == ["first-refresh", "refresh-0", "from-the-operator", "refresh-1"]


@pytest.mark.parametrize("life", [0, -1, "-3600", "soon", 1e308, 10**400, None, [], True])
async def test_a_life_that_is_none_breaks_nothing(life: object) -> None:
    world = TokenWorld(TokenVendor(life=None))
    world.vendor.extra = {"expires_in": life}
    world.open()

    assert (await call(world)).ok


async def test_what_was_bought_goes_on_after_a_restart() -> None:
    store, clock = MemoryCredentials(), LoopClock()
    vendor = TokenVendor(rotates=True)
    first = TokenWorld(vendor, REFRESH, clock=clock, store=store)
    first.open(REFRESHING)
    await call(first)
    second = TokenWorld(vendor, REFRESH, clock=clock, store=store)
    await second.framework.credentials.load()
    second.open(REFRESHING)

    outcome = await call(second)

    assert (outcome.ok, vendor.sold) == (True, 1)


async def test_a_changed_secret_uses_no_token_that_another_one_bought() -> None:
    store, clock, vendor = MemoryCredentials(), LoopClock(), TokenVendor()
    first = TokenWorld(vendor, clock=clock, store=store)
    first.open()
    await call(first)
    second = TokenWorld(vendor, clock=clock, store=store)
    await second.framework.credentials.load()
    second.open({"client_id": "id", "client_secret": "another"})

    await call(second)

    assert vendor.sold == 2


async def test_an_integration_that_is_registered_again_keeps_its_token() -> None:
    world = TokenWorld(TokenVendor())
    world.open()
    await call(world)

    world.open()
    outcome = await call(world)

    assert (outcome.ok, world.vendor.sold) == (True, 1)


async def test_a_token_is_used_though_it_cannot_be_stored_and_is_stored_later() -> None:
    world = TokenWorld(TokenVendor())
    world.store.is_down = True
    world.open()

    async with anyio.create_task_group() as group:
        await begin(group, world)
        outcome = await call(world)
        await anyio.sleep(3)
        world.store.is_down = False
        await anyio.sleep(3)
        group.cancel_scope.cancel()

    assert outcome.ok
    assert world.store.rows["v"].access == "access-1"


async def test_a_client_secret_from_a_file_is_read_again_for_each_token() -> None:
    world = TokenWorld(TokenVendor(life=100.0))
    world.open({"client_id": "id", "client_secret": Secret("old", read=lambda: "new")})

    await call(world)

    assert httpx.BasicAuth("id", "new")._auth_header == world.vendor.headers[0]["authorization"]


async def test_the_address_that_came_with_the_token_is_where_calls_go() -> None:
    world = TokenWorld(TokenVendor(), {**CLIENT, "host_pointer": "/instance_url"})
    world.vendor.extra["instance_url"] = "https://acme.customers.vendor.example"
    world.open()

    outcome = await call(world)

    assert outcome.ok
    assert str(world.vendor.calls[0].url) == "https://acme.customers.vendor.example/me"
    assert world.vendor.calls[0].headers["host"] == "acme.customers.vendor.example"


@pytest.mark.parametrize(
    "host",
    [
        "https://evil.example",
        "https://customers.vendor.example.evil.example",
        "http://a.customers.vendor.example",
    ],
)
async def test_an_address_that_the_manifest_does_not_allow_is_refused(host: str) -> None:
    world = TokenWorld(TokenVendor(), {**CLIENT, "host_pointer": "/instance_url"})
    world.vendor.extra["instance_url"] = host
    world.open()

    outcome = await call(world)

    assert (outcome.kind, world.vendor.calls) == (FailureKind.MALFORMED, [])
    assert "is not an allowed host" in outcome.detail


async def test_jwt_bearer_signs_what_the_manifest_says() -> None:
    auth = {
        "kind": "oauth2", "grant": "jwt_bearer", "token_url": f"{API}/oauth/token", "client_auth": "none",
        "issuer": "{secret.client_id}", "subject": "robot@acme.example", "audience": "https://login.vendor.example",
        "client_id": "", "algorithm": "ES256", "key_id": "k1", "claims": {"scope": "a b"},
        "secrets": {"client_id": {"title": "id"}, "private_key": {"title": "key"}},
    }  # fmt: skip
    world = TokenWorld(TokenVendor(), auth)
    world.open({"client_id": "app", "private_key": pem(ec_key())})

    outcome = await call(world)

    assert outcome.ok
    form = world.vendor.forms[0]
    assert sorted(form) == ["assertion", "grant_type"]
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"], public_pem(ec_key()), algorithms=["ES256"],
        audience="https://login.vendor.example", options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("app", "robot@acme.example", "a b")
    assert claims["exp"] - claims["iat"] == 240
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"


async def test_a_client_may_prove_itself_by_its_private_key() -> None:
    auth = {
        "kind": "oauth2", "grant": "client_credentials", "token_url": f"{API}/oauth/token",
        "client_auth": "private_key_jwt", "algorithm": "PS256", "scope": "read list",
        "parameters": {"audience": "api", "resource": ""},
        "secrets": {"client_id": {"title": "id"}, "private_key": {"title": "key"}},
    }  # fmt: skip
    world = TokenWorld(TokenVendor(), auth)
    world.open({"client_id": "app", "private_key": pem(rsa_key()).replace("\n", "\\n")})

    outcome = await call(world)

    assert outcome.ok
    form = world.vendor.forms[0]
    assert (form["client_id"], form["scope"], form["audience"]) == ("app", "read list", "api")
    assert "resource" not in form
    claims = jwt.decode(
        form["client_assertion"], public_pem(rsa_key()), algorithms=["PS256"], audience=f"{API}/oauth/token",
        options={"verify_exp": False, "verify_iat": False},
    )  # fmt: skip
    assert (claims["iss"], claims["sub"]) == ("app", "app")


async def test_a_github_app_buys_installation_tokens_with_a_jwt_of_ten_minutes() -> None:
    auth = {
        "kind": "github_app", "app_id": "42", "installation_id": "7", "api": API,
        "secrets": {"private_key": {"title": "key"}},
    }  # fmt: skip
    world = TokenWorld(TokenVendor(life=None), auth)
    world.vendor.extra = {"expires_at": "2027-01-15T09:00:00Z", "permissions": {"issues": "write"}}
    world.open({"private_key": pem(rsa_key())})

    outcome = await call(world)

    assert outcome.ok
    word, _, signed = world.vendor.headers[0]["authorization"].partition(" ")
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(signed, public_pem(rsa_key()), algorithms=["RS256"], options=options)  # type: ignore[arg-type]
    now = world.clock.time()
    assert (word, claims["iss"], claims["exp"] - claims["iat"]) == ("Bearer", "42", 600)
    assert now - 65 <= claims["iat"] <= now - 60
    assert world.store.rows["v"].scopes == ("issues:write",)
    assert world.store.rows["v"].expires_at == 1_800_003_600


async def test_an_encrypted_key_is_refused_at_the_start() -> None:
    auth = {
        "kind": "github_app", "app_id": "42", "installation_id": "7", "api": API,
        "secrets": {"private_key": {"title": "key"}},
    }  # fmt: skip
    world = TokenWorld(TokenVendor(), auth)

    with pytest.raises(ConfigurationError, match="the private key is encrypted"):
        world.open({"private_key": pem(rsa_key(), "pass")})


async def test_tokens_are_bought_at_no_foreign_host() -> None:
    world = TokenWorld(TokenVendor(), {**CLIENT, "token_url": "https://evil.example/token"})

    with pytest.raises(ConfigurationError, match="tokens bought elsewhere: evil"):
        world.open()


async def test_a_scope_that_the_token_lacks_is_named_when_the_vendor_forbids() -> None:
    world = TokenWorld(TokenVendor())
    world.vendor.extra["scope"] = "read other"
    world.open()
    await call(world)

    def forbid(_: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={})

    world.vendor._serve = forbid  # type: ignore[method-assign]
    outcome = await call(world)

    assert outcome.kind is FailureKind.FORBIDDEN
    assert "the credential lacks list" in outcome.detail


async def test_nothing_bought_or_signed_is_shown() -> None:
    world = TokenWorld(TokenVendor(rotates=True), REFRESH)
    world.open(REFRESHING)
    await call(world)
    integration = world.framework.integration("v")

    shown = integration.redact(
        "got access-1 and refresh-0 and first-refresh by Basic aWQ6czNjcmV0 from s3cret"
    )

    assert shown == "got *** and *** and *** by Basic *** from ***"
    assert "access-1" not in repr(integration.access.saved())
    assert "access-1" not in repr(integration.access.tokens and integration.access.tokens.token)


async def test_no_signal_or_outcome_shows_what_was_bought_or_signed() -> None:
    """The vendor quotes whatever it was sent, at the token endpoint and elsewhere."""
    auth = {
        "kind": "oauth2", "grant": "refresh_token", "token_url": f"{API}/oauth/token", "algorithm": "ES256",
        "client_auth": "private_key_jwt",
        "secrets": {name: {"title": name} for name in ("client_id", "refresh_token", "private_key")},
    }  # fmt: skip
    world = TokenWorld(TokenVendor(rotates=True), auth)
    key = pem(ec_key())
    world.open({"client_id": "client-9", "refresh_token": "first-refresh", "private_key": key})
    outcomes = [await call(world)]
    for status in (400, 401, 200, 503):
        world.vendor.revoke()
        await anyio.sleep(120)
        sent = " ".join((*world.vendor.forms[-1].values(), *world.vendor.calls[-1].headers.values(), key))
        said = {"error": "invalid_grant", "error_description": sent}
        world.vendor.answer = httpx.Response(status, json=said)
        outcomes.append(await call(world))

    shown = b"".join(map(msgspec.json.encode, world.seen.signals)) + repr(outcomes).encode()
    kept = repr((world.framework.integration("v").access.saved(), world.store.rows)).encode()

    hidden = [
        "access-1", "first-refresh", "refresh-0", *key.splitlines()[1:-1],
        *(one["client_assertion"] for one in world.vendor.forms),
    ]  # fmt: skip
    assert outcomes[0].ok
    assert not any(one.ok for one in outcomes[1:])
    assert [one for one in hidden if one.encode() in shown + kept] == []
