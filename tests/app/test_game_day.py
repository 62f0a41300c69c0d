"""A whole Dialtone on a game day: a fault in signals, health and storage, and what a reload does to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from app.faults import FaultsForbiddenError
from app.settings import load_settings
from app.wiring import Dialtone
from integrations.execution.injection import Error
from integrations.signals import CallRecord, CheckResult, Health, HealthChange, OperatorAction
from tests.fakes.signals import RecordingSubscriber

WEB = '{id: web, vendor: http, config: {url: "https://web.invalid/"}, check: {interval: 1}}'
SHOP = WEB.replace("web", "shop")
ALLOWED = "faults: {allowed: true}\n"


class GameDay:
    """A Dialtone over a file that can be written anew, before vendors that always answer."""

    def __init__(self, folder: Path, head: str) -> None:
        self.path = folder / "dialtone.yaml"
        self.folder = folder
        self.write(head, WEB, SHOP)
        answer = httpx.MockTransport(lambda _: httpx.Response(200, text="ok"))
        self.dialtone = Dialtone(load_settings(self.path), transport=lambda _: answer)
        self.signals = RecordingSubscriber()
        self.dialtone.bus.subscribe("test", self.signals)

    def write(self, head: str, *entries: str) -> None:
        given = "\n".join(f"  - {entry}" for entry in entries)
        text = (
            f"state_dir: {self.folder}/state\nanalytics: {{enabled: false}}\n{head}integrations:\n{given}\n"
        )
        self.path.write_text(text)

    async def inject(self, *integrations: str) -> None:
        for name in integrations:
            await self.dialtone.faults.begin(name, [Error()], actor="ann", reason="game day", seconds=600)

    async def until_down(self, integration: str) -> None:
        with anyio.fail_after(10):
            while self.dialtone.monitor.health(integration).state is not Health.DOWN:
                await self.dialtone.monitor.check_integration_health(integration)

    async def until_ended(self) -> OperatorAction:
        with anyio.fail_after(5):
            while not (
                ends := [one for one in self.signals.of(OperatorAction) if one.action == "fault_ended"]
            ):
                await self.dialtone.clock.sleep(0.01)
        return ends[-1]


@asynccontextmanager
async def game_day(folder: Path, head: str = ALLOWED) -> AsyncIterator[GameDay]:
    day = GameDay(folder, head)
    async with day.dialtone.running():
        yield day


async def test_checks_calls_health_and_the_record_are_marked(tmp_path: Path) -> None:
    async with game_day(tmp_path) as day:
        await day.inject("web")
        await day.until_down("web")
        await day.dialtone.framework.execute_integration("web", "fetch", {})
        stored = await day.dialtone.storage.operators.recent(5)
        changes = await day.dialtone.storage.signals.recent_changes("web", 5)

    mine = [one for one in day.signals.of(CheckResult) if one.integration == "web" and one.kind]
    down = [one for one in day.signals.of(HealthChange) if one.after is Health.DOWN]
    calls = [
        one for one in day.signals.of(CallRecord) if one.integration == "web" and one.kind and one.attempts
    ]
    assert mine
    assert all(one.injected for one in mine)
    assert all(one.injected for one in calls)
    assert not any(one.injected for one in day.signals.of(CheckResult) if one.integration == "shop")
    assert down
    assert {one.integration for one in down} == {"web"}
    assert all("(fault injected by ann until " in one.reason for one in down)
    assert any("(fault injected by ann until " in one.reason for one in changes)
    assert [(one.action, one.actor) for one in stored] == [("fault_injected", "ann")]


async def test_a_reload_keeps_the_fault_of_what_stays_and_ends_that_of_what_goes(tmp_path: Path) -> None:
    async with game_day(tmp_path) as day:
        await day.inject("web", "shop")
        day.write(ALLOWED, WEB)
        await day.dialtone.reloader.reload()
        ended = await day.until_ended()
        standing = list(day.dialtone.faults.standing())

    assert standing == ["web"]
    assert (ended.integration, ended.actor) == ("shop", "dialtone")


async def test_a_reload_that_forbids_faults_ends_them_and_takes_no_more(tmp_path: Path) -> None:
    async with game_day(tmp_path) as day:
        await day.inject("web")
        day.write("", WEB, SHOP)
        await day.dialtone.reloader.reload()
        ended = await day.until_ended()
        with pytest.raises(FaultsForbiddenError):
            await day.inject("web")

    assert "no longer allows" in ended.reason


async def test_faults_are_forbidden_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    async with game_day(tmp_path, head="") as day:
        with pytest.raises(FaultsForbiddenError):
            await day.inject("web")
        assert day.dialtone.faults.standing() == {}


async def test_a_restart_ends_a_fault_and_has_it_on_record(tmp_path: Path) -> None:
    async with game_day(tmp_path) as day:
        await day.inject("web")
    async with game_day(tmp_path) as again:
        stored = await again.dialtone.storage.operators.recent(5)
        assert again.dialtone.faults.standing() == {}

    assert [one.action for one in stored] == ["fault_ended", "fault_injected"]
    assert "Dialtone stopped" in stored[0].reason
