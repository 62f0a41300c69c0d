"""The canaries on our own way out."""

import random
import socket
from collections.abc import Iterable
from typing import Self

import anyio
import httpx
import pytest

from integrations.connection import NetworkPolicy
from integrations.execution.executor import Executor
from integrations.execution.outcome import Origin
from integrations.signals import CallRecord
from monitors.egress import EgressWatch
from monitors.egress_probe import EgressProbe
from monitors.egress_settings import EgressSettings
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.signals import RecordingSubscriber

TARGETS = ("https://one.example/", "https://two.example/x", "http://three.example:8080/")


@pytest.fixture
def anyio_backend() -> tuple[str, object]:
    return VIRTUAL_TIME


class FakeProbe:
    """Reaches all but what is in `broken`; a float hangs so long."""

    def __init__(self) -> None:
        self.broken: dict[str, str | float | Exception] = {}
        self.asked: list[str] = []
        self.kept: tuple[str, ...] = ()

    async def reach(self, target: str, /, *, seconds: float) -> str:
        self.asked.append(target)
        answer = self.broken.get(target, "")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await anyio.sleep(answer)
            return ""
        return answer

    async def resolve(self, name: str, /, *, seconds: float) -> str:
        return await self.reach(name, seconds=seconds)

    async def keep(self, targets: Iterable[str], /) -> None:
        self.kept = tuple(targets)


class Watching:
    def __init__(self, settings: EgressSettings | None = None) -> None:
        self.settings = settings or EgressSettings(targets=TARGETS)
        self.probe = FakeProbe()
        self.watch = EgressWatch(settings=lambda: self.settings, probe=self.probe, clock=LoopClock())

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self.watch.run)
        await anyio.sleep(6)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)


@pytest.mark.parametrize(("failing", "is_down"), [(0, False), (1, False), (2, True), (3, True)])
async def test_two_of_three_canaries_that_fail_say_that_our_way_out_does_not_work(
    failing: int, is_down: bool
) -> None:
    watching = Watching()
    watching.probe.broken = dict.fromkeys(TARGETS[:failing], "connection refused.")
    async with watching:
        assert watching.watch.is_down is is_down


async def test_the_reason_names_what_fails_and_that_names_are_not_resolved() -> None:
    watching = Watching(EgressSettings(targets=TARGETS, name="example.com"))
    watching.probe.broken = {TARGETS[0]: "connection refused.", TARGETS[1]: 60.0, "example.com": "no DNS"}
    async with watching:
        assert watching.watch.reason == (
            "2 of 3 canaries on our way out fail: one.example (connection refused), "
            "two.example (no answer within 5 s). Names are not resolved (no DNS)."
        )
        assert watching.watch.status().name == "no DNS"


async def test_without_canaries_nothing_is_claimed() -> None:
    async with Watching(EgressSettings()) as watching:
        assert not watching.watch.is_down
        assert watching.watch.reason == ""
        assert list(watching.watch.samples()) == []


async def test_a_probe_that_raises_is_counted_and_fails() -> None:
    watching = Watching()
    watching.probe.broken = {TARGETS[0]: OSError("no CA file")}
    async with watching:
        assert watching.watch.errors == 1
        assert watching.watch.status().hosts["one.example"] == "OSError"


async def test_canaries_are_asked_every_interval_and_at_once_when_hurried() -> None:
    async with Watching() as watching:
        asked = len(watching.probe.asked)
        assert asked == 3
        watching.watch.hurry()
        await anyio.sleep(1)
        assert len(watching.probe.asked) == 6
        await anyio.sleep(31)
        assert len(watching.probe.asked) == 9


async def test_another_configuration_is_followed() -> None:
    async with Watching() as watching:
        watching.settings = EgressSettings(targets=tuple(f"https://{n}.example/" for n in "abc"))
        await anyio.sleep(31)
        assert watching.probe.kept == watching.settings.targets
        assert set(watching.watch.status().hosts) == {"a.example", "b.example", "c.example"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"targets": TARGETS[:2]}, "3 to 10", id="too few to be out-voted"),
        pytest.param({"targets": ("https://a.example/",) * 3}, "host of its own", id="one host thrice"),
        pytest.param({"targets": ("ftp://a.example/", *TARGETS[:2])}, "https://", id="no HTTP"),
        pytest.param({"targets": ("https:///x", *TARGETS[:2])}, "name a host", id="no host"),
        pytest.param({"interval": 1.0}, "at least 5", id="too often"),
        pytest.param({"timeout": 0.0}, "above 0", id="no time"),
        pytest.param({"interval": 10.0, "timeout": 11.0}, "at most the interval", id="overlapping"),
    ],
)
def test_canaries_that_could_say_nothing_are_refused(given: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        EgressSettings(**given)


class Network:
    """Answers by host."""

    def __init__(self, **answers: int | Exception) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get(request.url.host.partition(".")[0], 200)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)


def probing(network: Network) -> tuple[EgressProbe, RecordingSubscriber, Executor]:
    clock, signals = LoopClock(), RecordingSubscriber()
    executor = Executor(
        clock=clock,
        publish=signals,
        transport=lambda _: httpx.MockTransport(network),
        random=random.Random(7),
    )
    return EgressProbe(lines=executor, network=NetworkPolicy, clock=clock), signals, executor


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (200, ""),
        (301, ""),
        (404, ""),
        (405, ""),
        (407, "HTTP 407"),
        (502, "HTTP 502"),
    ],
)
async def test_any_answer_of_a_target_proves_the_way_but_a_proxy_that_reached_nobody(
    answer: int, why: str
) -> None:
    probe, signals, _ = probing(Network(one=answer))
    assert await probe.reach(TARGETS[0], seconds=5) == why
    (record,) = signals.of(CallRecord)
    assert (record.integration, record.origin) == ("egress:one.example", Origin.CHECK)


async def test_a_connection_that_fails_is_told_and_never_opens_a_circuit() -> None:
    network = Network(one=httpx.ConnectError("refused"))
    probe, _, _ = probing(network)
    for _ in range(30):
        assert await probe.reach(TARGETS[0], seconds=5) != ""
    assert len(network.requests) == 30


async def test_lines_of_targets_that_are_gone_are_closed() -> None:
    probe, _, executor = probing(Network())
    await probe.reach(TARGETS[0], seconds=5)
    await probe.reach(TARGETS[1], seconds=5)
    await probe.keep(TARGETS[1:])
    assert set(executor._lines) == {"egress:two.example"}


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        pytest.param(None, "", id="resolved"),
        pytest.param(
            socket.gaierror(-2, "Name or service not known"),
            "example.com: Name or service not known",
            id="no",
        ),
        pytest.param(UnicodeError("label too long"), "example.com: no host name", id="no name"),
    ],
)
async def test_why_a_name_is_not_resolved_is_told(raised: Exception | None, why: str) -> None:
    async def look_up(name: str) -> None:
        if raised is not None:
            raise raised

    probe = EgressProbe(
        lines=Executor(clock=LoopClock(), publish=RecordingSubscriber()),
        network=NetworkPolicy,
        clock=LoopClock(),
        look_up=look_up,
    )
    assert await probe.resolve("example.com", seconds=5) == why


async def test_a_resolver_that_hangs_is_waited_for_no_longer_than_asked() -> None:
    probe = EgressProbe(
        lines=Executor(clock=LoopClock(), publish=RecordingSubscriber()),
        network=NetworkPolicy,
        clock=LoopClock(),
        look_up=lambda _: anyio.sleep(100),
    )
    assert await probe.resolve("example.com", seconds=5) == "example.com: no answer within 5 s"
