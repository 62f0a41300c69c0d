"""`dialtone reload`: what it shows and what it ends with."""

import hashlib
import json

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from app.configuration.difference import ChangedIntegration, Difference, ReloadError
from app.settings import SettingsError
from integrations.manifest.source import Problem
from tests.fakes.parts import FakeDialtone, Token

CHANGES = Difference(
    added=("new",),
    changed=(ChangedIntegration(id="hub", keys=("policy.timeout", "secrets.token")),),
    removed=("old",),
    unchanged=7,
    settings=("log.level",),
    needs_restart=("listen",),
)
PROBLEMS = [
    Problem(file="/etc/d.yaml", line=7, key="listen", found="4350", expected="text"),
    Problem(file="/etc/d.yaml", line=9, key="", found="a list", expected="a mapping"),
]


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def run(dialtone: FakeDialtone, *arguments: str, tokens: tuple[Token, ...] = ()) -> Result:
    app = create_app(dialtone.parts(tokens=tokens))

    def client(url: str) -> httpx.Client:
        return TestClient(app, base_url=url, raise_server_exceptions=False)

    return CliRunner().invoke(main, ["reload", *arguments], obj=client, catch_exceptions=False)


def test_it_shows_what_has_changed_by_key(dialtone):
    dialtone.difference = CHANGES
    result = run(dialtone)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "+ new",
        "~ hub  policy.timeout, secrets.token",
        "- old",
        "~ log.level",
        "! listen  needs a restart",
        "/etc/dialtone.yaml: 1 added, 1 changed, 1 removed, 7 integrations unchanged",
    ]


def test_a_dry_run_says_that_nothing_was_applied(dialtone):
    result = run(dialtone, "--dry-run")
    assert result.stdout.endswith("(nothing applied)\n")
    assert dialtone.reloads == [("local", True)]


def test_with_json_it_prints_the_answer_as_it_is(dialtone):
    assert json.loads(run(dialtone, "--json").stdout)["applied"] is True


def test_an_invalid_file_ends_with_1_and_every_problem_with_its_place(dialtone):
    dialtone.reload_error = SettingsError(PROBLEMS)
    result = run(dialtone)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Error: The file has 2 problems; nothing has changed, what ran before still runs.",
        "  /etc/d.yaml:7: listen: found 4350, expected text",
        "  /etc/d.yaml:9: found a list, expected a mapping",
    ]


def test_a_reload_that_fails_ends_with_1(dialtone):
    dialtone.reload_error = ReloadError("the reload did not end within 60 s")
    assert run(dialtone).exit_code == 1


def test_without_the_scope_it_ends_with_4(dialtone):
    token = Token(name="a", sha256=hashlib.sha256(b"a").hexdigest(), scopes=("operate",))
    assert run(dialtone, tokens=(token,)).exit_code == 4


def test_without_a_server_it_ends_with_3():
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    def client(url: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(refuse), base_url=url)

    assert CliRunner().invoke(main, ["reload"], obj=client).exit_code == 3
