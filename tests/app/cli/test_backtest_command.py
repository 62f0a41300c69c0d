"""`dialtone backtest`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.parts import Parts
from app.web.words import span
from tests.app.cli.test_commands import run
from tests.fakes.backtests import FakeBacktests
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


def test_a_key_that_is_none_ends_with_1_and_names_it(dialtone):
    result = run(dialtone, "backtest", "--set", "breaker.windw=3")
    assert result.exit_code == 1
    assert "there is no 'windw' here; did you mean window?" in " ".join(result.stderr.split())


def test_it_writes_a_page(dialtone, tmp_path: Path):
    page = tmp_path / "page.html"
    result = run(dialtone, "backtest", "-i", "slack-prod", "--html", str(page))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "<h2>slack-prod</h2>" in page.read_text()


def test_with_json_it_prints_the_answer(dialtone):
    found = json.loads(run(dialtone, "backtest", "-i", "slack-prod", "--json").stdout)
    assert found["backtests"][0]["proposed"]["openings"] == 1
