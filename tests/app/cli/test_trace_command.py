"""`dialtone trace`, `check --debug`, priorities, and check-config for programs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind
from tests.app.cli.test_commands import run
from tests.fakes.parts import FakeDialtone, refused


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def test_trace_prints_one_line_a_decision_with_times_and_waits(dialtone):
    result = run(dialtone, "trace", "slack-prod", "issues.list", "repo=a/b")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert dialtone.calls[0]["params"] == {"repo": "a/b"}
    assert [line.index("ms  ") for line in lines] == [10] * 4
    assert "[waited 250 ms] request: bucket core" in lines[1]
    assert "page-2: status 200" in lines[2]


def test_trace_of_a_failed_call_prints_it_and_ends_with_1(dialtone):
    dialtone.outcome = refused(FailureKind.THROTTLED, retry_after=30)
    result = run(dialtone, "trace", "slack-prod", "issues.list")
    assert result.exit_code == 1
    assert "attempt 1 succeeded" in result.stdout
    assert "throttled, try again in 30 s" in result.stderr


def test_trace_with_json_prints_the_outcome_with_its_trace(dialtone):
    result = run(dialtone, "trace", "slack-prod", "issues.list", "--json")
    assert len(json.loads(result.stdout)["trace"]) == 4


def test_call_sends_the_priority(dialtone):
    run(dialtone, "call", "slack-prod", "issues.list", "--priority", "low", "--timeout", "5")
    assert (dialtone.calls[0]["priority"], dialtone.calls[0]["timeout"]) == (Priority.LOW, 5)


def test_a_priority_that_callers_may_not_choose_is_wrong_usage(dialtone):
    assert run(dialtone, "call", "slack-prod", "issues.list", "--priority", "page").exit_code == 2


def test_check_with_debug_shows_the_whole_check(dialtone):
    shown = run(dialtone, "check", "slack-prod", "--debug").stdout
    for words in (
        "> GET https://slack.example/api/auth.test?token=***",
        "> authorization: ***",
        "< HTTP/1.1 200",
        "dns 1.0 ms, connect 10.0 ms, tls 20.0 ms, first byte 100.0 ms, transfer 20.0 ms",
        "slack.example, issued by An Authority",
        "TLSv1.3",
        "chain of 3",
        "✗ ",
        "found false",
        "vendor_error by errors.rules[0], code fatal_error",
        "2 more results like this to confirm it",
    ):
        assert words in shown


def test_check_with_debug_and_json_prints_the_answer_as_it_is(dialtone):
    result = run(dialtone, "check", "slack-prod", "--debug", "--json")
    assert json.loads(result.stdout)["checks"][0]["missing"] == 2


def test_check_config_tells_programs_every_problem_with_its_place(tmp_path: Path):
    config = tmp_path / "wrong.yaml"
    config.write_text(
        "integrations:\n"
        '  - {id: a, vendor: http, config: {url: "https://x.example", expect: {statu: [200]}}}\n'
        "  - {id: b, vendor: githb}\n"
    )
    result = CliRunner().invoke(main, ["check-config", str(config), "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (1, False)
    first, second = told["problems"]
    assert (first["line"], first["key"]) == (2, "integrations[0].config.expect")
    assert "it may hold status, header, json, body" in first["expected"]
    assert "did you mean status?" in first["expected"]
    assert (second["line"], second["found"], second["nearest"]) == (3, "'githb'", "github")


def test_check_config_tells_programs_that_all_is_well(tmp_path: Path):
    config = tmp_path / "right.yaml"
    config.write_text('integrations: [{id: a, vendor: http, config: {url: "https://x.example"}}]\n')
    result = CliRunner().invoke(main, ["check-config", "--config", str(config), "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"], told["integrations"], told["problems"]) == (0, True, 1, [])


def test_a_missing_configuration_file_says_how_to_name_one(tmp_path: Path):
    result = CliRunner().invoke(main, ["check-config", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "--config" in result.stderr
    assert "dialtone.example.yaml" in result.stderr
