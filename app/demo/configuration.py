"""The demo's configuration: a file like any other, in its state directory, so that one can read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from app.demo.inbox import PATH
from integrations.simulator.simulator import Simulator
from integrations.simulator.status_pages import STATUS

FILE = "dialtone.demo.yaml"

_HEAD = """\
# The demo's configuration, written at its start. Everything in it can stand in a file of your own:
#   dialtone check-config {file}
# The vendors are the simulator's, on loopback; their secrets are made up.
"""

_HEALTHY = ({"status": [200]}, {"latency_below": 0.8}, {"json": {"pointer": "/status", "equals": "ok"}})


class Origins(NamedTuple):
    """Where the simulator listens, as URLs without a path, the authority that signed its certificate, and
    where the receiver of alerts listens.
    """

    plain: str
    secure: str
    authority: Path
    inbox: str


class _Row(NamedTuple):
    """One integration of the demo: `account` is the simulator's, `webhook` what its vendor signs with."""

    id: str
    vendor: str
    account: str
    labels: tuple[str, str, str]
    auth: str = "token"
    webhook: str = ""


_VENDORS = (
    _Row("github-prod", "github", "prod", ("platform", "prod", "1"), webhook="webhook_secret"),
    _Row("github-ci", "github", "ci", ("platform", "ci", "3")),
    _Row("slack-prod", "slack", "prod", ("support", "prod", "2")),
    _Row("slack-alerts", "slack", "alerts", ("sre", "prod", "1")),
    _Row("prometheus-main", "prometheus", "main", ("sre", "prod", "1"), auth="none"),
    _Row("salesforce-crm", "salesforce", "crm", ("sales", "prod", "1"), auth="client_credentials"),
    _Row("jira-ops", "jira", "ops", ("sre", "prod", "2"), webhook="webhook_secret"),
    _Row("gitlab-shop", "gitlab", "shop", ("shop", "prod", "2"), webhook="webhook_secret"),
    _Row("pagerduty", "pagerduty", "oncall", ("sre", "prod", "1"), webhook="webhook_secret"),
    _Row("datadog-main", "datadog", "main", ("sre", "prod", "2"), auth="keys"),
    _Row("discord-fans", "discord", "fans", ("support", "prod", "3"), auth="bot"),
)
_SITES = (
    _Row("shop-api", "http", "shop-api", ("shop", "prod", "1")),
    _Row("payments-cert", "http", "payments", ("payments", "prod", "1")),
    _Row("status-page", "http", "status-page", ("support", "prod", "3")),
    _Row("legacy-erp", "http", "legacy-erp", ("finance", "prod", "2")),
)

CI_LIMIT = 240
CI_WINDOW = 240.0
"""github-ci's quota, in requests and seconds: small enough to run low in a few minutes of the traffic."""

CRM_TOKEN_LIFE = 180.0
"""Seconds that salesforce-crm's access tokens are good, so that their renewal is seen."""

GITLAB_DAYS = 6.0
"""Days until gitlab-shop's access token ends, which is told."""

_OBJECTIVES = (("top-tier", 75.0, 'tier="1"'), ("paging", 99.5, 'vendor="pagerduty"'))
"""Objectives: name, goal in percent, whose. What fails in a month elsewhere fails here in an hour: a goal
as in production would be missed by ten times its budget all the time. Nothing strikes paging.
"""

_DAY = 86_400.0


def populate(simulator: Simulator, *, now: float) -> None:
    """Make the accounts that the demo's integrations use; `now` is UTC seconds."""
    for row in (*_VENDORS, *_SITES):
        simulator.add_account(row.vendor, row.account)
    simulator.add_account("github", "ci", limit=CI_LIMIT, window=CI_WINDOW)
    simulator.add_account("salesforce", "crm", auth="client_credentials", token_life=CRM_TOKEN_LIFE)
    simulator.add_account("gitlab", "shop", ends_at=now + GITLAB_DAYS * _DAY)


def webhook_secrets() -> Mapping[str, str]:
    """Return what the demo's vendors sign their webhooks with, by integration."""
    return {row.id: f"simulated-{row.id}-{row.webhook}" for row in _VENDORS if row.webhook}


def write(folder: Path, *, listen: str, simulator: Simulator, origins: Origins, inbox_secret: str) -> Path:
    """Write the configuration and the secrets it names; return the configuration's path. `inbox_secret` signs
    what the receiver of alerts is sent.
    """
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    vendors = [_vendor(row, simulator=simulator, origins=origins, secrets=secrets) for row in _VENDORS]
    sites = [_site(row, simulator, origins) for row in _SITES]
    content = {
        "listen": listen,
        "state_dir": "state",
        "faults": {"allowed": True},
        "defaults": {
            "check": {"interval": 5, "retry_interval": 2, "timeout": 3, "adaptive": False},
            "policy": {"timeout": 4, "deadline": 10, "connect": 2},
        },
        "status_pages": {
            "interval": 30,
            "urgent_interval": 10,
            "vendors": {
                vendor: {"url": f"{origins.plain}{STATUS}/{vendor}/{kind}"}
                for vendor, kind in (("github", "statuspage"), ("slack", "slack"), ("jira", "statuspage"))
            },
        },
        "alerts": _alerts(listen, origins),
        "integrations": [*vendors, *sites],
    }
    _write_secret(secrets / "inbox-signing_secret", inbox_secret)
    path = folder / FILE
    text = yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    path.write_text(_HEAD.format(file=path) + text, encoding="utf-8")
    return path


def _alerts(listen: str, origins: Origins) -> dict[str, object]:
    """One receiver for all, told of critical alerts within seconds, and two objectives."""
    return {
        "external_url": f"http://{listen}",
        "group_wait": 5,
        "group_wait_critical": 2,
        "receivers": [
            {
                "name": "inbox",
                "type": "webhook",
                "url": f"{origins.inbox}{PATH}",
                "signing_secrets": ["${file:secrets/inbox-signing_secret}"],
                "allow_networks": ["127.0.0.0/8"],
            }
        ],
        "route": {"receiver": "inbox", "group_by": ["integration"]},
        "slos": [
            {"name": name, "objective": objective, "matchers": [matcher], "window_days": 7}
            for name, objective, matcher in _OBJECTIVES
        ],
    }


def _write_secret(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def _vendor(row: _Row, *, simulator: Simulator, origins: Origins, secrets: Path) -> dict[str, object]:
    given: dict[str, object] = {
        **_identity(row),
        "config": simulator.addresses(row.vendor, origins.plain),
    }
    if row.auth == "none":
        return given
    files = dict(simulator.secrets(row.vendor, row.account, auth=row.auth))
    if row.webhook:
        files[row.webhook] = webhook_secrets()[row.id]
    for name, text in files.items():
        _write_secret(secrets / f"{row.id}-{name}", text)
    return given | {
        "auth": row.auth,
        "secrets": {name: f"${{file:secrets/{row.id}-{name}}}" for name in files},
    }


def _site(row: _Row, simulator: Simulator, origins: Origins) -> dict[str, object]:
    secure = row.id == "payments-cert"
    base = simulator.base_url("http", origins.secure if secure else origins.plain)
    conditions: list[Mapping[str, object]] = list(_HEALTHY)
    if secure:
        conditions.append({"certificate_days_left": 14})
    given: dict[str, object] = {
        **_identity(row),
        "config": {"url": f"{base}/{row.account}/health", "expect": {"all": conditions}},
    }
    return given | ({"network": {"ca_file": origins.authority.name}} if secure else {})


def _identity(row: _Row) -> dict[str, object]:
    labels = dict(zip(("team", "environment", "tier"), row.labels, strict=True))
    return {"id": row.id, "vendor": row.vendor, "labels": labels}
