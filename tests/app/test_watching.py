"""Heartbeats, objectives and root causes in a whole Dialtone, through a restart."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from app.settings import SettingsError, load_settings
from app.wiring import Dialtone
from integrations.signals import Health, HeartbeatReport
from tests.fakes.signals import RecordingSubscriber

FILE = """
state_dir: {dir}/state
analytics: {{enabled: false}}
alerts:
  heartbeats:
    - {{id: backup, name: Backup, period: 3600, labels: {{team: ops}}}}
  slos:
    - {{name: sites, objective: 99, matchers: ['vendor="http"'], counted: checks}}
  dependencies:
    - {{integrations: [site-1], depends_on: [site-0]}}
integrations:
"""
SITE = '  - {{id: site-{n}, vendor: http, config: {{url: "https://site-{n}.invalid/"}}}}\n'


class House:
    def __init__(self, folder: Path, *, sites: int = 6) -> None:
        self.path = folder / "dialtone.yaml"
        self.path.write_text(FILE.format(dir=folder) + "".join(SITE.format(n=n) for n in range(sites)))
        self.is_cut_off = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Dialtone, httpx.AsyncClient]]:
        dialtone = Dialtone(load_settings(self.path), transport=lambda _: httpx.MockTransport(self._answer))
        async with dialtone.running():
            transport = httpx.ASGITransport(dialtone.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4350") as client:
                yield dialtone, client

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut_off:
            raise httpx.ConnectError("no route to host")
        return httpx.Response(200, text="ok")


async def until(holds: Callable[[], bool], *, seconds: float = 15.0) -> None:
    with anyio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110 - a whole process is watched from outside
            await anyio.sleep(0.02)


async def test_a_heartbeat_that_fails_opens_an_incident_that_a_restart_keeps_and_a_success_ends(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with house.running() as (dialtone, client):
        published = RecordingSubscriber()
        dialtone.bus.subscribe("recorder", published)
        place = (await client.get("/v2/heartbeats/backup/url")).json()["url"]
        assert (await client.post(place + "/2")).text == "OK\n"
        (report,) = published.of(HeartbeatReport)
        assert (report.heartbeat, report.beat, report.exit_status) == ("backup", "fail", 2)
        incident = dialtone.alerting.incidents.of("heartbeat:backup")
        assert incident is not None
        assert (incident.state, incident.reason) == (
            Health.DOWN,
            "It reported a failure (exit status 2).",
        )
        (row,) = [one for one in dialtone.alerting.engine.alerts() if one.alert.incident == incident.id]
        assert (row.alert.labels["team"], row.alert.labels["vendor"]) == ("ops", "heartbeat")

    async with house.running() as (dialtone, client):
        again = dialtone.alerting.incidents.of("heartbeat:backup")
        assert again is not None
        assert again.id == incident.id
        assert (await client.get(place)).status_code == 200
        assert dialtone.alerting.incidents.of("heartbeat:backup") is None
        metrics = (await client.get("/metrics")).text
        assert 'dialtone_heartbeat_up{heartbeat="backup"} 1' in metrics
        assert 'dialtone_slo_objective_ratio{slo="sites"} 0.99' in metrics


async def test_vendors_that_fail_together_have_one_parent_and_their_checks_are_counted(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with house.running() as (dialtone, client):
        monitor = dialtone.monitor

        async def check_all() -> None:
            async with anyio.create_task_group() as group:
                for n in range(6):
                    group.start_soon(monitor.check_integration_health, f"site-{n}")

        await check_all()
        house.is_cut_off = True
        await check_all()
        await until(lambda: any(one.key == "mass-failure" for one in dialtone.alerting.parents.active()))
        (told,) = [
            one for one in (await client.get("/v2/parents")).json()["parents"] if one["key"] == "mass-failure"
        ]
        assert (told["certainty"], len(told["children"])) == ("confirmed", 6)
        await until(lambda: dialtone.alerting.incidents.of("mass-failure") is not None)

        house.is_cut_off = False
        await check_all()
        await until(lambda: dialtone.alerting.incidents.of("mass-failure") is None)
        (slo,) = (await client.get("/v2/slos")).json()["slos"]
        assert slo["integrations"] == [f"site-{n}" for n in range(6)]
        counted = (slo["good"], slo["bad"])
        assert counted[0] >= 12
        assert counted[1] >= 6

    async with house.running() as (dialtone, client):
        (slo,) = (await client.get("/v2/slos")).json()["slos"]
        assert slo["bad"] >= counted[1]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("depends_on: [site-0]", "depends_on: [site-1]", "site-1 -> site-1"),
        ("depends_on: [site-0]", "depends_on: [sit-0]", "did you mean site-0"),
        ("objective: 99,", "objective: 100,", "no budget"),
        ("period: 3600", "cron: 'often'", "five fields"),
    ],
)
def test_what_cannot_be_watched_is_refused_at_the_start(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    house = House(tmp_path)
    house.path.write_text(house.path.read_text().replace(before, after))
    with pytest.raises(SettingsError, match=expected):
        load_settings(house.path)
