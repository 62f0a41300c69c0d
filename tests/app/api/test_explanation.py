"""/v2/integrations/{id}/explanation, the command that shows it, and the page."""

import json

import httpx
import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from tests.fakes.parts import FakeDialtone

SLACK = "/v2/integrations/slack-prod/explanation"


@pytest.fixture
def shown(dialtone: FakeDialtone) -> list[str]:
    def client(url: str) -> httpx.Client:
        return TestClient(create_app(dialtone.parts()), base_url=url, raise_server_exceptions=False)

    result = CliRunner().invoke(main, ["explain", "slack-prod"], obj=client, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.replace("\N{NO-BREAK SPACE}", " ").splitlines()


def test_an_explanation_has_verdict_evidence_changes_and_decisions(client: TestClient[Litestar]) -> None:
    body = client.get(SLACK).json()
    assert body["health"]["state"] == "down"
    assert body["deciding"] == body["capabilities"][0]["health"]["capability"]
    assert body["capabilities"][0]["evidence"][0]["weight"] == 1.0
    assert body["changes"][0]["after"] == "down"
    assert (body["decisions"][0]["receiver"], body["decisions"][0]["verdict"]) == ("pager", "sent")


def test_what_is_well_was_told_to_nobody(client: TestClient[Litestar]) -> None:
    body = client.get("/v2/integrations/github-prod/explanation").json()
    assert body["decisions"] == []
    assert body["capabilities"][0]["confirming"] == {"state": "down", "count": 2, "wanted": 3}


def test_an_unknown_integration_is_named_with_the_nearest(client: TestClient[Litestar]) -> None:
    answer = client.get("/v2/integrations/slack-prd/explanation")
    assert (answer.status_code, "slack-prod" in answer.json()["detail"]) == (404, True)


def test_the_command_shows_evidence_with_age_and_weight_and_who_was_told(shown: list[str]) -> None:
    (check,) = [line for line in shown if line.startswith("  check") and "12 s" in line][:1]
    assert "1.00" in check
    assert any(
        "5 failures in a row make it down; 2.0 % of its checks fail by chance." in line for line in shown
    )
    assert any("pager: sent, because the group is new" in line for line in shown)


def test_the_command_gives_programs_the_answer_as_it_is(dialtone: FakeDialtone) -> None:
    app = create_app(dialtone.parts())
    result = CliRunner().invoke(
        main, ["explain", "github-prod", "--json"], obj=lambda url: TestClient(app, base_url=url)
    )
    assert json.loads(result.stdout)["capabilities"][0]["phase"] == "soft"


def test_the_page_lists_the_evidence(client: TestClient[Litestar]) -> None:
    page = client.get("/integrations/github-prod").text
    assert "Quota core: 12 of 5000 left." in page
    assert "2 results in a row point to down, 3 confirm it." in page
