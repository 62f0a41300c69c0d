"""The real amtool against Dialtone: it lists alerts, makes, changes and ends silences, and reads routes."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.real.servers import dialtone_command, eventually, free_port, running

PROGRAM = shutil.which("amtool")

CONFIG = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
analytics: {{enabled: false}}
tokens:
  - {{name: amtool, sha256: {operate}, scopes: [operate]}}
  - {{name: reader, sha256: {read}, scopes: [read]}}
alerts:
  receivers:
    - {{name: pager, type: webhook, url: "http://127.0.0.1:{nothing}/", allow_networks: [127.0.0.0/8]}}
    - {{name: chat, type: webhook, url: "http://127.0.0.1:{nothing}/", allow_networks: [127.0.0.0/8]}}
  route:
    receiver: chat
    group_wait: 0.5
    routes:
      - {{receiver: pager, matchers: ['severity="critical"', 'team=~"shop|cart"'], group_by: ['...']}}
      - {{receiver: chat, matchers: ['team!=""'], continue: true, mute_time_intervals: [nights]}}
  inhibit_rules:
    - {{source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [vendor]}}
  time_intervals:
    - name: nights
      time_intervals:
        - times: [{{start_time: "22:00", end_time: "24:00"}}]
          weekdays: ["monday:friday"]
          days_of_month: ["1:5", "-3:-1"]
          months: ["december"]
          location: Europe/Paris
defaults: {{check: {{interval: 2, retry_interval: 1, adaptive: false}}}}
integrations:
  - {{id: shop, vendor: http, labels: {{tier: "1", team: shop}}, config: {{url: "http://127.0.0.1:{nothing}/"}}}}
"""


class Amtool(NamedTuple):
    """amtool as a token's owner runs it."""

    url: str
    folder: Path

    def __call__(self, *arguments: str, token: str = "operate") -> "subprocess.CompletedProcess[str]":
        assert PROGRAM is not None
        web = self.folder / f"{token}.yml"
        web.write_text(f"authorization: {{type: Bearer, credentials: {token}}}\n")
        command = [PROGRAM, f"--alertmanager.url={self.url}", f"--http.config.file={web}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def say(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> list[dict[str, object]]:
        found = json.loads(self.say(*arguments, "--output=json"))
        assert isinstance(found, list)
        return found


@pytest.fixture(scope="module")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amtool]:
    if PROGRAM is None:
        pytest.skip("amtool is not installed; run make test-real, which installs it")
    folder, port = tmp_path_factory.mktemp("amtool"), free_port()
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("operate", "read")}
    config = folder / "dialtone.yaml"
    config.write_text(CONFIG.format(port=port, dir=folder, nothing=free_port(), **hashes))
    url = f"http://127.0.0.1:{port}"
    with running(dialtone_command("serve", "--config", str(config)), log=folder / "dialtone.log"):
        eventually("Dialtone raises an alert", lambda: _alerts(url))
        yield Amtool(url, folder)


def _alerts(url: str) -> object:
    return httpx.get(f"{url}/api/v2/alerts", headers={"authorization": "Bearer read"}, timeout=2).json()


def test_it_lists_alerts_and_filters_them(amtool: Amtool) -> None:
    [alert] = amtool.json("alert", "query", "alertname=IntegrationDown", "integration=~sh.*")

    assert alert["receivers"] == [{"name": "pager"}]
    assert amtool.json("alert", "query", "integration=other") == []
    assert amtool.json("alert", "query", "--receiver=chat") == []
    assert "IntegrationDown" in amtool.say("alert", "query")


def test_it_silences_lengthens_and_ends(amtool: Amtool) -> None:
    made = amtool.say("silence", "add", "integration=shop", "-d", "1h", "-a", "ada", "-c", "planned").strip()
    held = amtool.json("alert", "query", "--silenced")
    quiet = amtool.json("alert", "query")
    amtool.say("silence", "update", "-d", "2h", made)
    listed = amtool.json("silence", "query")
    amtool.say("silence", "expire", made)

    assert [one["status"]["silencedBy"] for one in held] == [[made]]
    assert quiet == []
    assert [(one["id"], one["createdBy"], one["comment"]) for one in listed] == [(made, "ada", "planned")]
    assert amtool.json("silence", "query") == []
    assert [one["id"] for one in amtool.json("silence", "query", "--expired")] == [made]


def test_it_reads_the_routing_tree_and_follows_it(amtool: Amtool) -> None:
    shown = amtool.say("config", "routes", "show")

    assert "pager" in shown
    assert amtool.say("config", "routes", "test", "severity=critical", "team=cart").strip() == "pager"
    assert amtool.say("config", "routes", "test", "severity=warning", "team=cart").strip() == "chat"


def test_what_is_refused_is_told_in_words(amtool: Amtool) -> None:
    forever = amtool("silence", "add", "integration=shop", "-d", "100d", "-c", "too long")
    weak = amtool("silence", "add", "integration=shop", "-c", "no scope", token="read")
    sent = amtool("alert", "add", "Foreign", "team=shop")

    assert "at most 30 days" in forever.stderr
    assert weak.returncode != 0
    assert "403" in weak.stderr
    assert "Dialtone makes its alerts itself" in sent.stderr
    assert amtool.json("silence", "query") == []


def test_the_cluster_is_none_and_the_versions_agree(amtool: Amtool) -> None:
    done = amtool("cluster", "show")

    assert "disabled" in done.stdout
    assert "are different" not in done.stderr
