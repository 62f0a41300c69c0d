"""The command line against the application, in-process."""

import hashlib
import json

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from integrations.execution.outcome import Attempt, FailureKind, Outcome, Source
from tests.fakes.parts import FakeDialtone, Token, refused

TOKENS = tuple(
    Token(name=name, sha256=hashlib.sha256(name.encode()).hexdigest(), scopes=(name,))
    for name in ("read", "operate")
)


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def run(
    dialtone: FakeDialtone, *arguments: str, tokens: tuple[Token, ...] = (), **environment: str
) -> Result:
    """Run a command against the fake Dialtone."""
    app = create_app(dialtone.parts(tokens=tokens))

    def client(url: str) -> httpx.Client:
        return TestClient(app, base_url=url, raise_server_exceptions=False)

    return CliRunner().invoke(main, arguments, obj=client, env=environment, catch_exceptions=False)


def no_server(_: str) -> httpx.Client:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    return httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://127.0.0.1:4350")


def test_status_shows_all_with_the_worst_first(dialtone):
    result = run(dialtone, "status")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "slack-prod" in lines[1]
    assert "✗ Down" in lines[1]
    assert lines[-1] == "4 of 9 integrations need attention"


def test_status_of_one_shows_its_limits(dialtone):
    result = run(dialtone, "status", "slack-prod")
    assert "breaker read" in result.stdout
    assert "open, refusing calls" in result.stdout


def test_status_can_be_narrowed_to_states(dialtone):
    result = run(dialtone, "status", "--state", "down", "--state", "paused", "--json")
    assert [one["id"] for one in json.loads(result.stdout)["integrations"]] == ["shop", "slack-prod"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "slack-prod"),
        ("check", "slack-prod"),
        ("call", "slack-prod", "issues.list"),
        ("query",),
        ("query", "performance"),
        ("pause", "slack-prod", "-r", "x"),
        ("resume", "slack-prod", "-r", "x"),
        ("breaker", "reset", "slack-prod", "-r", "x"),
        ("vendors",),
        ("vendors", "github"),
        ("verify",),
        ("token",),
        ("version",),
    ],
    ids=" ".join,
)
def test_with_json_stdout_is_one_json_document(dialtone, arguments):
    assert isinstance(json.loads(run(dialtone, *arguments, "--json").stdout), dict)


def test_call_sends_texts_and_typed_values_and_prints_the_data(dialtone):
    result = run(
        dialtone, "call", "slack-prod", "issues.list", "repo=a/b=c", "limit:=5", "--json-params", '{"x": [1]}'
    )
    assert dialtone.calls[0]["params"] == {"x": [1], "repo": "a/b=c", "limit": 5}
    assert json.loads(result.stdout) == {"items": [{"id": 7, "title": "It works"}]}


def test_a_failed_call_ends_with_1_and_says_when_to_come_back(dialtone):
    dialtone.outcome = refused(FailureKind.THROTTLED, retry_after=30)
    result = run(dialtone, "call", "slack-prod", "issues.list")
    assert result.exit_code == 1
    assert "throttled, try again in 30 s" in result.stderr
    assert not result.stdout


def test_a_call_whose_answer_is_not_the_vendors_of_now_says_so(dialtone):
    struck = Attempt(start=0.0, duration=0.1, kind=FailureKind.SERVER_ERROR, status=503, injected=True)
    detail = "an answer of 9 s ago, because of server_error: the vendor answered 503"
    dialtone.outcome = Outcome(data={"n": 1}, attempts=(struck,), source=Source.STALE, age=9.0, detail=detail)
    result = run(dialtone, "call", "slack-prod", "issues.list")
    assert json.loads(result.stdout) == {"n": 1}
    assert f"1 attempt(s), fault injected, stale answer: {detail}" in result.stderr


def test_a_call_that_fails_by_an_injected_fault_says_so(dialtone):
    struck = Attempt(start=0.0, duration=0.1, kind=FailureKind.SERVER_ERROR, status=503, injected=True)
    dialtone.outcome = Outcome(kind=FailureKind.SERVER_ERROR, status=503, attempts=(struck,), detail="503")
    assert "(server_error, fault injected)" in run(dialtone, "call", "slack-prod", "issues.list").stderr


def test_a_failed_call_with_json_prints_the_problem_and_ends_with_1(dialtone):
    dialtone.outcome = refused(FailureKind.TIMEOUT)
    result = run(dialtone, "call", "slack-prod", "issues.list", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["outcome"]["kind"] == "timeout"


def test_operators_commands_reach_the_server_with_reason_and_expiry(dialtone):
    run(dialtone, "pause", "slack-prod", "--reason", "maintenance", "--for", "30m")
    run(dialtone, "breaker", "force-open", "slack-prod", "-c", "read", "-r", "broken", "--for", "1h")
    assert [(order[0], order[2], order[4]) for order in dialtone.orders] == [
        ("pause", None, "maintenance"),
        ("force_open", "read", "broken"),
    ]
    assert dialtone.recorded[0].expires_at == dialtone.clock.time() + 1800


def test_status_shows_breakers_that_are_not_closed_and_when_a_pause_ends(dialtone):
    run(dialtone, "breaker", "force-open", "github-prod", "-r", "duplicates")
    lines = run(dialtone, "status").stdout.splitlines()
    row = next(index for index, line in enumerate(lines) if " github-prod " in line)
    assert "! breaker read: forced open, refusing calls" in lines[row + 1]
    assert any("paused by oncall" in line and "(ends in" in line for line in lines)


def test_a_pause_is_confirmed_with_its_end(dialtone):
    assert "(ends in" in run(dialtone, "pause", "shop", "-r", "x", "--for", "50m").stdout


def test_query_prints_a_table_and_without_a_name_what_can_be_asked(dialtone):
    assert "github-prod" in run(dialtone, "query", "performance", "integration=x").stdout
    assert "Calls and latency over time" in run(dialtone, "query").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("status", "slack-prd"), "slack-prod", id="integration"),
        pytest.param(("call", "slack-prod", "issues.lst"), "issues.list", id="action"),
        pytest.param(("query", "perfomance"), "performance", id="query"),
        pytest.param(("query", "performance", "speed=9"), "speed", id="parameter"),
        pytest.param(("verify", "slak"), "slack", id="vendor"),
        pytest.param(("pause", "slack-prod", "-r", " "), "reason", id="blank reason"),
    ],
)
def test_what_is_wrong_ends_with_2_in_words_that_help(dialtone, arguments, words):
    result = run(dialtone, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("pause", "slack-prod"),
        ("pause", "slack-prod", "-r", "x", "--for", "soon"),
        ("call", "slack-prod", "issues.list", "novalue"),
        ("call", "slack-prod", "issues.list", "n:=[1"),
        ("call", "slack-prod", "issues.list", "--json-params", "[]"),
        ("breaker", "explode", "slack-prod", "-r", "x"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(dialtone, arguments):
    assert run(dialtone, *arguments).exit_code == 2
    assert not dialtone.calls
    assert not dialtone.orders


@pytest.mark.parametrize(
    "arguments", [("status",), ("query",), ("call", "a", "b"), ("pause", "a", "-r", "x")], ids=" ".join
)
def test_without_a_server_a_command_ends_with_3_and_says_what_to_type(arguments):
    result = CliRunner().invoke(main, arguments, obj=no_server)
    assert result.exit_code == 3
    assert "dialtone serve --config FILE" in result.stderr


def test_without_a_server_json_still_gets_one_json_document():
    result = CliRunner().invoke(main, ["status", "--json"], obj=no_server)
    assert result.exit_code == 3
    assert json.loads(result.stdout)["type"] == "urn:dialtone:problem:no-server"


def test_an_address_that_is_none_ends_with_3(dialtone):
    result = CliRunner().invoke(main, ["--url", "nonsense", "status"])
    assert result.exit_code == 3


def test_a_missing_or_weak_token_ends_with_4(dialtone):
    missing = run(dialtone, "status", tokens=TOKENS)
    weak = run(dialtone, "pause", "slack-prod", "-r", "x", tokens=TOKENS, DIALTONE_TOKEN="read")
    assert (missing.exit_code, weak.exit_code) == (4, 4)
    assert "DIALTONE_TOKEN" in missing.stderr
    assert "lacks the scope operate" in weak.stderr


@pytest.mark.parametrize(("token", "status"), [("", 401), ("ghost", 401), ("read", 403)])
def test_a_refused_token_with_json_prints_the_problem_and_ends_with_4(dialtone, token, status):
    result = run(dialtone, "pause", "slack-prod", "-r", "x", "--json", tokens=TOKENS, DIALTONE_TOKEN=token)
    assert result.exit_code == 4
    # The application runs in this process, and its log may share stdout.
    assert json.loads(result.stdout.splitlines()[-1])["status"] == status


def test_a_token_that_is_unknown_is_not_called_missing(dialtone):
    result = run(dialtone, "status", tokens=TOKENS, DIALTONE_TOKEN="ghost")
    assert "No known API token was sent" in result.stderr


def test_the_token_may_come_from_the_environment(dialtone):
    assert run(dialtone, "status", tokens=TOKENS, DIALTONE_TOKEN="read").exit_code == 0


def test_something_else_at_the_address_is_not_taken_for_dialtone():
    def other(_: str) -> httpx.Client:
        answer = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>nginx</html>"))
        return httpx.Client(transport=answer, base_url="http://x")

    result = CliRunner().invoke(main, ["status"], obj=other)
    assert result.exit_code == 1
    assert "is not Dialtone" in result.stderr


def test_vendors_names_them_all_and_one_with_its_actions_and_params(dialtone):
    everyone = run(dialtone, "vendors").stdout
    assert all(one in everyone for one in ("github", "http", "prometheus", "slack"))
    line = next(
        line for line in run(dialtone, "vendors", "github").stdout.splitlines() if "repos.get" in line
    )
    assert "owner*, repo*" in line


def test_a_vendor_that_is_misspelt_is_told_the_nearest(dialtone):
    result = run(dialtone, "vendors", "githb")
    assert result.exit_code == 2
    assert "did you mean github?" in result.stderr


def test_a_made_token_fits_the_hash_beside_it():
    made = json.loads(
        CliRunner().invoke(main, ["token", "--name", "ci", "--scope", "operate", "--json"]).stdout
    )
    assert hashlib.sha256(made["token"].encode()).hexdigest() == made["sha256"]
    assert (made["name"], made["scopes"]) == ("ci", ["operate"])


def test_only_the_token_is_on_the_first_line_of_stdout():
    first, second = CliRunner().invoke(main, ["token"]).stdout.splitlines()
    assert first.startswith("dt_")
    assert hashlib.sha256(first.encode()).hexdigest() in second


def test_help_names_the_exit_codes_and_every_command():
    text = CliRunner().invoke(main, ["--help"]).stdout
    assert "3 no server" in text
    for name in ("serve", "demo", "check-config", "status", "call", "check", "query", "pause", "verify"):
        assert name in text


def test_check_config_says_file_line_and_key_of_what_is_wrong(tmp_path):
    path = tmp_path / "dialtone.yaml"
    path.write_text("integrations:\n  - {id: shop, vendor: htp, config: {}}\n")
    result = CliRunner().invoke(main, ["check-config", str(path)])
    assert result.exit_code == 1
    assert f"{path}:2" in result.stderr.replace("\n", "")
    assert "http" in result.stderr


def test_check_config_praises_a_good_file(tmp_path):
    path = tmp_path / "dialtone.yaml"
    path.write_text(
        'integrations:\n  - {id: shop, vendor: http, config: {url: "https://shop.example/health"}}\n'
    )
    result = CliRunner().invoke(main, ["check-config", str(path)], catch_exceptions=False)
    assert "is good: 1 integration(s)" in result.stdout, result.stderr


def test_a_configuration_file_that_is_not_there_is_a_sentence(tmp_path):
    result = CliRunner().invoke(main, ["serve", "--config", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr
