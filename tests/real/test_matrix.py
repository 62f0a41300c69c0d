"""Every action and check of `matrix` against a real Synapse: what is posted is got, changed, taken back."""

import base64
import hashlib
import hmac
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.transport import Reply
from integrations.framework import IntegrationFramework
from integrations.signals import CallRecord, ContractDrift
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber
from tests.real.servers import answers, eventually, free_port, running

PYTHON = Path(sys.prefix) / "synapse" / "bin" / "python"
SHARED = "a secret that only this test's server knows"
AS_TOKEN = "token-of-an-application-service"
PEOPLE = ("dialtone", "mona")
FAST = {"per_second": 1_000, "burst_count": 1_000}
TRIED: set[str] = set()
"""The actions that a test has run well; the last test compares them with the manifest's."""


class Server(NamedTuple):
    url: str
    tokens: Mapping[str, str]


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not PYTHON.exists():
        pytest.skip("Synapse did not start: it is not installed; run make test-real, which installs it")
    folder, port = tmp_path_factory.mktemp("synapse"), free_port()
    config = folder / "homeserver.yaml"
    module = [str(PYTHON), "-m", "synapse.app.homeserver", "--config-path", str(config)]
    made = [
        "--server-name",
        "localhost",
        "--generate-config",
        "--report-stats=no",
        "--keys-directory",
        str(folder),
    ]
    subprocess.run([*module, *made], cwd=folder, check=True, capture_output=True, timeout=60)
    config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), **settings(folder, port)}))
    with running([*module], log=folder / "synapse.log"):
        url = f"http://127.0.0.1:{port}"
        eventually("Synapse answers", lambda: answers(f"{url}/health"), within=60)
        yield Server(url, {name: register(url, name) for name in PEOPLE})


def settings(folder: Path, port: int) -> dict[str, object]:
    """What a server for tests has beside its own: nobody else to talk to, and people who may write fast."""
    listener = {"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False}
    (folder / "service.yaml").write_text(yaml.safe_dump(application_service()))
    (folder / "log.yaml").write_text(yaml.safe_dump({"version": 1, "root": {"level": "WARNING"}}))
    return {
        "listeners": [{**listener, "resources": [{"names": ["client"], "compress": False}]}],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "media_store_path": str(folder / "media"),
        "log_config": str(folder / "log.yaml"),
        "pid_file": str(folder / "pid"),
        "app_service_config_files": [str(folder / "service.yaml")],
        "registration_shared_secret": SHARED,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "allow_public_rooms_without_auth": True,
        "rc_message": FAST,
        "rc_joins": {"local": FAST},
        "rc_invites": {"per_room": FAST, "per_user": FAST, "per_issuer": FAST},
    }  # fmt: skip


def application_service() -> dict[str, object]:
    return {
        "id": "dialtone", "url": None, "as_token": AS_TOKEN, "hs_token": "token-of-the-server",
        "sender_localpart": "dialtone-service", "namespaces": {}, "rate_limited": True,
    }  # fmt: skip


def register(url: str, name: str) -> str:
    """Make an account with the shared secret, as Synapse's own command does, and return its token."""
    where = f"{url}/_synapse/admin/v1/register"
    nonce = httpx.get(where, timeout=10).json()["nonce"]
    signed = f"{nonce}\0{name}\0a password\0notadmin".encode()
    mac = hmac.new(SHARED.encode(), signed, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": name, "password": "a password", "admin": False, "mac": mac}
    answer = httpx.post(where, json=body, timeout=30)
    token: str = answer.json()["access_token"]
    return token


class Person:
    """An account of the real server, as an integration."""

    def __init__(self, framework: IntegrationFramework, seen: RecordingSubscriber) -> None:
        self.framework = framework
        self.seen = seen

    async def ask(self, action: str, *, once: str | None = None, **params: object) -> Outcome:
        return await self.framework.execute_integration("it", action, params, idempotency_key=once)

    async def did(self, action: str, *, once: str | None = None, **params: object) -> object:
        """The data of an action that must succeed."""
        outcome = await self.ask(action, once=once, **params)
        assert outcome.ok, f"{action}: {outcome.detail}"
        TRIED.add(action)
        return outcome.data

    async def text(self, action: str, pointer: str, **params: object) -> str:
        data = await self.did(action, **params)
        assert isinstance(data, dict), data
        return str(data[pointer])

    async def items(self, action: str, **params: object) -> list[object]:
        data = await self.did(action, **params)
        found = data["items"] if isinstance(data, dict) else data
        assert isinstance(found, list), found
        return found

    async def room(self, name: str) -> str:
        return await self.text("rooms.create", "room_id", name=name, preset="public_chat")


@asynccontextmanager
async def person(server: Server, token: str, *, auth: str = "token") -> AsyncIterator[Person]:
    clock, seen = SystemClock(), RecordingSubscriber()
    executor = Executor(clock=clock, publish=seen)
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    name = "token" if auth == "token" else "as_token"
    framework.register_integration(
        Connection(
            id="it", vendor="matrix", auth=auth, config={"base_url": server.url},
            secrets={name: Secret(token)}, policy=Policy(retry=RetryPolicy(attempts=1)),
        )
    )  # fmt: skip
    try:
        yield Person(framework, seen)
    finally:
        await executor.aclose()


@pytest.fixture
async def dialtone(synapse: Server) -> AsyncIterator[Person]:
    async with person(synapse, synapse.tokens["dialtone"]) as found:
        yield found
        assert found.seen.of(ContractDrift) == [], "every answer has the shape that the lock states"


@pytest.mark.parametrize(
    ("auth", "who"), [("token", "@dialtone:localhost"), ("appservice", "@dialtone-service:localhost")]
)
async def test_the_checks_find_the_server_up_and_know_who_asks(synapse: Server, auth: str, who: str) -> None:
    token = synapse.tokens["dialtone"] if auth == "token" else AS_TOKEN
    async with person(synapse, token, auth=auth) as found:
        outcomes = [
            await found.framework.run_check(check, timeout=10) for check in found.framework.checks("it")
        ]

        assert [outcome.detail for outcome in outcomes if not outcome.ok] == []
        assert len(outcomes) == 2
        assert await found.text("account.whoami", "user_id") == who


async def test_a_wrong_token_is_unauthorized_by_the_servers_own_word(synapse: Server) -> None:
    async with person(synapse, "no-token-of-this-server") as found:
        outcome = await found.ask("account.whoami")

    assert (outcome.kind, outcome.code) == (FailureKind.UNAUTHORIZED, "M_UNKNOWN_TOKEN")


async def test_a_message_is_posted_once_for_a_key_got_changed_and_taken_back(dialtone: Person) -> None:
    room = await dialtone.room("Messages")
    sent = [await dialtone.did("messages.send", once="a key", room=room, body="down") for _ in range(2)]
    assert sent[0] == sent[1]
    event = str(sent[0]["event_id"])  # type: ignore[index]  # an object, or the test fails here

    await dialtone.did("messages.update", room=room, event=event, body="up again")
    (change,) = await dialtone.items("threads.replies", room=room, event=event, relation="m.replace")
    assert change["content"]["m.new_content"]["body"] == "up again"  # type: ignore[index]

    await dialtone.did("messages.delete", room=room, event=event, reason="a test")
    kept = await dialtone.did("messages.get", room=room, event=event)
    assert kept["content"] == {}  # type: ignore[index]


async def test_a_thread_has_its_answers_and_a_message_its_reactions(dialtone: Person) -> None:
    room = await dialtone.room("Threads")
    first = await dialtone.text("messages.send", "event_id", room=room, body="down")
    await dialtone.did("messages.reply", room=room, thread=first, reply_to=first, body="seen")
    await dialtone.did("reactions.add", room=room, event=first, key="👀")

    answered = await dialtone.items("threads.replies", room=room, event=first)
    reactions = await dialtone.items("threads.replies", room=room, event=first, relation="m.annotation")
    threads = await dialtone.items("threads.list", room=room)

    assert [one["content"]["body"] for one in answered] == ["seen"]  # type: ignore[index]
    assert [one["content"]["m.relates_to"]["key"] for one in reactions] == ["👀"]  # type: ignore[index]
    assert [one["event_id"] for one in threads] == [first]  # type: ignore[index]


async def test_pages_of_a_room_lead_to_its_beginning(dialtone: Person) -> None:
    room = await dialtone.room("Pages")
    for number in range(7):
        await dialtone.did("messages.send", room=room, body=f"message {number}")

    only = {"types": ["m.room.message"]}
    events = await dialtone.items("messages.list", room=room, limit=3, filter=only, _pages=10)

    assert [one["content"]["body"] for one in events] == [f"message {n}" for n in range(6, -1, -1)]  # type: ignore[index]


async def test_rooms_are_found_joined_and_left(synapse: Server, dialtone: Person) -> None:
    room = await dialtone.text(
        "rooms.create", "room_id", name="Alerts", alias="alerts", preset="private_chat", invite=[]
    )
    await dialtone.did("rooms.invite", room=room, user="@mona:localhost", reason="on call")
    async with person(synapse, synapse.tokens["mona"]) as mona:
        await mona.did("rooms.join", room="#alerts:localhost", reason="to see")
        members = await dialtone.did("rooms.members", room=room)
        found = await dialtone.text("rooms.resolve", "room_id", alias="#alerts:localhost")
        await mona.did("rooms.leave", room=room)

    assert set(members) == {"@dialtone:localhost", "@mona:localhost"}  # type: ignore[call-overload]
    assert found == room
    assert room in await dialtone.items("rooms.list")
    state = await dialtone.items("rooms.state", room=room)
    assert "m.room.create" in {one["type"] for one in state}  # type: ignore[index]


async def test_what_is_uploaded_can_be_posted_and_what_is_posted_can_be_found(dialtone: Person) -> None:
    room = await dialtone.room("Files")
    content = base64.b64encode(b"the log of an outage").decode()
    address = await dialtone.did("media.upload", content=content, content_type="text/plain", filename="a.log")
    await dialtone.did("messages.send", room=room, body="outage.log", msgtype="m.file", url=address)

    found = await dialtone.items("messages.search", term="outage", filter={"rooms": [room]})

    assert str(address).startswith("mxc://localhost/")
    assert [one["result"]["content"].get("url") for one in found] == [address]  # type: ignore[index]


async def test_what_anybody_may_ask_is_answered(dialtone: Person) -> None:
    versions = await dialtone.did("versions.get")
    profile = await dialtone.text("users.profile", "displayname", user="@mona:localhost")

    assert "v1.11" in versions  # type: ignore[operator]
    assert profile == "mona"
    assert isinstance(await dialtone.items("rooms.public"), list)


@pytest.mark.parametrize(
    ("action", "params", "kind", "code"),
    [
        ("messages.list", {"room": "!none:localhost"}, FailureKind.FORBIDDEN, "M_FORBIDDEN"),
        ("rooms.resolve", {"alias": "#none:localhost"}, FailureKind.NOT_FOUND, "M_NOT_FOUND"),
        ("rooms.join", {"room": "no room at all"}, FailureKind.CLIENT_ERROR, "M_UNKNOWN"),
    ],
)
async def test_the_servers_no_is_understood(
    dialtone: Person, action: str, params: dict[str, object], kind: FailureKind, code: str
) -> None:
    outcome = await dialtone.ask(action, **params)

    assert (outcome.kind, outcome.code) == (kind, code)


async def test_a_real_429_says_how_long_to_wait(synapse: Server, dialtone: Person) -> None:
    """Logging in with a wrong password is limited by default; the answer is read as any other is."""
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "mona"}, "password": "no"}
    where = f"{synapse.url}/_matrix/client/v3/login"
    answer = eventually(
        "a 429",
        lambda: next((a for _ in range(10) if (a := httpx.post(where, json=body)).status_code == 429), None),
    )
    assert isinstance(answer, httpx.Response)
    reader = dialtone.framework.integration("it").reader
    action = CATALOG.manifest("matrix").actions["account.whoami"]

    verdict = reader.verdict(reply_of(answer), action)

    assert (verdict.kind, verdict.code) == (FailureKind.THROTTLED, "M_LIMIT_EXCEEDED")
    assert verdict.retry_after
    assert 0 < verdict.retry_after < 3_600


def reply_of(answer: httpx.Response) -> Reply:
    return Reply(status=answer.status_code, headers=dict(answer.headers), body=answer.content)


async def test_the_canary_writes_and_takes_back(synapse: Server, dialtone: Person) -> None:
    room = await dialtone.room("Canary")
    canary = CATALOG.manifest("matrix").canaries[0]
    step, got = canary.steps
    sent = await dialtone.text(
        step.action, "event_id", room=room, body="dialtone-canary-1", msgtype="m.notice"
    )

    await dialtone.did(got.action, room=room, event=sent)
    await dialtone.did(canary.cleanup[0].action, room=room, event=sent)

    assert not [one for one in dialtone.seen.of(CallRecord) if one.kind is not None]


def test_every_action_was_tried() -> None:
    if not PYTHON.exists():
        pytest.skip("Synapse did not start: it is not installed")
    assert set(CATALOG.manifest("matrix").actions) - TRIED == set()
