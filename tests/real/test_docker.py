"""All of `docker` against real engines: dockerd over its socket and over TCP with a client certificate, and
podman's Docker API.
"""

import datetime as dt
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import anyio
import msgspec
import pytest

from integrations.canaries import MARK, ordered, run_canary
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Origin, Outcome
from integrations.execution.policy import Policy
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.signals import ContractDrift
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.tokens import certificate, ec_key, pem
from tests.real.engines import IMAGE, Engine, dockerd, podman, raw, registry

CATALOG = Catalog.bundled()
SAYS = "echo well; echo alas >&2; exec sleep 600"


@pytest.fixture(scope="module")
def both_dockerd() -> Iterator[tuple[Engine, Engine]]:
    with dockerd() as engines:
        yield engines


@pytest.fixture(scope="module")
def of_podman() -> Iterator[Engine]:
    with podman() as engine:
        yield engine


@pytest.fixture(params=["dockerd by socket", "dockerd by certificate", "podman by socket"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param.startswith("podman"):
        found: Engine = request.getfixturevalue("of_podman")
    else:
        engines: tuple[Engine, Engine] = request.getfixturevalue("both_dockerd")
        found = engines[request.param.endswith("certificate")]
    yield found
    with raw(found.path) as client:
        for container in client.get("/containers/json", params={"all": "true"}).json():
            client.delete(f"/containers/{container['Id']}", params={"force": "true"})


class Session:
    """An integration with an engine, and which actions were run through it."""

    def __init__(self, engine: Engine, framework: IntegrationFramework, seen: RecordingSubscriber) -> None:
        self.engine, self.framework, self.seen = engine, framework, seen
        self.ran: set[str] = set()

    async def outcome(self, action: str, **params: object) -> Outcome:
        self.ran.add(action)
        return await self.framework.execute_integration("engine", action, params, timeout=30)

    async def data(self, action: str, **params: object) -> object:
        outcome = await self.outcome(action, **params)
        assert outcome.ok, (action, outcome)
        return outcome.data

    async def fields(self, action: str, **params: object) -> dict[str, object]:
        return msgspec.convert(await self.data(action, **params), dict[str, object])

    async def rows(self, action: str, **params: object) -> list[dict[str, object]]:
        return msgspec.convert(await self.data(action, **params), list[dict[str, object]])

    async def container(self, name: str, *, command: str = SAYS) -> None:
        """Create and start a container."""
        host = {"NetworkMode": "none", **self.engine.limits}
        await self.data(
            "containers.create", name=name, image=IMAGE, command=["/bin/sh", "-c", command], host_config=host,
            labels={"made-by": "dialtone-test"},
        )  # fmt: skip
        await self.data("containers.start", id=name)


@asynccontextmanager
async def session_with(engine: Engine) -> AsyncIterator[Session]:
    clock, seen = SystemClock(), RecordingSubscriber()
    executor = Executor(clock=clock, publish=seen)
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    policy = Policy(deadline=30, timeout=30)
    framework.register_integration(msgspec.structs.replace(engine.connection(), policy=policy))
    try:
        yield Session(engine, framework, seen)
    finally:
        await executor.aclose()


async def test_every_action_does_what_it_says(engine: Engine) -> None:
    began = int(time.time()) - 1
    async with session_with(engine) as session:
        await see_the_engine(session)
        await use_a_container(session)
        await end_a_container(session)
        await use_images(session)
        await use_volumes_and_networks(session)
        events = await session.rows("system.events", since=str(began), filters={"type": ["container"]})

    words = {event.get("Action", event.get("status")) for event in events}
    assert {"create", "start"} <= words
    assert session.ran | {"images.pull"} == set(CATALOG.manifest("docker").actions)
    assert session.seen.of(ContractDrift) == [] or engine.limits, "podman differs from Docker's description"


async def see_the_engine(session: Session) -> None:
    assert (await session.fields("system.ping"))["body"] == "OK"
    assert (await session.fields("system.version"))["ApiVersion"] == "1.41"
    assert (await session.fields("system.info"))["OSType"] == "linux"
    assert "Images" in await session.fields("system.disk_usage")


async def use_a_container(session: Session) -> None:
    await session.container("talker")
    assert (await session.outcome("containers.start", id="talker")).ok, "it runs already"
    assert (await session.fields("containers.get", id="talker"))["Name"] in ("/talker", "talker")
    listed = await session.rows("containers.list", filters={"label": ["made-by=dialtone-test"]})
    assert [row["State"] for row in listed] == ["running"]
    assert await all_said(session) == {"stdout": "well\n", "stderr": "alas\n"}
    only = await session.fields("containers.logs", id="talker", stdout=False)
    assert only == {"stdout": "", "stderr": "alas\n"}
    assert "cpu_stats" in await session.fields("containers.stats", id="talker", one_shot=True)
    processes = await session.outcome("containers.processes", id="talker")
    assert processes.ok or session.engine.limits, (processes, "podman asks for ps in the container")
    for action in ("containers.pause", "containers.unpause", "containers.kill"):
        outcome = await session.outcome(action, id="talker")
        assert outcome.ok or is_no_right_of_ours(outcome), (action, outcome)


async def all_said(session: Session) -> dict[str, object]:
    """What the container wrote, once both streams have reached the engine."""
    for _ in range(100):
        said = await session.fields("containers.logs", id="talker")
        if all(said.values()):
            return said
        await anyio.sleep(0.05)
    raise AssertionError(f"only {said} was said")


def is_no_right_of_ours(outcome: Outcome) -> bool:
    """Whether the machine has no freezer that the engine may use; the request was right."""
    return "freez" in outcome.detail or "cgroup" in outcome.detail


async def end_a_container(session: Session) -> None:
    ended = await session.fields("containers.wait", id="talker")
    assert ended["StatusCode"] == 137
    await session.data("containers.restart", id="talker", seconds=0)
    await session.data("containers.stop", id="talker", seconds=0)
    assert (await session.outcome("containers.stop", id="talker")).ok, "it is stopped already"
    await session.data("containers.rename", id="talker", name="silent")
    await session.data("containers.remove", id="silent", force=True)
    gone = await session.outcome("containers.get", id="silent")
    assert (gone.kind, gone.status) == (FailureKind.NOT_FOUND, 404)
    assert "o such container" in gone.detail


async def use_images(session: Session) -> None:
    await session.data("images.tag", name=IMAGE, repo="localhost/dialtone/other", tag="2")
    other = await session.fields("images.get", name="localhost/dialtone/other:2")
    assert other["Id"] == (await session.fields("images.get", name=IMAGE))["Id"]
    names = [
        name for row in await session.rows("images.list") for name in msgspec.convert(row["RepoTags"], list)
    ]
    assert {IMAGE, "localhost/dialtone/other:2"} <= set(names)
    assert await session.rows("images.remove", name="localhost/dialtone/other:2")
    assert (await session.outcome("images.get", name="localhost/dialtone/other:2")).kind == "not_found"


async def use_volumes_and_networks(session: Session) -> None:
    await session.data("volumes.create", name="kept", labels={"made-by": "dialtone-test"})
    assert (await session.fields("volumes.get", name="kept"))["Labels"] == {"made-by": "dialtone-test"}
    assert "kept" in [row["Name"] for row in await session.rows("volumes.list")]
    await session.data("volumes.remove", name="kept")
    networks = await session.rows("networks.list")
    assert networks
    found = await session.fields("networks.get", id=str(networks[0]["Name"]))
    assert found["Name"] == networks[0]["Name"]


async def test_the_check_is_up_and_the_canary_leaves_nothing(engine: Engine) -> None:
    async with session_with(engine) as session:
        framework = session.framework
        checks = [await framework.run_check(one, timeout=10) for one in framework.checks("engine")]
        (order,) = ordered(framework.integrations())
        run = partial(framework.execute_integration, "engine", origin=Origin.CHECK)
        result = await run_canary(order, partial(run, timeout=10))
    with raw(engine.path) as client:
        volumes = client.get("/volumes").json()["Volumes"] or []

    assert [(one.ok, one.detail) for one in checks] == [(True, "")]
    assert (result.outcome.kind, result.action, result.leftovers) == (None, "volumes.get", 0)
    assert [one["Name"] for one in volumes if one["Name"].startswith(MARK)] == []


async def test_a_strangers_certificate_is_refused_in_the_handshake(
    both_dockerd: tuple[Engine, Engine],
) -> None:
    key, engine = ec_key(), both_dockerd[1]
    other = certificate(key, ends=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    secrets: Mapping[str, Secret] = {"certificate": Secret(other), "key": Secret(pem(key))}
    async with session_with(engine._replace(secrets=secrets)) as session:
        outcome = await session.outcome("system.version")

    assert outcome.kind in (FailureKind.TLS, FailureKind.CONNECTION), outcome


async def test_an_api_that_the_engine_does_not_speak_is_said_so(both_dockerd: tuple[Engine, Engine]) -> None:
    engine = both_dockerd[0]
    config = {**engine.config, "api_version": "1.99"}
    async with session_with(engine._replace(config=config)) as session:
        outcome = await session.outcome("system.version")

    assert outcome.kind is FailureKind.CLIENT_ERROR
    assert "Maximum supported API version is 1.41" in outcome.detail


async def test_a_pull_brings_an_image_or_says_why_not(both_dockerd: tuple[Engine, Engine]) -> None:
    engine = both_dockerd[0]
    with registry() as (port, folder):
        name = f"127.0.0.1:{port}/dialtone/pulled"
        with raw(engine.path) as client:
            client.post(f"/images/{IMAGE}/tag", params={"repo": name, "tag": "1"}).raise_for_status()
            client.post(f"/images/{name}/push", params={"tag": "1"}, headers={"x-registry-auth": "e30="})
            client.delete(f"/images/{name}:1").raise_for_status()
        async with session_with(engine) as session:
            lines = await session.rows("images.pull", image=name, tag="1")
            absent = await session.outcome("images.pull", image=name, tag="2")
            await session.data("images.remove", name=f"{name}:1", force=True)
            await session.data("images.remove", name=IMAGE, force=True)
            for blob in folder.glob("docker/registry/v2/blobs/sha256/*/*/data"):
                if blob.stat().st_size > 100_000:
                    blob.unlink()
            broken = await session.outcome("images.pull", image=name, tag="1")

    assert "Downloaded" in str(lines[-1]) or "up to date" in str(lines[-1])
    assert absent.kind is FailureKind.NOT_FOUND
    assert broken.kind is FailureKind.VENDOR_ERROR, broken.data
