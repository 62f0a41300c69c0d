"""What the configuration file may hold. docs/configuration.md explains every key, and a test compares."""

from typing import Literal

import msgspec

from exporters.analytics.settings import AnalyticsSettings
from integrations.connection import CheckPolicy, Fallback, Labels, NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.policy import Policy
from integrations.webhooks.policy import WebhookPolicy
from integrations.status_pages.settings import StatusPageSettings

ScopeName = Literal["read", "operate", "admin"]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration file."""


class LogSettings(_Section, frozen=True, kw_only=True):
    """What is logged and how; `auto` is for people on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class TokenSettings(_Section, frozen=True, kw_only=True):
    """An API token: a name that says whose it is, the sha256 of its text in hex, and what it may do."""

    name: str
    sha256: str
    scopes: tuple[ScopeName, ...] = ("read",)


class MetricsSettings(_Section, frozen=True, kw_only=True):
    """Whether `/metrics` is open without a token."""

    public: bool = False


class FaultSettings(_Section, frozen=True, kw_only=True):
    """Whether operators may inject faults. Not by default: every program that calls through Dialtone holds a
    token that could.
    """

    allowed: bool = False


class StorageSettings(_Section, frozen=True, kw_only=True):
    """Where transactional state is kept; None: SQLite in the state directory. The URL may hold a password.
    `key` encrypts credentials; None: a key file in the state directory.
    """

    url: Secret | None = None
    key: Secret | None = None


class Defaults(_Section, frozen=True, kw_only=True):
    """What holds for every integration that does not say otherwise, key by key."""

    policy: Policy = Policy()
    check: CheckPolicy = CheckPolicy()
    labels: Labels = Labels()


class IntegrationSettings(_Section, frozen=True, kw_only=True):
    """One integration, as it becomes a Connection."""

    id: str
    vendor: str
    config: dict[str, object] = {}
    auth: str = ""
    secrets: dict[str, Secret] = {}
    labels: Labels = Labels()
    policy: Policy = Policy()
    check: CheckPolicy = CheckPolicy()
    network: NetworkPolicy = NetworkPolicy()
    fallback: Fallback = Fallback()
    webhooks: WebhookPolicy = WebhookPolicy()
    status_components: tuple[str, ...] = ()


class File(_Section, frozen=True, kw_only=True):
    """The file as a whole; its integrations are read one by one, so that one bad entry hides no other."""

    listen: str = "127.0.0.1:4350"
    state_dir: str = "state"
    log: LogSettings = LogSettings()
    network: NetworkPolicy = NetworkPolicy()
    tokens: tuple[TokenSettings, ...] = ()
    metrics: MetricsSettings = MetricsSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    storage: StorageSettings = StorageSettings()
    faults: FaultSettings = FaultSettings()
    status_pages: StatusPageSettings = StatusPageSettings()
    defaults: Defaults = Defaults()
    integrations: list[object] = []
