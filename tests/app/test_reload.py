"""A changed configuration file taken up while Dialtone runs."""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
import structlog

from app.configuration.difference import ReloadError
from app.logs import Logs
from app.settings import SettingsError, load_settings
from app.wiring import Dialtone
from integrations.errors import UnknownIntegration
from integrations.execution.outcome import Outcome
from integrations.signals import (
    BreakerState,
    CheckResult,
    ConfigChange,
    DeliveryAttempt,
    Health,
    OperatorAction,
)
from tests.fakes.calls import call_record
from tests.fakes.signals import RecordingSubscriber

WEB = '{id: web, vendor: http, config: {url: "https://web.invalid/"}, check: {interval: 1}}'
SHOP = WEB.replace("web", "shop").replace("check:", "policy: {timeout: 5}, check:")


class Vendor(httpx.AsyncBaseTransport):
    """Answers 200 after `seconds`; one that is held answers when it is let go."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.paths: list[str] = []
        self.hold: anyio.Event | None = None
        self.holding = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.host)
        if self.hold is not None:
            self.holding.set()
            await self.hold.wait()
        await anyio.sleep(self.seconds)
        return httpx.Response(200, text="ok", request=request)


class Running:
    """A Dialtone over a file that can be written anew."""

    def __init__(self, folder: Path, *entries: str, head: str = "") -> None:
        self.path = folder / "dialtone.yaml"
        self.head = f"state_dir: {folder}/state\nanalytics: {{enabled: false}}\n{head}"
        self.write(*entries)
        self.vendor = Vendor()
        self.logs = Logs(level="info", style="json")
        self.dialtone = Dialtone(load_settings(self.path), transport=lambda _: self.vendor, logs=self.logs)
        self.signals = RecordingSubscriber()
        self.dialtone.bus.subscribe("test", self.signals)

    def write(self, *entries: str, head: str = "") -> None:
        lines = "".join(f"  - {entry}\n" for entry in entries)
        self.path.write_text(f"{self.head}{head}integrations:\n{lines or '  []'}\n")

    async def reload(self, *entries: str, head: str = "", **options: object) -> object:
        self.write(*entries, head=head)
        return await self.dialtone.reloader.reload(**options)

    def line(self, name: str) -> object:
        return self.dialtone.executor._lines[name]

    def samples(self) -> dict[tuple[str, tuple[str, ...]], object]:
        return {(one.family.name, one.labels): one.value for one in self.dialtone.table.read()}

    async def call(self, name: str) -> Outcome:
        return await self.dialtone.framework.execute_integration(name, "fetch", {})


@asynccontextmanager
async def running(folder: Path, *entries: str, head: str = "") -> AsyncIterator[Running]:
    made = Running(folder, *entries, head=head)
    async with made.dialtone.running():
        yield made


async def test_twenty_reloads_under_load_fail_no_call_and_miss_no_slot(tmp_path: Path) -> None:
    outcomes: dict[str, list[Outcome]] = defaultdict(list)

    async def use(name: str) -> None:
        while True:
            try:
                outcomes[name].append(await run.call(name))
            except UnknownIntegration:
                await anyio.sleep(0.005)

    # Checks are counted where no traffic takes their place.
    quiet, tuned = WEB.replace("web", "quiet"), SHOP.replace("shop", "tuned")
    async with running(tmp_path, WEB, SHOP, quiet, tuned) as run:
        run.vendor.seconds = 0.01
        web, entry = run.line("web"), run.dialtone.monitor._timetable._entries["web"]
        breaker, transport, phase = web.breaker("read"), web.transport, entry.phase
        async with anyio.create_task_group() as group:
            for name in ("web", "web", "shop", "shop", "guest"):
                group.start_soon(use, name)
            for turn in range(20):
                policy = f"timeout: {4 + turn % 2}, concurrency: {8 + turn % 2}"
                changed = [each.replace("timeout: 5", policy) for each in (SHOP, tuned)]
                guest = [WEB.replace("web", "guest")] if turn % 2 else []
                await run.reload(WEB, quiet, *changed, *guest)
                await anyio.sleep(0.15)
            group.cancel_scope.cancel()
        checks = [one for one in run.signals.of(CheckResult) if one.integration in ("quiet", "tuned")]

        assert all(len(outcomes[name]) > 20 for name in ("web", "shop", "guest"))
        assert [one for results in outcomes.values() for one in results if not one.ok] == []
        assert run.line("web") is web
        assert run.dialtone.monitor._timetable._entries["web"] is entry
        assert (web.breaker("read"), web.transport, entry.phase) == (breaker, transport, phase)
        assert sum(one.skipped for one in checks) == 0
        for name in ("quiet", "tuned"):
            begun = [one.at - one.duration for one in checks if one.integration == name]
            assert len(begun) >= 3
            assert max(later - earlier for earlier, later in pairwise(begun)) < 1.5


async def test_an_unchanged_integration_keeps_its_forced_breaker_and_its_health(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.dialtone.executor.force_open("web", actor="ann", reason="drill")
        before = await run.dialtone.monitor.check_integration_health("web")
        await run.reload(WEB, SHOP)
        assert run.dialtone.executor.status("web").breakers[0].state is BreakerState.FORCED_OPEN
        assert run.dialtone.monitor.health("web").state is before.state is Health.UP
        assert run.dialtone.framework.integration("shop").id == "shop"


async def test_a_changed_policy_keeps_breaker_and_health_and_holds_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        line = run.line("web")
        run.dialtone.executor.force_open("web", actor="ann", reason="drill")
        await run.dialtone.monitor.check_integration_health("web")
        changed = WEB.replace("check:", "policy: {timeout: 4}, check:").replace("web.invalid", "new.invalid")
        report = await run.reload(changed)
        assert [one.keys for one in report.changes.changed] == [("config.url", "policy.timeout")]
        assert run.line("web") is line
        assert (line.policy.timeout, line.breaker("read").state) == (4.0, BreakerState.FORCED_OPEN)
        assert run.dialtone.monitor.health("web").state is Health.UP
        await run.dialtone.monitor.check_integration_health("web")
        assert run.vendor.paths[-1] == "new.invalid"


async def test_another_vendor_under_the_same_id_starts_afresh(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.dialtone.executor.force_open("web", actor="ann", reason="drill")
        await run.dialtone.monitor.check_integration_health("web")
        await run.reload("{id: web, vendor: prometheus, config: {base_url: 'http://p.invalid:9090'}}")
        states = {one.state for one in run.dialtone.executor.status("web").breakers}
        assert states == {BreakerState.CLOSED}
        assert run.dialtone.monitor.health("web").state is Health.UNKNOWN
        assert not any("http" in labels for _, labels in run.samples())


async def test_a_removed_integration_lets_its_call_end_and_then_leaves_no_series(tmp_path: Path) -> None:
    results = []

    async def use() -> None:
        results.append(await run.call("shop"))

    async with running(tmp_path, WEB, SHOP.replace("interval: 1", "enabled: false")) as run:
        run.vendor.hold = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(use)
            await run.vendor.holding.wait()
            report = await run.reload(WEB)
            with pytest.raises(UnknownIntegration):
                await run.call("shop")
            await anyio.sleep(0.1)
            assert run.line("shop").active == 1
            run.vendor.hold.set()
        assert report.changes.removed == ("shop",)
        assert results[0].ok
        with anyio.fail_after(5):
            while any("shop" in labels for _, labels in run.samples()):  # noqa: ASYNC110 - as a scraper sees it
                await anyio.sleep(0.02)
        assert "shop" not in run.dialtone.executor._lines


async def test_what_is_told_late_of_a_removed_integration_is_counted_only_once_it_is_back(
    tmp_path: Path,
) -> None:
    late = call_record(integration="shop")

    def counted() -> dict[tuple[str, ...], object]:
        return {labels: n for (name, labels), n in run.samples().items() if name == "dialtone_calls_total"}

    async with running(tmp_path, WEB, SHOP.replace("interval: 1", "enabled: false")) as run:
        await run.reload(WEB)
        with anyio.fail_after(5):
            while "shop" in run.dialtone.executor._lines:  # noqa: ASYNC110 - it ends when its calls have
                await anyio.sleep(0.02)
        await anyio.sleep(0.1)
        run.dialtone.bus.publish(late)
        assert not any("shop" in labels for labels in counted())
        await run.reload(WEB, SHOP.replace("interval: 1", "enabled: false"))
        run.dialtone.bus.publish(late)
        assert [n for labels, n in counted().items() if "shop" in labels] == [1]


async def test_one_that_comes_back_while_it_drains_keeps_its_line(tmp_path: Path) -> None:
    results = []

    async def use() -> None:
        results.append(await run.call("shop"))

    async with running(tmp_path, WEB, SHOP.replace("interval: 1", "enabled: false")) as run:
        run.vendor.hold = anyio.Event()
        line = run.line("shop")
        async with anyio.create_task_group() as group:
            group.start_soon(use)
            await run.vendor.holding.wait()
            await run.reload(WEB)
            await run.reload(WEB, SHOP)
            run.vendor.hold.set()
        await anyio.sleep(0.1)
        assert results[0].ok
        assert run.line("shop") is line
        assert (await run.call("shop")).ok


async def test_a_file_with_a_problem_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, WEB, SHOP) as run:
        before = run.dialtone.settings
        with structlog.testing.capture_logs() as logs, pytest.raises(SettingsError) as caught:
            await run.reload(
                WEB.replace("web.invalid", "new.invalid"), "{id: shop, vendor: htp, colour: red}"
            )
        assert {problem.key for problem in caught.value.problems} >= {"integrations[1].colour"}
        assert run.dialtone.settings is before
        assert run.dialtone.framework.integration("web").config["url"] == "https://web.invalid/"
        assert [(one["event"], one["count"]) for one in logs] == [
            ("configuration is invalid; what ran before still runs", len(caught.value.problems))
        ]
        samples = run.samples()
        assert samples["dialtone_config_reloads_total", ("invalid",)] == 1
        assert samples["dialtone_config_last_reload_successful", ()] == 0
        assert samples["dialtone_config_info", (run.dialtone.reloader.settings.sha256[:12],)] == 1
        assert len(run.signals.of(ConfigChange)) == 1

        await run.reload(WEB)
        assert run.samples()["dialtone_config_last_reload_successful", ()] == 1


async def test_the_vendors_rules_are_checked_before_anything_changes(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        with pytest.raises(SettingsError, match=r"integrations\[1\]"):
            await run.reload(SHOP, "{id: other, vendor: http, config: {uri: x}}")
        assert [one.id for one in run.dialtone.framework.integrations()] == ["web"]


async def test_what_cannot_be_opened_after_all_takes_everything_back(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.write(SHOP.replace("shop", "first"), WEB.replace("web.invalid", "new.invalid"), SHOP)
        read = run.dialtone.executor._open_transport

        def full(spec: object) -> object:
            if spec.integration == "shop":
                raise OSError("too many open files")
            return read(spec)

        run.dialtone.executor._open_transport = full
        with pytest.raises(ReloadError, match="too many open files"):
            await run.dialtone.reloader.reload()
        assert [one.id for one in run.dialtone.framework.integrations()] == ["web"]
        assert run.dialtone.framework.integration("web").config["url"] == "https://web.invalid/"
        assert run.samples()["dialtone_config_reloads_total", ("failed",)] == 1


async def test_tokens_metrics_and_log_level_change_and_the_rest_waits_for_a_restart(tmp_path: Path) -> None:
    def token(text: str) -> str:
        return f"tokens: [{{name: {text}, sha256: {hashlib.sha256(text.encode()).hexdigest()}}}]\n"

    head = token("new") + "metrics: {public: true}\nlog: {level: error}\nlisten: 127.0.0.1:4399\n"
    async with running(tmp_path, WEB) as run:
        assert run.dialtone.tokens.is_open
        await run.reload(WEB, head=token("old"))
        assert run.dialtone.tokens.caller("Bearer old")
        report = await run.reload(WEB, head=head)
        assert run.dialtone.tokens.caller("Bearer old") is None
        assert run.dialtone.tokens.caller("Bearer new")
        assert run.dialtone._parts().public_metrics()
        assert run.logs._level == "ERROR"
        assert report.changes.settings == ("log.level", "tokens", "metrics.public")
        assert report.changes.needs_restart == ("listen",)
        assert run.dialtone.settings.listen.port == 4350


async def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        report = await run.reload(SHOP, dry_run=True, actor="ann")
        assert (report.applied, report.changes.added, report.changes.removed) == (False, ("shop",), ("web",))
        assert [one.id for one in run.dialtone.framework.integrations()] == ["web"]
        assert run.samples()["dialtone_config_reloads_total", ("applied",)] == 0
        assert not run.signals.of(OperatorAction)


async def test_who_asked_through_the_api_goes_on_record(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        await run.reload(WEB, SHOP, actor="ann")
        (stored,) = await run.dialtone.storage.operators.recent(5)
        assert (stored.actor, stored.action) == ("ann", "reload")
        assert stored.reason == "1 added, 0 changed, 0 removed; settings: none"
        assert [one.actor for one in run.signals.of(OperatorAction)] == ["ann"]


async def test_a_configuration_that_takes_effect_is_told_with_its_hash(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        await run.reload(WEB, SHOP)
        await run.dialtone.reloader.reload()
        told = run.signals.of(ConfigChange)
        assert [one.integrations for one in told] == [1, 2]
        assert told[1].sha256 == hashlib.sha256(run.path.read_bytes()).hexdigest()
        assert told[1].source == str(run.path)
        assert run.samples()["dialtone_config_reloads_total", ("unchanged",)] == 1


async def test_reloads_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.write(WEB, SHOP)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(run.dialtone.reloader.reload)
        samples = run.samples()
        assert samples["dialtone_config_reloads_total", ("applied",)] == 1
        assert samples["dialtone_config_reloads_total", ("unchanged",)] == 4


async def test_many_hangups_at_once_need_two_reloads_at_most(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.write("{id: web}")
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(run.dialtone.reloader.reload_on_signal)
        assert run.samples()["dialtone_config_reloads_total", ("invalid",)] == 2


async def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        run.path.unlink()
        with pytest.raises(SettingsError, match="no file that can be read"):
            await run.dialtone.reloader.reload()
        assert (await run.call("web")).ok


@pytest.mark.parametrize("written", ["", "# Dialtone\n", "faults: {allowed: true}\n", "integrations:\n"])
async def test_a_file_that_is_being_written_removes_no_integration(tmp_path: Path, written: str) -> None:
    async with running(tmp_path, WEB) as run:
        run.path.write_text(written)
        with pytest.raises(SettingsError, match=r"integrations: found none in the file") as caught:
            await run.dialtone.reloader.reload()
        assert len(caught.value.problems) == 1
        assert (await run.call("web")).ok


async def test_all_integrations_go_when_the_file_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, WEB) as run:
        await run.reload()
        assert run.dialtone.settings.integrations == ()
        run.path.write_text("")
        await run.dialtone.reloader.reload()


async def test_a_thousand_changes_leave_the_event_loop_its_turns(tmp_path: Path) -> None:
    def entries(timeout: int) -> list[str]:
        return [
            WEB.replace("web,", f"i{n}, policy: {{timeout: {timeout}}},").replace(
                "interval: 1", "enabled: false"
            )
            for n in range(1000)
        ]

    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with running(tmp_path, *entries(5)) as run:
        run.write(*entries(6))
        new, difference = await run.dialtone.reloader._read()
        async with anyio.create_task_group() as group:
            group.start_soon(count)
            await run.dialtone.reloader._apply(new, difference)
            group.cancel_scope.cancel()
        assert len(difference.changed) == 1000
        assert run.line("i999").policy.timeout == 6
        assert turns > 10


async def test_what_is_kept_of_webhooks_follows_the_file(tmp_path: Path) -> None:
    async with running(tmp_path, WEB, head="webhooks: {keep_days: 7}\n") as run:
        before = run.dialtone.webhooks.keeping().keep_days
        run.head = run.head.replace("keep_days: 7", "keep_days: 9")
        await run.reload(WEB)

        assert (before, run.dialtone.webhooks.keeping().keep_days) == (7, 9)


ALERTS = """alerts:
  receivers: [{{name: {name}, type: webhook, url: "https://hook.invalid/x", signing_secrets: ["{secret}"]}}]
  route: {{receiver: {name}}}
"""


def alerts(name: str) -> str:
    return ALERTS.format(name=name, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


async def test_a_removed_receiver_leaves_no_series_until_it_is_back(tmp_path: Path) -> None:
    about = {"message": "m", "format": "webhook", "type": "alert", "attempt": 1, "result": "delivered"}
    delivered = DeliveryAttempt(at=1.0, receiver="hook", **about)
    counts = []
    async with running(tmp_path, WEB) as run:
        for name in ("hook", "pager", "hook"):
            await run.reload(WEB, head=alerts(name))
            run.dialtone.bus.publish(delivered)
            counts.append(
                run.samples().get(("dialtone_delivery_attempts_total", ("hook", "webhook", "delivered")))
            )
    assert counts == [1, None, 1]
