"""How commands end: the table in docs/cli.md, over every command there is."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.commands import exits

WHY = ("--reason", "because")
ASKING: Sequence[tuple[str, ...]] = (
    ("ack", "slack-prod", *WHY),
    ("alerts", "team=shop"),
    ("analytics", "export", "there"),
    ("analytics", "schema"),
    ("backtest", "--integration", "shop"),
    ("breaker", "reset", "shop", *WHY),
    ("call", "shop", "get"),
    ("check", "shop"),
    ("check", "shop", "--debug"),
    ("credentials",),
    ("credentials", "refresh", "shop"),
    ("deliveries", "dead"),
    ("deliveries", "list"),
    ("deliveries", "replay", "m1", *WHY),
    ("deliveries", "show", "m1"),
    ("explain", "shop"),
    ("exporters",),
    ("exporters", "preview", "otlp"),
    ("exporters", "test", "otlp"),
    ("fault", "shop", "--cut", "before", "--for", "1m", *WHY),
    ("fault", "--stop", "shop"),
    ("fault", "--list"),
    ("heartbeats",),
    ("heartbeats", "rotate", "nightly", *WHY),
    ("heartbeats", "url", "nightly"),
    ("incidents",),
    ("incidents", "link", "i1", "https://wiki.example"),
    ("incidents", "note", "i1", "text"),
    ("incidents", "resolve", "i1", *WHY),
    ("incidents", "show", "i1"),
    ("maintenance",),
    ("pause", "shop", *WHY),
    ("query",),
    ("query", "performance"),
    ("query", "SELECT 1"),
    ("query", "performance", "--format", "csv"),
    ("query", "--running"),
    ("query", "--cancel", "q1"),
    ("receivers",),
    ("receivers", "enable", "pager", *WHY),
    ("receivers", "test", "pager"),
    ("report",),
    ("report", "--output", "report.html"),
    ("resume", "shop", *WHY),
    ("routes", "test", "team=shop"),
    ("silence", "add", "team=shop", "--for", "1h", *WHY),
    ("silence", "expire", "s1", *WHY),
    ("silence", "list"),
    ("silence", "preview", "team=shop"),
    ("slos",),
    ("status",),
    ("status", "shop"),
    ("trace", "shop", "get"),
    ("unack", "slack-prod", *WHY),
    ("watch", "shop"),
    ("webhooks", "dead", "shop"),
    ("webhooks", "list"),
    ("webhooks", "replay", "shop", "1", *WHY),
    ("webhooks", "show", "shop", "1"),
    ("webhooks", "url", "shop"),
)
WRONG: Sequence[tuple[str, ...]] = (
    ("check-config", "none.yaml"),
    ("check-config", "none.yaml", "--json"),
    ("dashboards", "check", "https://grafana.example", "--token-file", "none"),
    ("dashboards", "export", "taken"),
    ("dashboards", "push", "https://grafana.example", "--token-file", "none"),
    ("demo", "--listen", "nowhere"),
    ("import", "blackbox", "none.yaml"),
    ("import", "gatus", "none.yaml"),
    ("import", "uptime-kuma", "none.json"),
    ("new", "integration", "No-Id"),
    ("new", "integration", "acme", "--operation", "get"),
    ("new", "integration", "acme", "--from-openapi", "taken/overview.json"),
    ("serve", "--config", "none.yaml"),
    ("token", "--scope", "everything"),
    ("vendors", "githb"),
    ("verify", "githb"),
)
IN_CONFIGURATION = {"reload"}
NOTHING_TO_TYPE = {"version"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "overview.json").write_text("{}")


def answered(arguments: Sequence[str], status: int, **problem: object) -> Result:
    """Run a command against a server that answers everything with one problem."""
    body = {"type": "urn:dialtone:problem:some", "title": "No", "status": status, "detail": "No."} | problem

    def client(url: str) -> httpx.Client:
        answer = httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})
        return httpx.Client(transport=httpx.MockTransport(lambda _: answer), base_url=url)

    return CliRunner().invoke(main, arguments, obj=client)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    if command.invoke_without_command:
        yield path
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


def test_every_command_is_tried_here() -> None:
    tried = {arguments[:length] for arguments in (*ASKING, *WRONG) for length in (1, 2)}

    assert [
        " ".join(path) for path in leaves(main)
        if path not in tried and not {*path} & (NOTHING_TO_TYPE | IN_CONFIGURATION)
    ] == []  # fmt: skip


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_what_was_typed_wrongly_ends_with_2_and_what_cannot_be_done_now_with_1(
    arguments: tuple[str, ...],
) -> None:
    codes = {status: answered(arguments, status).exit_code for status in (400, 401, 403, 404, 409, 422, 503)}

    assert codes == {
        400: exits.USAGE, 404: exits.USAGE, 422: exits.USAGE,
        401: exits.NOT_ALLOWED, 403: exits.NOT_ALLOWED,
        409: exits.FAILED, 503: exits.FAILED,
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [one for one in ASKING if one != ("query",)], ids=" ".join)
def test_without_a_server_every_command_ends_with_3(arguments: tuple[str, ...]) -> None:
    def client(url: str) -> httpx.Client:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        return httpx.Client(transport=httpx.MockTransport(refuse), base_url=url)

    assert CliRunner().invoke(main, arguments, obj=client).exit_code == exits.NO_SERVER


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_wrong_without_a_server_ends_with_2_and_is_said(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == exits.USAGE
    assert result.output
    assert not isinstance(result.exception, ValueError | OSError)


@pytest.mark.parametrize("arguments", [("call", "shop", "get"), ("trace", "shop", "get")], ids=" ".join)
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_call_that_the_vendor_did_not_find_is_no_wrong_usage(
    arguments: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    outcome = {"kind": "not_found", "call_id": "c1", "integration": "shop", "action": "get"}

    result = answered((*arguments, *as_json), 404, outcome=outcome)

    assert result.exit_code == exits.FAILED


def test_a_file_of_the_servers_own_with_problems_is_an_outcome() -> None:
    problem = "urn:dialtone:problem:invalid-configuration"

    assert answered(("reload",), 422, type=problem).exit_code == exits.FAILED
    assert answered(("reload",), 422).exit_code == exits.USAGE


NOT_TAKEN = {
    ("credentials", "refresh", "shop"): {"ok": False, "detail": "no", "credentials": []},
    ("exporters", "test", "otlp"): {
        "exporter": "otlp", "url": "https://otlp.example", "route": "direct", "status": 403, "action": "drop",
        "reason": "no", "body": "", "advice": "",
    },
    ("receivers", "test", "pager"): {
        "receiver": "pager", "message": "m1", "ok": False, "kind": None, "detail": "no", "duration": 0.1,
        "exchanges": [],
    },
    ("routes", "test", "team=shop"): {"ends": [], "steps": []},
}  # fmt: skip


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["", "--json"])
@pytest.mark.parametrize(("arguments", "told"), NOT_TAKEN.items(), ids=map(" ".join, NOT_TAKEN))
def test_an_answer_that_tells_of_a_failure_ends_with_1_for_programs_too(
    arguments: tuple[str, ...], told: dict[str, object], as_json: tuple[str, ...]
) -> None:
    def client(url: str) -> httpx.Client:
        answer = httpx.Response(200, json=told)
        return httpx.Client(transport=httpx.MockTransport(lambda _: answer), base_url=url)

    result = CliRunner().invoke(main, (*arguments, *as_json), obj=client)

    assert result.exit_code == exits.FAILED
    assert not as_json or json.loads(result.stdout) == told
