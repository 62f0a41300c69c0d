"""Twenty reloads under load over loopback: no call fails, no slot is missed, what is unchanged stays."""

from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from app.settings import SettingsError, load_settings
from app.wiring import Dialtone
from integrations.errors import UnknownIntegration
from integrations.execution.outcome import Outcome
from integrations.signals import CheckResult
from tests.fakes.signals import RecordingSubscriber
from tests.fuzz.conftest import Covered

RELOADS, CALLERS = 20, 4


async def answer(_: web.Request) -> web.Response:
    await anyio.sleep(0.01)
    return web.Response(text="ok")


class House:
    """A Dialtone over a file: `same` never changes, `tuned` with every reload, `guest` comes and goes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.path, self.folder, self.url = folder / "dialtone.yaml", folder, url
        self.write(0)
        self.dialtone = Dialtone(load_settings(self.path, environment={}))
        self.signals = RecordingSubscriber()
        self.dialtone.bus.subscribe("test", self.signals)
        self.outcomes: dict[str, list[Outcome]] = defaultdict(list)

    def write(self, turn: int) -> None:
        def entry(name: str, policy: str = "") -> str:
            check = "check: {interval: 1, adaptive: false}"
            return f"  - {{id: {name}, vendor: http, config: {{url: '{self.url}'}}, {policy}{check}}}\n"

        tuned = f"policy: {{timeout: {4 + turn % 2}, concurrency: {8 + turn % 2}}}, "
        guest = entry("guest") if turn % 2 else ""
        self.path.write_text(
            f"state_dir: {self.folder}/state\nanalytics: {{enabled: false}}\nintegrations:\n"
            + entry("same")
            + entry("quiet")
            + entry("tuned", tuned)
            + entry("quiet-tuned", tuned)
            + guest
        )

    async def use(self, name: str) -> None:
        while True:
            try:
                self.outcomes[name].append(
                    await self.dialtone.framework.execute_integration(name, "fetch", {})
                )
            except UnknownIntegration:
                await anyio.sleep(0.005)

    async def reload(self) -> None:
        """Take up a changed file, and refuse a broken one, twenty times."""
        for turn in range(1, RELOADS + 1):
            self.write(turn)
            await self.dialtone.reloader.reload()
            self.path.write_text(self.path.read_text() + "\x00: [")
            with pytest.raises(SettingsError):
                await self.dialtone.reloader.reload()
            await anyio.sleep(0.2)

    def kept(self) -> tuple[object, ...]:
        """What must stay the same of an integration that is unchanged."""
        line = self.dialtone.executor._lines["same"]
        return line, line.transport, line.breaker("read"), line.transport.inner._dialer

    def check_times(self) -> dict[str, list[float]]:
        """When the checks were made whose place no traffic takes."""
        seen = self.signals.of(CheckResult)
        return {
            name: [one.at for one in seen if one.integration == name] for name in ("quiet", "quiet-tuned")
        }


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_twenty_reloads_fail_no_call_and_miss_no_slot(
    tmp_path: Path, url: str, covered: Covered
) -> None:
    house = House(tmp_path, url)
    async with house.dialtone.running():
        async with anyio.create_task_group() as group:
            for name in ("same", "tuned", "guest") * CALLERS:
                group.start_soon(house.use, name)
            await anyio.sleep(0.2)
            before = house.kept()
            await house.reload()
            group.cancel_scope.cancel()
        assert all(now is then for now, then in zip(house.kept(), before, strict=True))

    times = house.check_times()
    calls = sum(len(outcomes) for outcomes in house.outcomes.values())
    covered(
        f"reloads: {RELOADS} good and {RELOADS} bad ones, {calls} calls, "
        f"{sum(map(len, times.values()))} checks in time"
    )
    assert all(len(house.outcomes[name]) > 50 for name in ("same", "tuned", "guest"))
    assert [one for outcomes in house.outcomes.values() for one in outcomes if not one.ok] == []
    assert all(len(at) >= 4 for at in times.values())
    assert max(after - before for at in times.values() for before, after in pairwise(at)) < 1.5
