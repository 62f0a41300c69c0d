"""A vendor whose addresses are secrets: they are called, and never told."""

import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, UnfitAction
from integrations.framework import IntegrationFramework
from integrations.manifest.contract import Lock
from integrations.manifest.loading import Catalog, manifest_of
from integrations.manifest.source import Document, SourceError
from tests.fakes.framework import RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

SIGNATURE = "canary-0123456789abcdef"
ADDRESS = f"https://eu.hooks.example/workflows/canary-path-0123456789?sig={SIGNATURE}"
WHOLE: dict[str, object] = {
    "manifest": 1, "id": "chat", "version": "1", "vendor": {"name": "Chat", "docs": ""},
    "base_url": "https://api.chat.example", "hosts": ["api.chat.example"], "host_suffixes": ["hooks.example"],
    "auth": {
        "hook": {"kind": "none", "secrets": {"url": {"title": "address"}}},
        "bot": {"kind": "bearer", "secrets": {"token": {"title": "token"}, "room": {"title": "room"}}},
    },
    "actions": {
        "post": {"title": "post", "effect": "write", "method": "POST", "auth": ["hook"], "body": {},
                 "base_url": "{secret.url}", "input": {"text": {"in": "body"}}, "answer": "text"},
        "read": {"title": "read", "effect": "read", "auth": ["bot"], "path": "/rooms/{secret.room}"},
    },
    "capabilities": {"write": ["post"], "read": ["read"]},
}  # fmt: skip


def framework(sent: RecordingVendor, seen: RecordingSubscriber, **parts: object) -> IntegrationFramework:
    manifest = manifest_of(Document(name="chat", value={**WHOLE, **parts}, lines={}))
    return framework_for(sent, publish=seen, catalog=Catalog({"chat": manifest}, {"chat": Lock()}))


def connection(auth: str = "hook", **secrets: str) -> Connection:
    given = secrets or {"url": ADDRESS}
    return Connection(
        id="chat", vendor="chat", auth=auth, secrets={name: Secret(text) for name, text in given.items()}
    )


@pytest.mark.parametrize("status", [200, 401, 404, 429, 500, "reset"])
async def test_a_secret_address_is_called_and_never_told(status: int | str) -> None:
    seen = RecordingSubscriber()

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(status, str):
            raise httpx.ReadError(f"reset at {request.url}")
        return httpx.Response(status, json={"message": f"{request.url} {SIGNATURE}"})

    sent = RecordingVendor(handler=answer)
    made = framework(sent, seen, errors={"message": "/message"})
    made.register_integration(connection())

    outcome = await made.execute_integration("chat", "post", {"text": "hello"}, timeout=0.5)

    assert str(sent.requests[0].url) == ADDRESS
    told = repr(
        [msgspec.structs.replace(outcome, data=None), seen.signals, made.get_integration_status("chat")]
    )
    assert "canary" not in told


async def test_a_secret_in_a_path_is_sent() -> None:
    sent = RecordingVendor(httpx.Response(200, json={}))
    made = framework(sent, RecordingSubscriber())
    made.register_integration(connection("bot", token="t", room="a/b"))

    await made.execute_integration("chat", "read", {})

    assert str(sent.requests[0].url) == "https://api.chat.example/rooms/a%2Fb"


async def test_an_action_of_another_authentication_kind_is_refused_and_says_which() -> None:
    made = framework(RecordingVendor(httpx.Response(200)), RecordingSubscriber())
    made.register_integration(connection())

    with pytest.raises(UnfitAction, match="read works with auth bot; chat has hook"):
        await made.execute_integration("chat", "read", {})


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/canary", "http://eu.hooks.example/canary", "canary", "https://h:canary/"],
)
def test_a_secret_address_elsewhere_is_refused_at_the_start(address: str) -> None:
    made = framework(RecordingVendor(httpx.Response(200)), RecordingSubscriber())

    with pytest.raises(ConfigurationError, match=r"https address at .*hooks\.example") as error:
        made.register_integration(connection(url=address))

    assert error.value.key == "secrets.url"
    assert "canary" not in str(error.value)


def test_a_secret_that_is_no_address_is_told_at_the_start_where_it_is_a_host() -> None:
    made = framework(RecordingVendor(httpx.Response(200)), RecordingSubscriber(), hosts=["{secret.url}"])

    with pytest.raises(ConfigurationError) as error:
        made.register_integration(connection(url="https://h:canary/"))

    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["actions"]["post"].update(auth=[]), "secret.url"),
        (lambda d: d["actions"]["post"].update(auth=["bott"]), "did you mean bot"),
        (lambda d: d["actions"]["post"].update(base_url=""), "a path that starts with /"),
        (lambda d: d["actions"]["read"].update(graphql="{ a }"), "POST, by which a GraphQL document is sent"),
        (lambda d: d["actions"]["post"].update(body={"whole": "nothing"}), "an input in the body"),
        (lambda d: d["actions"]["post"].update(output_headers={"a b": "X"}), "a name for the data"),
        (lambda d: d["actions"]["post"]["input"].update(f={"in": "filename"}), "input.f.name"),
        (lambda d: d.update(health=[{"action": "read", "capability": "read"}]), "only bot, as its action"),
        (lambda d: d.update(errors={"retry_after": [{"header": "Retry-After", "unit": "milliseconds"}]}),
         "RFC 9110"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_told(change: object, said: str) -> None:
    whole = msgspec.json.decode(msgspec.json.encode(WHOLE))
    assert callable(change)
    change(whole)

    with pytest.raises(SourceError) as error:
        manifest_of(Document(name="chat", value=whole, lines={}))

    assert said in str(error.value)
