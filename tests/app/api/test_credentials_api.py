"""Credentials over HTTP and at the command line: how they stand, and renewing one."""

import dataclasses
import json
from collections.abc import Iterable

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from app.storage.errors import StorageUnavailableError
from app.web.words import span
from integrations.clock import SystemClock
from integrations.credentials.state import CredentialState
from integrations.execution.outcome import FailureKind, Outcome
from integrations.signals import OperatorAction
from tests.fakes.parts import FakeDialtone

TOKEN = CredentialState(
    integration="slack-prod",
    vendor="slack",
    auth="app",
    kind="oauth2",
    credential="access_token",
    state="ok",
    renews=True,
    expires_at=SystemClock.time() + 9_000.0,
    refreshed_at=SystemClock.time() - 5_400.0,
    granted=("chat:write",),
    missing={"users.list": ("users:read",)},
)
KEY = CredentialState(
    integration="slack-prod", vendor="slack", auth="app", kind="oauth2", credential="key", state="expired",
    expires_at=SystemClock.time() - 3.5 * 86_400,
)  # fmt: skip


class Desk:
    """Two credentials of one integration; `outcome` is what a renewal gives."""

    def __init__(self) -> None:
        self.renewed: list[str] = []
        self.outcome = Outcome()

    def states(self, _now: float, /) -> Iterable[CredentialState]:
        return (TOKEN, KEY)

    def states_of(self, integration_id: str, _now: float, /) -> Iterable[CredentialState]:
        return [one for one in (TOKEN, KEY) if one.integration == integration_id]

    async def renew(self, integration_id: str, /) -> Outcome:
        self.renewed.append(integration_id)
        return self.outcome


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def client(dialtone: FakeDialtone, desk: Desk) -> httpx.Client:
    app = create_app(dataclasses.replace(dialtone.parts(), credentials=desk))
    return TestClient(app, base_url="http://127.0.0.1:4350", raise_server_exceptions=False)


def run(dialtone: FakeDialtone, desk: Desk, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=lambda _: client(dialtone, desk), catch_exceptions=False)


def test_all_credentials_are_listed(dialtone: FakeDialtone, desk: Desk) -> None:
    found = client(dialtone, desk).get("/v2/credentials").json()["credentials"]

    assert [(one["credential"], one["state"], one["renews"]) for one in found] == [
        ("access_token", "ok", True),
        ("key", "expired", False),
    ]
    assert found[0]["missing"] == {"users.list": ["users:read"]}


def test_a_renewal_is_recorded_done_and_published(dialtone: FakeDialtone, desk: Desk) -> None:
    path = "/v2/integrations/slack-prod/credential/refresh"

    answer = client(dialtone, desk).post(path, json={"reason": "rotated"})

    assert (answer.status_code, answer.json()["ok"], desk.renewed) == (200, True, ["slack-prod"])
    assert [(one.action, one.reason) for one in dialtone.recorded] == [("refresh_credential", "rotated")]
    assert dialtone.published.of(OperatorAction) == dialtone.recorded


def test_nothing_is_renewed_that_cannot_be_recorded(dialtone: FakeDialtone, desk: Desk) -> None:
    dialtone.fail_with = StorageUnavailableError("the disk is full")

    answer = client(dialtone, desk).post(
        "/v2/integrations/slack-prod/credential/refresh", json={"reason": "rotated"}
    )

    assert (answer.status_code, desk.renewed) == (503, [])


def test_an_unknown_integration_has_no_credential(dialtone: FakeDialtone, desk: Desk) -> None:
    answer = client(dialtone, desk).post(
        "/v2/integrations/slak-prod/credential/refresh", json={"reason": "x"}
    )

    assert (answer.status_code, desk.renewed) == (404, [])
    assert "slack-prod" in answer.json()["detail"]


def test_the_command_shows_when_what_ends(dialtone: FakeDialtone, desk: Desk) -> None:
    result = run(dialtone, desk, "credentials")

    first, second = result.stdout.splitlines()[1:]
    assert result.exit_code == 0
    assert [
        word in first for word in ("access_token", f"in {span(7_200)}", f"{span(3_600)} ago", "users:read")
    ] == [True] * 4
    assert [word in second for word in ("key", "expired", f"{span(3 * 86_400)} ago")] == [True] * 3


def test_the_command_renews(dialtone: FakeDialtone, desk: Desk) -> None:
    result = run(dialtone, desk, "credentials", "refresh", "slack-prod", "--json")

    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (0, True)
    assert desk.renewed == ["slack-prod"]


def test_the_command_fails_with_what_to_do_when_there_is_no_token(dialtone: FakeDialtone, desk: Desk) -> None:
    desk.outcome = Outcome(kind=FailureKind.UNAUTHORIZED, detail="no access token: invalid_client")

    result = run(dialtone, desk, "credentials", "refresh", "slack-prod")

    assert result.exit_code == 1
    assert "no access token: invalid_client" in result.stderr
