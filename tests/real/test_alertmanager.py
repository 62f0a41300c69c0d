"""Every action and check of `alertmanager` against a real one, with and without a password; and the webhook
that it sends to Dialtone.
"""

import datetime as dt
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest

from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy
from integrations.framework import IntegrationFramework
from integrations.signals import ContractDrift
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber
from tests.real.servers import answers, dialtone_command, eventually, free_port, running

PROGRAM = shutil.which("prometheus-alertmanager")
HOOK = "a secret that stands in no address"
PASSWORD = "open-sesame"
USERS = {"basic_auth_users": {"ada": "$2b$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO"}}
"""The password's bcrypt hash, as web.config wants it."""

NOBODY = "01a80ab5-83ad-4dbf-92e6-b56b5f3dfd8b"
NEWER = {
    ("alerts.groups", "/-/routeLabels"),
    ("silences.list", "/-/annotations"),
    ("silences.get", "/annotations"),
}
"""What the description has and 0.25 has not."""

LINE = {"alertname": "LineDown", "line": "7", "severity": "page"}
DIALTONE = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
integrations:
  - id: alerts
    vendor: alertmanager
    config: {{base_url: "http://127.0.0.1:{alertmanager}"}}
    secrets: {{webhook_secret: "{secret}"}}
    webhooks: {{scheme: bearer}}
"""


class Server(NamedTuple):
    """A running Alertmanager, and where it sends what it groups."""

    port: int
    hook: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Session:
    """An integration with an Alertmanager, and which actions were run through it."""

    def __init__(self, framework: IntegrationFramework, seen: RecordingSubscriber) -> None:
        self.framework, self.seen = framework, seen
        self.ran: set[str] = set()

    async def outcome(self, action: str, **params: object) -> Outcome:
        self.ran.add(action)
        return await self.framework.execute_integration("am", action, params)

    async def data(self, action: str, **params: object) -> object:
        outcome = await self.outcome(action, **params)
        assert outcome.ok, (action, outcome)
        return outcome.data

    async def fields(self, action: str, **params: object) -> dict[str, object]:
        return msgspec.convert(await self.data(action, **params), dict[str, object])

    async def rows(self, action: str, **params: object) -> list[dict[str, object]]:
        return msgspec.convert(await self.data(action, **params), list[dict[str, object]])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as found:
        yield found


def alertmanager(folder: Path, *, web: Mapping[str, object] | None = None) -> "_Running":
    if PROGRAM is None:
        pytest.skip("Alertmanager did not start: it is not installed; run make test-real, which installs it")
    return _Running(PROGRAM, folder, web or {})


class _Running:
    """An Alertmanager that runs during a block; it sends each group to a webhook with a bearer token."""

    def __init__(self, program: str, folder: Path, web: Mapping[str, object]) -> None:
        self._server = Server(free_port(), free_port())
        self._folder, self._web = folder, web
        hook = {
            "url": f"http://127.0.0.1:{self._server.hook}/v2/webhooks/alerts",
            "http_config": {"authorization": {"credentials": HOOK}},
        }
        config = {
            "route": {
                "receiver": "dialtone",
                "group_wait": "1s",
                "group_interval": "1s",
                "group_by": ["line"],
            },
            "receivers": [{"name": "dialtone", "webhook_configs": [hook]}],
        }
        for name, content in (("am.yml", config), ("web.yml", web)):
            (folder / name).write_text(json.dumps(content))
        command = [
            program, f"--config.file={folder}/am.yml", f"--storage.path={folder}/data",
            f"--web.config.file={folder}/web.yml", f"--web.listen-address=127.0.0.1:{self._server.port}",
            "--cluster.listen-address=",
        ]  # fmt: skip
        self._process = running(command, log=folder / "alertmanager.log")

    def __enter__(self) -> Server:
        self._process.__enter__()
        auth = ("ada", PASSWORD) if self._web else None
        ready = f"{self._server.url}/-/ready"
        eventually("Alertmanager is ready", lambda: httpx.get(ready, auth=auth, timeout=2).status_code == 200)
        return self._server

    def __exit__(self, *error: object) -> None:
        self._process.__exit__(None, None, None)


@asynccontextmanager
async def session_with(server: Server, **secrets: str) -> AsyncIterator[Session]:
    clock, seen = SystemClock(), RecordingSubscriber()
    executor = Executor(clock=clock, publish=seen)
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    given = {name: Secret(text) for name, text in secrets.items()}
    framework.register_integration(
        Connection(
            id="am",
            vendor="alertmanager",
            config={"base_url": server.url},
            secrets=given,
            policy=Policy(deadline=20),
        )
    )
    try:
        yield Session(framework, seen)
    finally:
        await executor.aclose()


def iso(*, hours: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).isoformat()


async def test_every_action_does_what_it_says(server: Server) -> None:
    async with session_with(server) as session:
        await see_the_server(session)
        await send_and_find_an_alert(session)
        await silence_and_unsilence_it(session)
        await resolve_it(session)

        assert session.ran == set(CATALOG.manifest("alertmanager").actions)
        assert {(one.action, one.pointer) for one in session.seen.of(ContractDrift)} == NEWER


async def see_the_server(session: Session) -> None:
    status = await session.fields("status")
    assert msgspec.convert(status["versionInfo"], dict[str, str])["version"].startswith("0.")
    assert [row["name"] for row in await session.rows("receivers")] == ["dialtone"]


async def send_and_find_an_alert(session: Session) -> None:
    sent = {"labels": LINE, "annotations": {"summary": "The line is down"}, "startsAt": iso(hours=-1)}
    for _ in range(2):
        await session.data("alerts.post", alerts=[sent])
    (alert,) = await session.rows("alerts.list", filter=['line="7"', 'severity=~"page|ticket"'])
    assert (alert["labels"], alert["annotations"]) == (LINE, sent["annotations"])
    assert await session.rows("alerts.list", filter=['line="8"']) == []
    assert await session.rows("alerts.list", receiver="pager.*") == []
    groups = await session.rows("alerts.groups", filter=['line="7"'])
    assert [group["labels"] for group in groups] == [{"line": "7"}]


async def silence_and_unsilence_it(session: Session) -> None:
    matchers = [{"name": "line", "value": "7", "isRegex": False, "isEqual": True}]
    times = {"starts_at": iso(hours=-1), "ends_at": iso(hours=1)}
    made = await session.fields(
        "silences.create", matchers=matchers, created_by="ada", comment="mended", **times
    )
    name = str(made["silenceID"])
    assert (await session.fields("silences.get", silence=name))["comment"] == "mended"
    assert await session.rows("alerts.list", filter=['line="7"'], silenced=False) == []
    begun = (await session.fields("silences.get", silence=name))["startsAt"]
    changed = await session.fields(
        "silences.create", id=name, matchers=matchers, created_by="ada", comment="still",
        starts_at=begun, ends_at=iso(hours=2),
    )  # fmt: skip
    assert changed["silenceID"] == name
    assert [one["comment"] for one in await session.rows("silences.list", filter=['line="7"'])] == ["still"]
    await session.data("silences.delete", silence=name)
    assert (await session.fields("silences.get", silence=name))["status"] == {"state": "expired"}
    assert len(await session.rows("alerts.list", filter=['line="7"'], silenced=False)) == 1


async def resolve_it(session: Session) -> None:
    await session.data("alerts.post", alerts=[{"labels": LINE, "endsAt": iso(hours=-0.001)}])
    assert await session.rows("alerts.list", filter=['line="7"']) == []


@pytest.mark.parametrize(
    ("action", "params", "kind", "said"),
    [
        ("silences.get", {"silence": NOBODY}, FailureKind.NOT_FOUND, "404"),
        ("silences.delete", {"silence": NOBODY}, FailureKind.NOT_FOUND, "silence not found"),
        ("silences.get", {"silence": "none"}, FailureKind.CLIENT_ERROR, "must be of type uuid"),
        ("alerts.list", {"filter": ["no matcher"]}, FailureKind.CLIENT_ERROR, "bad matcher format"),
        ("alerts.post", {"alerts": [{"labels": {}}]}, FailureKind.CLIENT_ERROR, "at least one label"),
    ],
    ids=["unknown silence", "unknown silence to end", "no id", "no matcher", "no labels"],
)
async def test_what_it_refuses_is_seen_as_what_it_is(
    server: Server, action: str, params: dict[str, object], kind: FailureKind, said: str
) -> None:
    async with session_with(server) as session:
        outcome = await session.outcome(action, **params)

    assert outcome.kind is kind, outcome
    assert said in outcome.detail


async def test_a_silence_that_has_begun_is_made_anew_when_it_is_to_begin_otherwise(server: Server) -> None:
    matchers = [{"name": "line", "value": "10", "isRegex": False, "isEqual": True}]
    given = {"matchers": matchers, "created_by": "ada", "comment": "x", "ends_at": iso(hours=1)}
    async with session_with(server) as session:
        first = (await session.fields("silences.create", starts_at=iso(hours=0), **given))["silenceID"]
        second = (await session.fields("silences.create", id=first, starts_at=iso(hours=-1), **given))[
            "silenceID"
        ]

        states = [(await session.fields("silences.get", silence=one))["status"] for one in (first, second)]

    assert states == [{"state": "expired"}, {"state": "active"}]


async def test_a_silence_may_be_ended_twice(server: Server) -> None:
    matchers = [{"name": "line", "value": "9", "isRegex": False, "isEqual": True}]
    async with session_with(server) as session:
        made = await session.fields(
            "silences.create", matchers=matchers, starts_at=iso(hours=0), ends_at=iso(hours=1),
            created_by="ada", comment="x",
        )  # fmt: skip
        await session.data("silences.delete", silence=made["silenceID"])

        outcome = await session.outcome("silences.delete", silence=made["silenceID"])

    assert outcome.ok, outcome


@pytest.mark.parametrize(
    ("password", "kind"), [(PASSWORD, None), ("wrong", FailureKind.UNAUTHORIZED)], ids=["right", "wrong"]
)
async def test_the_checks_tell_a_right_password_from_a_wrong_one(
    tmp_path: Path, password: str, kind: FailureKind | None
) -> None:
    with alertmanager(tmp_path, web=USERS) as server:
        async with session_with(server, username="ada", password=password) as session:
            checks = session.framework.checks("am")
            outcomes = [await session.framework.run_check(check, timeout=5) for check in checks]

    assert [outcome.kind for outcome in outcomes] == [kind]


async def test_the_canary_leaves_a_silence_that_is_over(server: Server) -> None:
    (canary,) = CATALOG.manifest("alertmanager").canaries
    async with session_with(server) as session:
        params = {**canary.steps[0].params, "matchers": [{"name": "x", "value": "canary", "isRegex": False}]}
        made = await session.fields("silences.create", **params)
        name = str(made["silenceID"])

        await session.data("silences.delete", silence=name)

        assert (await session.fields("silences.get", silence=name))["status"] == {"state": "expired"}


def test_its_webhook_is_taken_with_the_bearer_token(server: Server, tmp_path: Path) -> None:
    text = DIALTONE.format(port=server.hook, dir=tmp_path, alertmanager=server.port, secret=HOOK)
    (tmp_path / "dialtone.yaml").write_text(text)
    here = f"http://127.0.0.1:{server.hook}"
    with running(
        dialtone_command("serve", "--config", str(tmp_path / "dialtone.yaml")), log=tmp_path / "dialtone.log"
    ):
        eventually("Dialtone is ready", lambda: answers(f"{here}/readyz"))
        labels = {**LINE, "line": "hook"}
        httpx.post(f"{server.url}/api/v2/alerts", json=[{"labels": labels}], timeout=5).raise_for_status()

        def came() -> object:
            events = httpx.get(f"{here}/v2/webhooks/alerts/events", timeout=5).json()["events"]
            return [one for one in events if "hook" in json.dumps(one)]

        found = eventually("the webhook came", came)

    assert isinstance(found, list)
    assert found[0]["event_type"] == "firing"
