"""The demo's configuration, traffic, faults and certificate are right before anybody sees them."""

import datetime as dt
import io
import ipaddress
import json
import random
import shlex
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx
import msgspec
import pytest
import standardwebhooks
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from rich.console import Console

from app.demo import banner, certificates, configuration
from app.demo.deliveries import SENDERS, Deliveries, Sender
from app.demo.faults import fault_schedule
from app.demo.habits import HABITS
from app.demo.inbox import Inbox, new_secret
from app.demo.run import run_demo
from app.demo.traffic import DAY, Habit, Traffic, rate_factor
from app.settings import Settings, load_settings
from integrations.connection import Connection
from integrations.credential_desk import states_of
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.simulator.faults import Fault, FaultBoard, FaultKind
from integrations.simulator.simulator import Simulator
from integrations.webhooks.payload import InboundWebhook
from monitors.alerts.matchers import all_match, parse_matcher
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock
from tests.fakes.signals import RecordingSubscriber

CATALOG = Catalog.bundled()


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Demo(NamedTuple):
    """The demo's parts without its sockets."""

    settings: Settings
    simulator: Simulator
    framework: IntegrationFramework


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    clock = LoopClock()
    simulator = Simulator(CATALOG, clock=clock, faults=FaultBoard(clock=clock))
    configuration.populate(simulator, now=clock.time())
    issued = certificates.issue(tmp_path, days=9, now=clock.time())
    origins = configuration.Origins(
        "http://127.0.0.1:1", "https://127.0.0.1:2", issued.authority, "http://127.0.0.1:3"
    )
    path = configuration.write(
        tmp_path,
        listen="127.0.0.1:4350",
        simulator=simulator,
        origins=origins,
        inbox_secret=new_secret(),
    )
    executor = Executor(
        clock=clock,
        publish=RecordingSubscriber(),
        transport=lambda _: httpx.ASGITransport(simulator),
        random=random.Random(1),
    )
    framework = IntegrationFramework(
        executor=executor, catalog=CATALOG, clock=clock, publish=RecordingSubscriber()
    )
    settings = load_settings(path, environment={})
    for connection in settings.integrations:
        # Before a token is bought, files are read again on a thread, and virtual time does not wait for it.
        secrets = {name: Secret(secret.reveal()) for name, secret in connection.secrets.items()}
        framework.register_integration(msgspec.structs.replace(connection, secrets=secrets))
    yield Demo(settings, simulator, framework)
    await executor.aclose()


async def test_the_configuration_is_good_and_has_its_integrations(demo: Demo, tmp_path: Path) -> None:
    assert demo.settings.warnings == ()
    assert demo.settings.state_dir == tmp_path / "state"
    assert [(connection.id, connection.vendor) for connection in demo.settings.integrations] == [
        ("github-prod", "github"),
        ("github-ci", "github"),
        ("slack-prod", "slack"),
        ("slack-alerts", "slack"),
        ("prometheus-main", "prometheus"),
        ("salesforce-crm", "salesforce"),
        ("jira-ops", "jira"),
        ("gitlab-shop", "gitlab"),
        ("pagerduty", "pagerduty"),
        ("datadog-main", "datadog"),
        ("discord-fans", "discord"),
        ("shop-api", "http"),
        ("payments-cert", "http"),
        ("status-page", "http"),
        ("legacy-erp", "http"),
    ]
    for connection in demo.settings.integrations:
        assert connection.labels.team
        assert connection.labels.environment
        assert connection.labels.tier
        assert connection.check.interval == 5


async def test_the_secrets_stand_in_files_that_only_the_owner_reads(demo: Demo, tmp_path: Path) -> None:
    text = (tmp_path / configuration.FILE).read_text()
    files = list((tmp_path / "secrets").iterdir())

    assert "simulated-" not in text
    assert {path.name for path in files} >= {"slack-prod-token", "jira-ops-webhook_secret"}
    assert {path.stat().st_mode & 0o077 for path in [*files, tmp_path / "demo-server.key"]} == {0}


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: f"{habit.integration} {habit.action}")
async def test_each_habit_is_a_call_that_succeeds(demo: Demo, habit: Habit) -> None:
    for params in habit.params:
        outcome = await demo.framework.execute_integration(
            habit.integration, habit.action, params, caller=habit.caller
        )
        assert outcome.ok, outcome.detail


async def test_the_checks_find_everybody_up_while_nothing_is_wrong(demo: Demo) -> None:
    failed: dict[str, str] = {}
    for connection in demo.settings.integrations:
        for check in demo.framework.checks(connection.id):
            outcome = await demo.framework.run_check(check, timeout=3)
            if not outcome.ok:
                failed[connection.id] = outcome.detail

    # In process there is no TLS, so the certificate's condition has nothing to look at.
    assert set(failed) == {"payments-cert"}
    assert "certificate" in failed["payments-cert"]


async def test_the_end_of_gitlabs_token_is_learned_from_its_check(demo: Demo) -> None:
    (check,) = demo.framework.checks("gitlab-shop")
    now = LoopClock().time()

    await demo.framework.run_check(check, timeout=3)

    (state,) = states_of(demo.framework.integration("gitlab-shop"), now)
    assert state.state == "expiring"
    assert state.expires_at is not None
    assert 5 <= (state.expires_at - now) / 86_400 <= 6


async def test_a_token_of_salesforces_is_bought_and_ends_soon_enough_to_be_seen(demo: Demo) -> None:
    await demo.framework.execute_integration("salesforce-crm", "user.get", {})

    now = LoopClock().time()
    token = next(iter(states_of(demo.framework.integration("salesforce-crm"), now)))
    assert token.expires_at is not None
    assert token.expires_at - now == pytest.approx(configuration.CRM_TOKEN_LIFE, abs=60)


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.integration)
@pytest.mark.parametrize(("secret", "status"), [("", 202), ("a guess", 401)], ids=["genuine", "forged"])
async def test_each_vendors_webhook_is_proved_by_its_signature(
    demo: Demo, sender: Sender, secret: str, status: int
) -> None:
    content, headers = sender.write(7, LoopClock().time())
    body = json.dumps(content).encode()
    proof = sender.sign(secret or configuration.webhook_secrets()[sender.integration], body)

    answer = await demo.framework.handle_webhook(
        sender.integration,
        InboundWebhook(
            body=body,
            headers={**headers, **proof, "content-type": "application/json"},
            method="POST",
            url=f"https://hooks.example/v2/webhooks/{sender.integration}",
            received_at=LoopClock().time(),
        ),
    )

    assert answer.status == status


async def test_deliveries_are_sent_some_twice_and_some_forged() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    clock = LoopClock()
    secrets = configuration.webhook_secrets()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://dialtone") as client:
        with anyio.move_on_after(300):
            await Deliveries(client, secrets=secrets, clock=clock, seed=1).run()

    tokens = [one.headers["x-gitlab-token"] for one in seen if one.url.path.endswith("/gitlab-shop")]
    forged = sum(token != secrets["gitlab-shop"] for token in tokens)
    assert 300 < len(seen) < 700
    assert {one.url.path.rpartition("/")[2] for one in seen} == set(secrets)
    assert len({one.content + bytes(one.headers.get("x-github-event", ""), "ascii") for one in seen}) < len(
        seen
    )
    assert 0 < forged < len(tokens) / 4


async def test_deliveries_go_on_while_nobody_answers() -> None:
    tried: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        tried.append(request)
        raise httpx.ConnectError("nobody there", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse), base_url="http://dialtone") as client:
        with anyio.move_on_after(20):
            await Deliveries(client, secrets=configuration.webhook_secrets(), clock=LoopClock(), seed=1).run()

    assert len(tried) > 5


async def test_a_legacy_system_that_says_no_with_200_fails_its_check(demo: Demo) -> None:
    demo.simulator.faults.add(Fault(kind=FaultKind.VENDOR_ERROR, vendor="http", account="legacy-erp"))
    (check,) = demo.framework.checks("legacy-erp")

    outcome = await demo.framework.run_check(check, timeout=3)

    assert (outcome.status, outcome.kind) == (200, FailureKind.EXPECTATION)


async def test_the_ci_quota_runs_out_under_the_demos_traffic(demo: Demo) -> None:
    drain = sum(habit.rate for habit in HABITS if habit.integration == "github-ci")
    checks = sum(check.cost for check in demo.framework.checks("github-ci")) / 5
    seconds = configuration.CI_LIMIT / (drain + checks)

    assert 60 < seconds < configuration.CI_WINDOW


def test_the_rate_stays_between_5_and_20_calls_a_second() -> None:
    total = sum(habit.rate for habit in HABITS)
    rates = [total * rate_factor(second) for second in range(int(DAY))]

    assert min(rates) >= 5
    assert max(rates) <= 20
    assert max(rates) > 1.5 * min(rates)


def test_several_callers_are_seen() -> None:
    assert {habit.caller for habit in HABITS} == {"billing-agent", "deploy-bot", "support-assistant"}


class RecordingFramework:
    """Remembers who called what; a call takes `seconds`."""

    def __init__(self, clock: LoopClock, *, seconds: float = 0.01) -> None:
        self.calls: list[tuple[float, str, str, str]] = []
        self._clock = clock
        self._seconds = seconds

    async def execute_integration(
        self, integration_id: str, action: str, params: Mapping[str, object], *, caller: str = ""
    ) -> Outcome:
        self.calls.append((self._clock.monotonic(), integration_id, action, caller))
        await anyio.sleep(self._seconds)
        return Outcome()


async def _calls(seed: int, *, seconds: float, each: float = 0.01) -> tuple[RecordingFramework, Traffic]:
    clock = LoopClock()
    framework = RecordingFramework(clock, seconds=each)
    traffic = Traffic(framework, clock=clock, habits=HABITS, seed=seed)
    with anyio.move_on_after(seconds):
        await traffic.run()
    return framework, traffic


async def test_the_same_seed_makes_the_same_calls() -> None:
    first, _ = await _calls(1, seconds=60)
    again, _ = await _calls(1, seconds=60)
    other, _ = await _calls(2, seconds=60)
    shortest = min(len(first.calls), len(again.calls), 300)

    assert shortest > 250
    assert [call[1:] for call in first.calls[:shortest]] == [call[1:] for call in again.calls[:shortest]]
    assert [call[1:] for call in first.calls[:shortest]] != [call[1:] for call in other.calls[:shortest]]


async def test_traffic_that_nobody_answers_does_not_pile_up() -> None:
    framework, traffic = await _calls(1, seconds=60, each=1_000)

    assert len(framework.calls) == traffic.made == 64
    assert traffic.dropped > 100


def test_something_fails_within_20_seconds_and_recovers_within_a_minute() -> None:
    troubles = [
        window
        for window in fault_schedule(1).until(60)
        if window.end < 1e6 and window.what.kind is not FaultKind.ANNOUNCEMENT
    ]

    assert troubles[0].start < 20
    assert troubles[0].end < 60
    assert 30 <= troubles[0].end - troubles[0].start <= 50


async def test_each_scheduled_fault_is_for_somebody_who_is_there(demo: Demo) -> None:
    overview = demo.simulator.overview()

    for window in fault_schedule(1).until(600):
        fault = window.what
        if fault.vendor:
            entry = overview[fault.vendor]
            assert isinstance(entry, dict)
            assert fault.account in {"", *entry["accounts"]}


async def test_the_objectives_can_be_met_with_all_that_is_to_fail(demo: Demo) -> None:
    for objective in demo.settings.alerts.slos:
        matchers = [*map(parse_matcher, objective.matchers)]
        covered = [one for one in demo.settings.integrations if all_match(matchers, _labels(one))]
        failing = sum(map(_share_failing, covered)) / len(covered)

        assert failing < (100 - objective.objective) / 100, objective.name


def _labels(connection: Connection) -> dict[str, str]:
    return {"vendor": connection.vendor, "tier": connection.labels.tier}


def _share_failing(connection: Connection) -> float:
    """How much of an hour's requests of an integration are to fail; of payments-cert each check does."""
    if connection.id == "payments-cert":
        return 1.0
    struck = [
        window
        for window in fault_schedule(1).until(3_600)
        if window.what.kind not in {FaultKind.ANNOUNCEMENT, FaultKind.LATENCY}
        and window.what.vendor == connection.vendor
        and window.what.account in {"", connection.id.partition("-")[2], connection.id}
    ]
    return sum(one.what.share * (min(one.end, 3_600) - one.start) for one in struck) / 3_600


def test_the_certificate_is_valid_for_nine_days_and_signed_by_the_authority(tmp_path: Path) -> None:
    now = FakeClock().time()

    issued = certificates.issue(tmp_path, days=9, now=now)

    authority = x509.load_pem_x509_certificate(issued.authority.read_bytes())
    leaf = x509.load_pem_x509_certificate(issued.chain.read_bytes())
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    verifier = PolicyBuilder().store(Store([authority])).time(moment).max_chain_depth(1)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    chain = verifier.build_server_verifier(host).verify(leaf, [])
    assert chain == [leaf, authority]
    assert leaf.not_valid_after_utc - moment == dt.timedelta(days=9)


@pytest.mark.enable_socket
def test_a_port_that_is_taken_ends_the_demo_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = run_demo(listen=f"127.0.0.1:{port}", state_dir=tmp_path)

    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_made_ends_the_demo_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")

    assert run_demo(state_dir=tmp_path / "file" / "demo") == 1
    assert "give another --state-dir" in " ".join(capsys.readouterr().err.split())


async def test_the_banner_says_where_to_look_and_breaks_no_command(demo: Demo, tmp_path: Path) -> None:
    output = io.StringIO()

    banner.show(
        Console(file=output, width=60),
        settings=demo.settings,
        origins=configuration.Origins(
            "http://127.0.0.1:5", "https://127.0.0.1:6", tmp_path, "http://127.0.0.1:7"
        ),
        folder=str(tmp_path),
    )

    lines = [line.strip() for line in output.getvalue().splitlines()]
    assert any(line.startswith("Page") and line.endswith("http://127.0.0.1:4350") for line in lines)
    (fault,) = [line for line in lines if line.startswith("curl")]
    assert fault.endswith("http://127.0.0.1:5/_simulator/faults")
    assert (await _control(demo.simulator, shlex.split(fault)[2])).status_code == 201


async def _control(simulator: Simulator, body: str) -> httpx.Response:
    transport = httpx.ASGITransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://s") as client:
        return await client.post("/_simulator/faults", content=body)


async def test_alerts_go_to_the_demos_own_receiver(demo: Demo) -> None:
    [inbox] = demo.settings.alerts.receivers

    assert (inbox.name, inbox.url.reveal()) == ("inbox", "http://127.0.0.1:3/alerts")
    assert demo.settings.alerts.route is not None


async def test_the_receiver_takes_what_is_signed_and_shows_it() -> None:
    secret = new_secret()
    data = {
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "IntegrationDown"},
                "annotations": {"summary": "slack-prod (Slack) is down"},
            }
        ],
    }
    body = json.dumps({"type": "integration.failed", "data": data}).encode()
    now = dt.datetime.fromtimestamp(1_800_000_000, dt.UTC)
    signature = standardwebhooks.Webhook(secret).sign("m-1", now, body.decode())
    headers = {"webhook-id": "m-1", "webhook-timestamp": "1800000000", "webhook-signature": signature}
    transport = httpx.ASGITransport(Inbox(secret, clock=FakeClock()))
    async with httpx.AsyncClient(transport=transport, base_url="http://inbox") as client:
        empty = (await client.get("/")).text
        taken = await client.post("/alerts", content=body, headers=headers)
        forged = await client.post("/alerts", content=body + b" ", headers=headers)
        shown = (await client.get("/")).text

    assert "Nothing yet" in empty
    assert (taken.status_code, forged.status_code) == (200, 401)
    assert "integration.failed  m-1" in shown
    assert "firing    IntegrationDown: slack-prod (Slack) is down" in shown
