"""What the configuration file may hold. docs/configuration.md explains every key, and a test compares."""

from typing import Literal

import msgspec

from exporters.analytics.settings import AnalyticsSettings
from exporters.settings import ExporterSettings
from integrations.connection import CheckPolicy, Cost, Fallback, Labels, NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.policy import Policy
from integrations.status_pages.settings import StatusPageSettings
from integrations.webhooks.policy import WebhookPolicy
from monitors.alerts.settings import AlertSettings

ScopeName = Literal["read", "operate", "admin"]

MAX_KEEP_DAYS = 3660
"""Ten years."""

MAX_KEEP_BYTES = 1 << 40


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration file."""


class LogSettings(_Section, frozen=True, kw_only=True):
    """What is logged and how; `auto` is for people on a terminal and JSON elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class TokenSettings(_Section, frozen=True, kw_only=True):
    """An API token: a name that says whose it is, the sha256 of its text in hex, what it may do, and the team
    that its use is counted under.
    """

    name: str
    sha256: str
    scopes: tuple[ScopeName, ...] = ("read",)
    team: str = ""


class MetricsSettings(_Section, frozen=True, kw_only=True):
    """Whether `/metrics` is open without a token; whether histograms have native buckets too, which a
    Prometheus that asks for protobuf takes instead of the classic ones.
    """

    public: bool = False
    native_histograms: bool = False


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


class WebhookKeeping(_Section, frozen=True, kw_only=True):
    """How long inbound webhooks are kept and known again, and how many bytes their bodies take on the whole;
    beyond, the oldest are forgotten.
    """

    keep_days: float = 30.0
    keep_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        """Refuse what forgets a delivery while its vendor still repeats it, or never forgets.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 1 <= self.keep_days <= MAX_KEEP_DAYS:
            raise ValueError(f"webhooks.keep_days must be from 1 to {MAX_KEEP_DAYS}")
        if not 0 <= self.keep_bytes <= MAX_KEEP_BYTES:
            raise ValueError(f"webhooks.keep_bytes must be from 0 to {MAX_KEEP_BYTES}")


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
    cost: Cost = Cost()


class File(_Section, frozen=True, kw_only=True):
    """The file as a whole; its integrations are read one by one, so that one bad entry hides no other."""

    listen: str = "127.0.0.1:4350"
    state_dir: str = "state"
    log: LogSettings = LogSettings()
    network: NetworkPolicy = NetworkPolicy()
    tokens: tuple[TokenSettings, ...] = ()
    metrics: MetricsSettings = MetricsSettings()
    exporters: ExporterSettings = ExporterSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    storage: StorageSettings = StorageSettings()
    faults: FaultSettings = FaultSettings()
    status_pages: StatusPageSettings = StatusPageSettings()
    webhooks: WebhookKeeping = WebhookKeeping()
    alerts: AlertSettings = AlertSettings()
    defaults: Defaults = Defaults()
    integrations: list[object] = []
