"""`dialtone fault`, and how status tells what is injected."""

import json

import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from tests.fakes.parts import FakeDialtone

WHY = ("--for", "15m", "--reason", "game day")


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


@pytest.fixture
def run(dialtone):
    app = create_app(dialtone.parts())

    def invoke(*args):
        def client(_):
            return TestClient(app, base_url="http://127.0.0.1:4350", raise_server_exceptions=False)

        return CliRunner().invoke(main, args, obj=client)

    return invoke


def test_several_integrations_are_struck_at_once(run, dialtone):
    ran = run("fault", "slack-prod", "github-ci", "--latency", "2", "--jitter", "0.5", "--share", "0.3", *WHY)

    fault = dialtone.faults.current("github-ci")
    assert ran.exit_code == 0, ran.output
    assert "slack-prod  latency 2.00\N{NO-BREAK SPACE}s ± 0.50" not in ran.output
    assert ran.output.count("latency 2.00\N{NO-BREAK SPACE}s") == 2
    assert (fault.reason, fault.expires_at - fault.since) == ("game day", 900)
    (latency,) = fault.faults
    assert (latency.seconds, latency.jitter, latency.share) == (2.0, 0.5, 0.3)
    assert sorted(dialtone.faults.standing()) == ["github-ci", "slack-prod"]


def test_all_kinds_and_aims_can_be_said(run, dialtone):
    options = ("--error", "502", "--throttle", "30s", "--cut", "after", "-c", "read", "-a", "issues.list")

    ran = run("fault", "slack-prod", *options, "--target", "calls", *WHY)

    faults = dialtone.faults.current("slack-prod").faults
    assert ran.exit_code == 0, ran.output
    assert [one.kind for one in faults] == ["error", "throttle", "cut"]
    assert (faults[0].status, faults[1].retry_after, faults[2].when) == (502, 30, "after")
    assert {(one.target, one.capabilities, one.actions) for one in faults} == {
        ("calls", ("read",), ("issues.list",))
    }


def test_one_that_is_refused_keeps_no_other_from_being_struck_and_fails_the_command(run, dialtone):
    ran = run("fault", "nobody", "slack-prod", "--error", "503", *WHY)

    assert ran.exit_code == 2
    assert "nobody" in ran.stderr
    assert list(dialtone.faults.standing()) == ["slack-prod"]


def test_faults_are_stopped_one_by_one_or_all(run, dialtone):
    run("fault", "slack-prod", "github-ci", "shop", "--cut", "before", *WHY)

    one = run("fault", "shop", "--stop", "--reason", "enough")
    left = list(dialtone.faults.standing())
    everything = run("fault", "--stop", "--all")

    assert (one.exit_code, everything.exit_code) == (0, 0)
    assert left == ["github-ci", "slack-prod"]
    assert dialtone.faults.standing() == {}
    assert everything.output.count("nothing is injected") == 2
    assert [action.action for action in dialtone.recorded].count("fault_ended") == 3


@pytest.mark.parametrize(("as_json", "printed"), [((), ""), (("--json",), "[]\n")])
def test_stopping_all_where_there_are_none_is_no_failure(run, as_json, printed):
    ran = run("fault", "--stop", "--all", *as_json)

    assert (ran.exit_code, ran.stdout) == (0, printed)


def test_the_list_tells_who_why_and_until_when(run):
    before = run("fault", "--list")
    run("fault", "slack-prod", "--error", "503", *WHY)
    after = run("fault", "--list")
    as_json = json.loads(run("fault", "--list", "--json").output)

    assert before.output.strip() == "Nothing is injected."
    assert all(
        word in after.output for word in ("slack-prod", "status 503 on all requests", "local", "game day")
    )
    assert [one["integration"] for one in as_json["faults"]] == ["slack-prod"]


def test_the_list_says_when_the_configuration_allows_none(run, dialtone):
    dialtone.allows_faults = False

    assert "faults.allowed" in run("fault", "--list").output


def test_json_is_one_document_with_every_answer(run):
    ran = run("fault", "slack-prod", "nobody", "--error", "503", "--json", *WHY)

    good, bad = json.loads(ran.stdout)
    assert ran.exit_code == 2
    assert good["fault"]["actor"] == "local"
    assert bad["type"] == "urn:dialtone:problem:unknown-integration"


def test_a_forbidden_fault_ends_with_4_and_says_what_to_do(run, dialtone):
    dialtone.allows_faults = False

    ran = run("fault", "slack-prod", "--error", "503", *WHY)

    assert ran.exit_code == 4
    assert "faults: {allowed: true}" in ran.stderr


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ((), "at least one integration"),
        (("slack-prod", *WHY), "say what goes wrong"),
        (("slack-prod", "--error", "503", "--reason", "x"), "are required"),
        (("slack-prod", "--error", "503", "--for", "5m"), "are required"),
        (("slack-prod", "--error", "503", "--jitter", "1", *WHY), "--jitter goes with --latency"),
        (("slack-prod", "--error", "404", *WHY), "--error"),
        (("slack-prod", "--error", "503", "--share", "0", *WHY), "--share"),
        (("--all", "--error", "503", *WHY), "--all goes with --stop"),
        (("--stop", "--all", "slack-prod"), "--all goes with --stop"),
        (("--stop", "--list"), "do not go together"),
        (("--list", "slack-prod"), "shows one"),
    ],
)
def test_wrong_use_is_told_and_does_nothing(run, dialtone, args, why):
    ran = run("fault", *args)

    assert ran.exit_code == 2
    assert why in ran.output
    assert not dialtone.recorded


@pytest.mark.parametrize("args", [("status",), ("status", "slack-prod"), ("check", "slack-prod")])
def test_status_and_check_mark_what_is_injected(run, args):
    before = run(*args)
    run("fault", "slack-prod", "--cut", "before", *WHY)
    after = run(*args)

    assert "FAULT INJECTED" not in before.output
    assert (
        "! FAULT INJECTED: connection cut before sending on all requests, injected by local: game day"
        in after.output
    )
