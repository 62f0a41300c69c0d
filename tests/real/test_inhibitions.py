"""The shipped configuration on a real Alertmanager: a rule is held back while Dialtone tells of the same."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.real.servers import answers, eventually, free_port, running

PROGRAM = shutil.which("prometheus-alertmanager")
FILE = Path(__file__).parents[2] / "deploy" / "alertmanager.yml"
SHOP = {"integration": "shop", "vendor": "http", "team": "web"}
OWN_DOWN = {"alertname": "IntegrationDown", "severity": "critical", **SHOP}
RULE = {"job": "dialtone", "instance": "d:4350", "dialtone_subject": "integration"}
RULE_DOWN = {
    **RULE,
    **SHOP,
    "alertname": "DialtoneIntegrationDown",
    "dialtone_alert": "IntegrationDown",
    "severity": "critical",
}
RULE_OPEN = {
    **RULE,
    **SHOP,
    "alertname": "DialtoneBreakerOpen",
    "dialtone_alert": "BreakerOpen",
    "severity": "warning",
}
RULE_OTHER = {**RULE_DOWN, "integration": "cart"}
RULE_LAG = {"alertname": "DialtoneEventLoopLag", "dialtone_subject": "dialtone", "severity": "warning"}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    if PROGRAM is None:
        pytest.skip("Alertmanager is not installed; run make test-real, which installs it")
    port = free_port()
    command = [
        PROGRAM, f"--config.file={FILE}", f"--storage.path={tmp_path}/data", "--cluster.listen-address=",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(command, log=tmp_path / "log"):
        address = f"http://127.0.0.1:{port}"
        eventually("Alertmanager is ready", lambda: answers(f"{address}/-/ready"))
        yield address


def post(url: str, *alerts: Mapping[str, str], ended: bool = False) -> None:
    now = dt.datetime.now(dt.UTC)
    ends = now - dt.timedelta(seconds=1) if ended else now + dt.timedelta(minutes=4)
    begun = now - dt.timedelta(minutes=5)
    body = [
        {"labels": dict(one), "startsAt": begun.isoformat(), "endsAt": ends.isoformat()} for one in alerts
    ]
    answer = httpx.post(f"{url}/api/v2/alerts", json=body, timeout=5)
    assert answer.status_code == 200, answer.text


def held_back(url: str) -> set[str]:
    """The alerts that are inhibited, by name and integration."""
    alerts = httpx.get(f"{url}/api/v2/alerts", timeout=5).json()
    found = {
        f"{one['labels']['alertname']} {one['labels'].get('integration', '')}".strip()
        for one in alerts if one["status"]["inhibitedBy"]
    }  # fmt: skip
    assert all(one["status"]["state"] == "suppressed" for one in alerts if one["status"]["inhibitedBy"])
    return found


def test_rules_speak_while_dialtone_does_not(url: str) -> None:
    post(url, RULE_DOWN, RULE_OTHER, RULE_LAG)

    assert held_back(url) == set()


def test_a_rule_is_held_back_while_dialtone_tells_of_the_same(url: str) -> None:
    post(url, RULE_DOWN, RULE_OPEN, RULE_OTHER, RULE_LAG)
    post(url, OWN_DOWN)

    assert held_back(url) == {"DialtoneIntegrationDown shop", "DialtoneBreakerOpen shop"}

    post(url, OWN_DOWN, ended=True)
    eventually("the rules speak again", lambda: held_back(url) == {"DialtoneBreakerOpen shop"})


def test_a_broken_way_out_explains_what_fails(url: str) -> None:
    post(url, RULE_DOWN, RULE_OPEN, RULE_OTHER, RULE_LAG)
    post(url, {"alertname": "EgressDown", "severity": "critical", "parent": "egress"})

    assert held_back(url) == {
        "DialtoneIntegrationDown shop", "DialtoneBreakerOpen shop", "DialtoneIntegrationDown cart",
    }  # fmt: skip


def test_what_is_held_back_reaches_no_receiver(url: str) -> None:
    post(url, OWN_DOWN)
    post(url, RULE_DOWN)

    groups = httpx.get(f"{url}/api/v2/alerts/groups", params={"inhibited": "false"}, timeout=5).json()

    names = {alert["labels"]["alertname"] for group in groups for alert in group["alerts"]}
    assert names == {"IntegrationDown"}, json.dumps(groups)
