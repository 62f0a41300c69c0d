"""`dialtone backtest`."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient
from msgspec import structs

from app.asgi import create_app
from app.cli import main
from app.commands.following_backtest import progress_of
from app.commands.server import Server
from app.commands.session import Session
from app.parts import Parts
from app.web.words import NOTHING, span
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_settings import SLOSettings
from tests.app.cli.test_commands import run
from tests.fakes.backtests import FakeBacktests
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone


class Dialtone(FakeDialtone):
    """With backtests."""

    def __init__(self) -> None:
        super().__init__()
        self.backtests = FakeBacktests()

    def parts(self, **given: object) -> Parts:
        return replace(super().parts(**given), backtests=self.backtests)


@pytest.fixture
def dialtone() -> Dialtone:
    return Dialtone()


def test_it_shows_both_policies_side_by_side_with_a_picture(dialtone):
    result = run(
        dialtone, "backtest", "-i", "slack-prod", "--set", "breaker.failure_ratio=0.3", "--since", "7d"
    )
    (order,) = dialtone.backtests.orders
    assert result.exit_code == 0
    assert order.proposed.breaker.failure_ratio == 0.3
    assert order.end - order.start == 7 * 86_400
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "breaker.failure_ratio: 0.5 → 0.3" in lines
    assert "failed 6 3" in lines
    assert "would have succeeded 0 2 refused for nothing" in lines
    assert "would have failed 0 3 failures avoided" in lines
    assert "today failed ▄" in lines
    assert "today breaker ··" in lines
    assert "proposed failed ▂" in lines
    assert "proposed refused ▃" in lines
    assert "proposed breaker ·█" in lines
    opening = f"read open for {' '.join(span(90).split())}: <b>7 of 14</b> calls failed"
    assert any(line.endswith(opening) for line in lines)
    assert any("gives back 4 of 4 recorded changes" in line for line in lines)


@pytest.mark.parametrize(
    "text",
    ["policy:\n  timeout: 5\n  breaker: {window: 30}\n", "timeout: 5\nbreaker:\n  window: 30\n"],
    ids=["as in the configuration", "the keys alone"],
)
def test_a_file_holds_a_policy(dialtone, tmp_path: Path, text: str):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    run(dialtone, "backtest", "--policy", str(file), "--set", "timeout=6")
    order = dialtone.backtests.orders[0]
    assert (order.proposed.timeout, order.proposed.breaker.window) == (6, 30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a list", "holds no keys, such as"),
        ("policy: {timeout: 5}\nretry: {attempts: 1}", "it holds retry; put keys"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_none_is_wrong_usage(dialtone, tmp_path: Path, text: str, words: str):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    result = run(dialtone, "backtest", "--policy", str(file))
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_key_without_a_value_is_wrong_usage(dialtone):
    result = run(dialtone, "backtest", "--set", "timeout")
    assert result.exit_code == 2
    assert "write KEY=VALUE" in result.stderr


def test_a_key_that_is_none_ends_with_2_and_names_it(dialtone):
    result = run(dialtone, "backtest", "--set", "breaker.windw=3")
    assert result.exit_code == 2
    assert "there is no 'windw' here; did you mean window?" in " ".join(result.stderr.split())


def test_it_writes_a_page(dialtone, tmp_path: Path):
    page = tmp_path / "page.html"
    result = run(dialtone, "backtest", "-i", "slack-prod", "--html", str(page))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "<h2>slack-prod</h2>" in page.read_text()


def test_with_json_it_prints_the_answer(dialtone):
    found = json.loads(run(dialtone, "backtest", "-i", "slack-prod", "--json").stdout)
    assert found["backtests"][0]["proposed"]["openings"] == 1


def test_alerting_stands_beside_the_calls(dialtone):
    result = run(dialtone, "backtest", "-i", "slack-prod", "--set", "check.fail_after=9")
    (order,) = dialtone.backtests.orders
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert order.alerts.proposed.check.fail_after == 9
    assert order.proposed == order.today
    for line in (
        "check.fail_after: 3 → 9",
        "incidents 1 0",
        f"opened after 30 s {NOTHING} median from the first failure on",
        f"somebody told after 40 s {NOTHING} median from the first failure on",
        "alerts raised 1 0",
        "to pager 2 0",
        "incidents not noticed 1 of today's, any more",
        "today incident ·█",
        "today told ·▲",
        "proposed incident ··",
        "Today's rules give back 2 of 2 recorded openings and ends of incidents.",
        "Checks were taken as they were.",
    ):
        assert line in lines, line
    assert any("not noticed any more: down for" in line for line in lines)


def test_a_file_may_hold_all_parts(dialtone, tmp_path: Path):
    file = tmp_path / "proposed.yaml"
    file.write_text("policy: {timeout: 5}\ncheck: {fail_after: 4}\nalerts: {group_wait: 7}\n")
    run(dialtone, "backtest", "--policy", str(file), "--set", "alerts.rules.IntegrationDown.for=60")
    order = dialtone.backtests.orders[0]
    assert order.proposed.timeout == 5
    assert (order.alerts.proposed.check.fail_after, order.alerts.proposed.alerts.group_wait) == (4, 7)
    assert {rule.wait for rule in order.alerts.proposed.alerts.rules} == {60}


def test_a_part_that_is_none_is_wrong_usage_and_names_the_nearest(dialtone):
    result = run(dialtone, "backtest", "--set", "alrts.group_wait=3")
    assert result.exit_code == 2
    assert "there is no 'alrts' here; did you mean alerts?" in " ".join(result.stderr.split())


class Watching(Dialtone):
    """With an objective and a heartbeat."""

    def __init__(self) -> None:
        super().__init__()
        slos = (SLOSettings(name="chat", objective=99.9),)
        jobs = (HeartbeatSettings(id="backup", period=3_600),)
        used = structs.replace(self.alerting.settings, slos=slos, heartbeats=jobs)
        self.alerting = FakeAlerting(self.clock, log=self, settings=used)


def test_objectives_and_heartbeats_stand_by_themselves():
    dialtone = Watching()
    result = run(
        dialtone, "backtest", "--set", "alerts.slos.chat.objective=99", "--heartbeat", "*", "--since", "30d"
    )
    (order,) = dialtone.backtests.watch_orders
    assert dialtone.backtests.orders == []
    assert order.proposed.slos[0].objective == 99
    assert order.end - order.start == 30 * 86_400
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "alerts.slos.chat.objective: 99.9 → 99.0",
        "good requests 990 990",
        "budget left at the end -100 % 50 %",
        "alerts raised 1 0",
        "fired for 10 min 0 s in sum",
        f"raised after 240 s {NOTHING} median from the first bad request on",
        "messages 2 0",
        "1,000 requests replayed.",
        "Today's rules give back 2 of 2 recorded changes of its alert.",
        "1 report replayed.",
        "Today's rules give back 2 of 2 recorded openings and ends of incidents.",
    ):
        assert line in lines, line
    strips = [line for line in lines if line.startswith("today alert")]
    assert [strip.count("█") for strip in strips] == [1]


class GivingUp(TestClient[Litestar]):
    """Somebody presses Ctrl-C while the server replays."""

    asked: list[tuple[str, str]]

    def request(self, method: str, url: object, **options: object) -> httpx.Response:  # type: ignore[override] # all of them
        self.asked.append((method, str(url)))
        if method == "DELETE":
            return httpx.Response(204)
        assert isinstance(options["content"], bytes)
        self.asked.append(("id", json.loads(options["content"])["id"]))
        raise KeyboardInterrupt


def test_whoever_gives_up_ends_the_work_on_the_server(dialtone):
    asked: list[tuple[str, str]] = []

    def client(url: str) -> httpx.Client:
        giving_up = GivingUp(create_app(dialtone.parts()), base_url=url)
        giving_up.asked = asked
        return giving_up

    result = CliRunner().invoke(main, ("backtest", "-i", "slack-prod"), obj=client)
    assert result.exit_code == 1
    (_, (_, name), (method, url)) = asked
    assert (method, url) == ("DELETE", f"/v2/analytics/running/{name}")


def test_how_far_it_is_is_told_in_words(dialtone):
    queries = [
        {"id": "other", "query": "performance"},
        {"id": "mine", "query": "backtest slack-prod", "progress": 0.374},
    ]

    def client(url: str) -> httpx.Client:
        answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"queries": queries}))
        return httpx.Client(base_url=url, transport=answer)

    session = Session(Server("http://127.0.0.1:4350", client=client))
    assert progress_of(session, "mine") == "Replaying slack-prod: 37%"
    assert progress_of(session, "other") == progress_of(session, "gone") == ""


def test_a_page_that_cannot_be_written_ends_with_1_and_says_why(dialtone, tmp_path: Path):
    result = run(dialtone, "backtest", "--html", str(tmp_path / "no" / "such.html"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in " ".join(result.stderr.split())
