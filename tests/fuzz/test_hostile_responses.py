"""Every wrong answer, to every vendor, over loopback: an Outcome in time and memory; nothing is lost."""

import asyncio
import resource
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from integrations.clock import SystemClock
from integrations.connection import CheckPolicy, Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import Outcome
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from tests.fakes.signals import RecordingSubscriber
from tests.fuzz.conftest import Covered
from tests.fuzz.hostile_answers import GOOD, Wrong, wrong_answers

DEADLINE, GRACE = 0.6, 0.5
MEMORY = 300 << 20
ASKED = {
    "github": ("repos.get", {"owner": "a", "repo": "b"}, {"token": Secret("ghp_a")}),
    "slack": ("chat.postMessage", {"channel": "C0", "text": "a"}, {"token": Secret("xoxb-a")}),
    "prometheus": ("query", {"query": "up"}, {}),
    "http": ("fetch", {}, {}),
}
POLICY = Policy(
    deadline=DEADLINE,
    timeout=DEADLINE,
    connect=0.3,
    max_body=1 << 20,
    retry=RetryPolicy(attempts=2, base=0.01, cap=0.02),
    breaker=BreakerPolicy(min_calls=1_000_000),
)


class Server:
    """Sends the wrong answer that is set, to whoever connects."""

    def __init__(self) -> None:
        self.wrong = Wrong("good", GOOD)
        self.tasks: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wrong = self.wrong
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(wrong.first)
            while wrong.again:
                writer.write(wrong.again)
                await writer.drain()
                await asyncio.sleep(wrong.pause)
            if wrong.hangs:
                await reader.read()
            await writer.drain()
            if wrong.resets:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    made = Server()
    listening = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    yield made, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


class House:
    """A framework with an integration of each vendor, and one beside them that is well."""

    def __init__(self, url: str, well: str) -> None:
        self.signals = RecordingSubscriber()
        self.executor = Executor(clock=SystemClock(), publish=self.signals)
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=Catalog.bundled(), clock=SystemClock(), publish=self.signals
        )
        for vendor, (_, _, secrets) in ASKED.items():
            config = {"url": url} if vendor == "http" else {"base_url": url}
            self._open(vendor, vendor, config, secrets)
        self._open("well", "http", {"url": well}, {})

    def _open(self, name: str, vendor: str, config: dict[str, object], secrets: dict[str, Secret]) -> None:
        self.framework.register_integration(
            Connection(
                id=name,
                vendor=vendor,
                config=config,
                secrets=secrets,
                policy=POLICY,
                check=CheckPolicy(timeout=DEADLINE),
            )
        )

    async def ask(self, name: str, *, cold: bool) -> Outcome:
        vendor = "http" if name == "well" else name
        action, params, _ = ASKED[vendor]
        if not cold:
            return await self.framework.execute_integration(name, action, params)
        check = self.framework.checks(name)[0]
        return await self.framework.run_check(check, timeout=DEADLINE, cold=True)

    def holds_nothing(self) -> bool:
        return all(
            line.active
            == line.in_flight
            == line.waiting
            == len(line.under_way)
            == line.transport.in_flight
            == 0
            and line.transport.orphans == line.transport.inner.taken == 0
            for line in self.executor._lines.values()
        )


class Trial:
    """Puts every wrong answer to every vendor, and notes what must not be."""

    def __init__(self, hostile: Server, house: House) -> None:
        self.hostile, self.house = hostile, house
        self.answers = self.asked = 0
        self.slowest = 0.0
        self.faults: list[tuple[object, ...]] = []

    async def run(self) -> None:
        """Ask warm and cold at once, and beside them the integration that is well."""
        for wrong in wrong_answers():
            self.hostile.wrong = wrong
            self.answers += 1
            async with asyncio.TaskGroup() as group:
                for name in ASKED:
                    group.create_task(self.ask(name, cold=False))
                    group.create_task(self.ask(name, cold=True))
                well = group.create_task(self.house.ask("well", cold=False))
            if not well.result().ok:
                self.faults.append(("another integration suffers", wrong.name))
            await asyncio.sleep(0)
            if not self.house.holds_nothing():
                self.faults.append(("something is held", wrong.name))

    async def ask(self, name: str, *, cold: bool) -> None:
        """Ask once."""
        began = SystemClock.monotonic()
        await self.house.ask(name, cold=cold)
        took = SystemClock.monotonic() - began
        self.asked += 1
        self.slowest = max(self.slowest, took)
        if took > DEADLINE + GRACE:
            self.faults.append(("too late", self.hostile.wrong.name, name, cold, took))


async def test_every_wrong_answer_to_every_vendor_is_an_outcome_in_time(
    server: tuple[Server, str], covered: Covered, caplog: pytest.LogCaptureFixture
) -> None:
    hostile, url = server
    beside = await asyncio.start_server(Server().answer, "127.0.0.1", 0)
    house = House(url, f"http://127.0.0.1:{beside.sockets[0].getsockname()[1]}")
    trial = Trial(hostile, house)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trial.faults.append((context,)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    await trial.run()

    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    covered(
        f"answers: {trial.answers} wrong ones, {trial.asked} calls and cold checks; slowest "
        f"{trial.slowest:.2f} s at a deadline of {DEADLINE} s, memory +{peak >> 20} MiB"
    )
    assert trial.faults == []
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
    assert peak < MEMORY
    assert sum(line.errors for line in house.executor._lines.values()) == 0
    hostile.wrong = Wrong("good", GOOD)
    assert (await house.ask("http", cold=False)).ok
    await house.executor.aclose()
    beside.close()
