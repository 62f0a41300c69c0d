"""`dialtone webhooks`: what it shows, and what it asks for."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.app.webhook_server import WebhookServer
from tests.integrations.webhooks.deliveries import SIGNING


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Result]:
    """Each command's result over a server to which one webhook has come."""
    server = WebhookServer(tmp_path)
    commands = {
        "list": ("list", "gh"),
        "json": ("list", "--json"),
        "show": ("show", "gh", "1"),
        "dead": ("dead",),
        "url": ("url", "gh"),
        "replay": ("replay", "gh", "1", "--reason", "mended"),
        "unreasoned": ("dead", "gh", "--replay"),
    }
    with server.client() as client:
        headers = {**SIGNING["github"].sign(b'{"n": 1}', ""), "x-github-event": "push"}
        client.post("/v2/webhooks/gh", content=b'{"n": 1}', headers={**headers, "x-github-delivery": "d1"})
        client.headers["authorization"] = "Bearer admin"

        def same(_: str) -> httpx.Client:
            # A command closes what it is given, and the application is to go on.
            through = httpx.MockTransport(client._transport.handle_request)
            return httpx.Client(transport=through, base_url=client.base_url, headers=client.headers)

        return {
            name: CliRunner().invoke(main, ["webhooks", *arguments], obj=same)
            for name, arguments in commands.items()
        }


def test_each_command_says_what_it_is_for(results: dict[str, Result]) -> None:
    assert "accepted" in results["list"].stdout
    assert "push" in results["list"].stdout
    assert json.loads(results["json"].stdout)["webhooks"][0]["webhook_id"] == "d1"
    assert '{"n": 1}' in results["show"].stdout
    assert "x-github-event: push" in results["show"].stdout
    assert "accepted" not in results["dead"].stdout
    assert results["url"].stdout.splitlines() == [
        "http://us.example/v2/webhooks/gh",
        "verified by hmac, with secrets.webhook_secret of the configuration",
    ]


def test_what_cannot_be_done_is_said(results: dict[str, Result]) -> None:
    assert results["replay"].exit_code == 1
    assert "Nobody handles the webhooks of gh" in results["replay"].output
    assert results["unreasoned"].exit_code == 2
    assert "--reason" in results["unreasoned"].output
