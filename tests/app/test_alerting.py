"""The whole way: a vendor fails, a receiver is told in signed messages, and told again when it is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import msgspec
import standardwebhooks
import structlog

from app.settings import load_settings
from app.wiring import Dialtone
from integrations.clock import SystemClock
from integrations.signals import Health
from monitors.alerts.condition import alert_about
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.outbox import Condition
from monitors.incident import Incident

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

HEAD = """
state_dir: {dir}/state
analytics: {{enabled: false}}
alerts:
  group_wait: 0
  group_wait_critical: 0
  receivers:
    - {{name: hook, type: webhook, url: "https://{host}/hook", signing_secrets: ["{secret}"]}}
  route: {{receiver: hook, group_by: [integration]}}
  watchdog: {{heartbeat_url: "https://{watchdog}/beat", last_resort: hook}}
  slos: [{{name: all, objective: 99}}]
  heartbeats: [{{id: backup, period: 3600}}]
  rules:
    - {{name: IntegrationDown, when: [down], severity: critical, keep_firing_for: 0}}
integrations:
"""
WEB = '  - {id: web, vendor: http, config: {url: "https://web.invalid/"}, check: {interval: 60}}\n'
SHOP = WEB.replace("web", "shop")


class Told(msgspec.Struct, frozen=True):
    """A message as it arrived."""

    id: str
    host: str
    type: str
    status: str
    sequence: int
    group: str


class House:
    """A Dialtone, the vendors it asks and the receivers it tells; `failing` are vendors' hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "dialtone.yaml"
        self.failing: set[str] = set()
        self.told: list[Told] = []
        self.beats: list[str] = []
        self.write(WEB)

    def write(
        self,
        *integrations: str,
        host: str = "receiver.example",
        secret: str = SECRET,
        watchdog: str = "alive.example",
    ) -> None:
        head = HEAD.format(dir=self.folder, host=host, secret=secret, watchdog=watchdog)
        self.path.write_text(head + "".join(integrations))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Dialtone]:
        dialtone = Dialtone(load_settings(self.path), transport=lambda _: httpx.MockTransport(self._answer))
        async with dialtone.running():
            yield dialtone

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/beat":
            self.beats.append(request.url.host)
            return httpx.Response(200)
        if request.url.path != "/hook":
            is_failing = request.url.host in self.failing
            return httpx.Response(503 if is_failing else 200, text="ok")
        secret = SECRET if request.url.host == "receiver.example" else OTHER
        event = standardwebhooks.Webhook(secret).verify(request.content, dict(request.headers))
        data = event["data"]
        self.told.append(
            Told(
                id=request.headers["webhook-id"],
                host=request.url.host,
                type=event["type"],
                status=data["status"],
                sequence=data["sequence"],
                group=data["group_key"],
            )
        )
        return httpx.Response(204)

    async def until_told(self, number: int) -> Told:
        with anyio.fail_after(10):
            while len(self.told) < number:
                await SystemClock().sleep(0.01)
        return self.told[number - 1]

    async def until_heard(self, host: str) -> None:
        with anyio.fail_after(10):
            while host not in self.beats:
                await SystemClock().sleep(0.01)


async def until(dialtone: Dialtone, integration: str, state: Health) -> None:
    """Check an integration until its health is confirmed to be this."""
    with anyio.fail_after(10):
        while dialtone.monitor.health(integration).state is not state:
            await dialtone.monitor.check_integration_health(integration)


def incident_of(dialtone: Dialtone, integration: str) -> Incident | None:
    return dialtone.alerting.incidents.of(integration)


async def test_a_failure_and_its_end_reach_the_receiver_in_signed_messages(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.running() as dialtone:
        await until(dialtone, "web", Health.UP)
        house.failing.add("web.invalid")
        await until(dialtone, "web", Health.DOWN)
        failed = await house.until_told(1)
        house.failing.clear()
        await until(dialtone, "web", Health.UP)
        recovered = await house.until_told(2)

    assert (failed.type, failed.status, failed.sequence) == ("integration.failed", "firing", 1)
    assert (recovered.type, recovered.status, recovered.sequence) == ("integration.recovered", "resolved", 2)
    assert failed.group == recovered.group
    assert failed.id != recovered.id


async def test_a_restart_tells_nothing_twice_and_forgets_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.failing.add("web.invalid")
    async with house.running() as dialtone:
        await until(dialtone, "web", Health.DOWN)
        await house.until_told(1)
        before = incident_of(dialtone, "web")

    async with house.running() as dialtone:
        after = incident_of(dialtone, "web")
        await dialtone.monitor.check_integration_health("web")
        house.failing.clear()
        await until(dialtone, "web", Health.UP)
        recovered = await house.until_told(2)

    assert before is not None
    assert after is not None
    assert before.id == after.id
    assert recovered.status == "resolved"
    assert [one.status for one in house.told] == ["firing", "resolved"]


async def test_a_reload_keeps_incidents_and_tells_the_new_receiver_of_what_fires(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.failing.add("web.invalid")
    async with house.running() as dialtone:
        await until(dialtone, "web", Health.DOWN)
        await house.until_told(1)
        before = incident_of(dialtone, "web")
        house.write(WEB, host="other.example", secret=OTHER)
        report = await dialtone.reloader.reload()
        after = incident_of(dialtone, "web")
        house.failing.clear()
        await until(dialtone, "web", Health.UP)
        recovered = await house.until_told(2)

    assert report.changes.settings == ("alerts.receivers",)
    assert before == after
    assert (recovered.host, recovered.status) == ("other.example", "resolved")


async def test_an_integration_that_is_removed_ends_its_incident(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write(WEB, SHOP)
    house.failing |= {"web.invalid", "shop.invalid"}
    async with house.running() as dialtone:
        await until(dialtone, "web", Health.DOWN)
        await until(dialtone, "shop", Health.DOWN)
        await house.until_told(2)
        house.write(SHOP)
        await dialtone.reloader.reload()
        ended = await house.until_told(3)
        left = [one.integration for one in dialtone.alerting.incidents.open()]

    assert ended.status == "resolved"
    assert left == ["shop"]


async def test_one_that_was_removed_while_dialtone_stood_still_ends_at_the_start(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.write(WEB, SHOP)
    house.failing |= {"web.invalid"}
    async with house.running() as dialtone:
        await until(dialtone, "web", Health.DOWN)
        await house.until_told(1)

    house.write(SHOP)
    async with house.running() as dialtone:
        ended = await house.until_told(2)
        left = [one.integration for one in dialtone.alerting.incidents.open()]

    assert ended.status == "resolved"
    assert left == []


async def test_an_alert_about_a_receiver_that_did_well_before_a_kill_ends_at_the_start(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    async with house.running() as dialtone:
        # The receiver recovered, and the process was killed before the end of the alert was stored.
        dialtone.alerting.engine.raise_alert(alert_about(Condition(receiver="hook", failures=4)))
        await dialtone.alerting.engine.step()

    async with house.running() as dialtone:
        assert dialtone.alerting.engine.alerts() == ()


async def test_what_is_silenced_is_told_when_the_silence_ends(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.failing.add("web.invalid")
    async with house.running() as dialtone:
        silences = dialtone.alerting.desks.silences
        silence = await silences.create(parse_matchers('integration="web"'), actor="ann", comment="planned")
        await until(dialtone, "web", Health.DOWN)
        with anyio.fail_after(5):
            while not (found := await _decisions(dialtone)):
                await SystemClock().sleep(0.01)
        quiet = list(house.told)
        await silences.expire(silence.id, actor="ann", reason="over")
        told = await house.until_told(1)

    assert quiet == []
    assert found == ["silenced"]
    assert told.status == "firing"


async def test_somebody_outside_hears_that_dialtone_lives_and_a_reload_moves_that(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.running() as dialtone:
        await house.until_heard("alive.example")
        house.write(WEB, watchdog="other.example")
        await dialtone.reloader.reload()
        await house.until_heard("other.example")

    assert set(house.beats) == {"alive.example", "other.example"}


async def test_all_that_alerting_measures_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.failing.add("web.invalid")
    with structlog.testing.capture_logs() as logs:
        async with house.running() as dialtone:
            await until(dialtone, "web", Health.DOWN)
            await house.until_told(1)
            metrics = await dialtone.prometheus.scrape(accept="", accept_encoding="")

    assert [entry for entry in logs if entry["event"] == "sample_refused"] == []
    assert b'dialtone_notifications_total{reason="first",receiver="hook"} 1.0' in metrics.body
    assert b'dialtone_incidents_open{state="down"} 1.0' in metrics.body


async def _decisions(dialtone: Dialtone) -> list[str]:
    incident = incident_of(dialtone, "web")
    if incident is None:
        return []
    return [one.verdict.value for one in await dialtone.alerting.desks.incidents.decisions(incident.id)]
