"""The demo's configuration: a file like any other, in its state directory, so that one can read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

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
    """Where the simulator listens, as URLs without a path, and the authority that signed its certificate."""

    plain: str
    secure: str
    authority: Path


class _Row(NamedTuple):
    """One integration of the demo; `account` is the simulator's."""

    id: str
    vendor: str
    account: str
    labels: tuple[str, str, str]


_VENDORS = (
    _Row("github-prod", "github", "prod", ("platform", "prod", "1")),
    _Row("github-ci", "github", "ci", ("platform", "ci", "3")),
    _Row("slack-prod", "slack", "prod", ("support", "prod", "2")),
    _Row("slack-alerts", "slack", "alerts", ("sre", "prod", "1")),
    _Row("prometheus-main", "prometheus", "main", ("sre", "prod", "1")),
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


def populate(simulator: Simulator) -> None:
    """Make the accounts that the demo's integrations use."""
    for row in (*_VENDORS, *_SITES):
        if row.account == "ci":
            simulator.add_account(row.vendor, row.account, limit=CI_LIMIT, window=CI_WINDOW)
        else:
            simulator.add_account(row.vendor, row.account)


def write(folder: Path, *, listen: str, simulator: Simulator, origins: Origins) -> Path:
    """Write the configuration and the secrets it names; return the configuration's path."""
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
                for vendor, kind in (("github", "statuspage"), ("slack", "slack"))
            },
        },
        "integrations": [*vendors, *sites],
    }
    path = folder / FILE
    text = yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)
    path.write_text(_HEAD.format(file=path) + text, encoding="utf-8")
    return path


def _vendor(row: _Row, *, simulator: Simulator, origins: Origins, secrets: Path) -> dict[str, object]:
    given: dict[str, object] = {
        **_identity(row),
        "config": {"base_url": simulator.base_url(row.vendor, origins.plain)},
    }
    token = simulator.secrets(row.vendor, row.account).get("token")
    if token is not None and row.vendor != "prometheus":
        path = secrets / f"{row.id}-token"
        path.write_text(token, encoding="utf-8")
        path.chmod(0o600)
        given |= {"auth": "token", "secrets": {"token": f"${{file:secrets/{path.name}}}"}}
    return given


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
