"""A connection: the configured use of a vendor that the outside world calls an integration."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from integrations.credentials.secret import Secret
from integrations.execution.policy import Policy
from integrations.webhooks.policy import WebhookPolicy


class Labels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who owns an integration and where it runs; label values of metrics, so they come from configuration
    only. `region` is where what it calls is.
    """

    team: str = ""
    environment: str = ""
    tier: str = ""
    region: str = ""


class CanaryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the vendor's canary runs, every how many seconds, and the settings its manifest asks for."""

    enabled: bool = False
    interval: float = 3600.0
    config: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse one that would write all the time.

        Raises:
            ValueError: with the key and what it must be.
        """
        if self.interval < 60:
            raise ValueError("check.canary.interval must be at least 60 seconds")


MOST_RESULTS = 60
"""Results of checks that are remembered one by one."""


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many failed ones `of` so many results, in a row or not; 0 is never."""

    failed: int
    of: int = 30

    def __post_init__(self) -> None:
        """Refuse what cannot come true.

        Raises:
            ValueError: with what it must be.
        """
        if not 0 <= self.failed <= self.of <= MOST_RESULTS:
            raise ValueError(f"failed must be at most of, and of at most {MOST_RESULTS}")


class SlowPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When slow checks count: `percentile` of the last `of` successful ones is over `above` seconds, or
    without that far over what is usual here.
    """

    enabled: bool = True
    percentile: float = 75.0
    above: float | None = None
    of: int = 20

    def __post_init__(self) -> None:
        """Refuse ranges that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 0 < self.percentile <= 100:
            raise ValueError("check.slow.percentile must be above 0 and at most 100")
        if self.above is not None and self.above <= 0:
            raise ValueError("check.slow.above must be above 0 seconds")
        if not 1 <= self.of <= MOST_RESULTS:
            raise ValueError(f"check.slow.of must be from 1 to {MOST_RESULTS}")


class CheckPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When and how an integration is checked, and how many results confirm a change. Durations in seconds.

    `retry_interval` holds while a change is unconfirmed. `adaptive` lets a check wait up to five intervals
    where monitors/pace.py says it may. `canary` asks for a check that really writes, and takes it back.

    `weigh_chance` asks for more than `fail_after` failures where some fail by chance. `down_after` and
    `degraded_after` count failures that do not follow one another; `slow` is degraded, too.
    """

    enabled: bool = True
    interval: float = 60.0
    retry_interval: float = 15.0
    timeout: float = 10.0
    fail_after: int = 3
    recover_after: int = 2
    adaptive: bool = True
    weigh_chance: bool = True
    down_after: Failures = Failures(failed=0)
    degraded_after: Failures = Failures(failed=6)
    slow: SlowPolicy = SlowPolicy()
    canary: CanaryPolicy = CanaryPolicy()

    def __post_init__(self) -> None:
        """Refuse ranges that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if self.interval < 1 or self.retry_interval < 1:
            raise ValueError("check.interval and check.retry_interval must be at least 1 second")
        if self.timeout <= 0:
            raise ValueError("check.timeout must be above 0")
        if self.fail_after < 1 or self.recover_after < 1:
            raise ValueError("check.fail_after and check.recover_after must be at least 1")


class NetworkPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an integration's calls leave the house: a proxy's URL and a file with further certificate
    authorities.
    """

    proxy: str | None = None
    ca_file: str | None = None


class Fallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What answers `actions` when they fail because the vendor is down, throttles, or may not be called:
    another `integration` with the same action, or a fixed `answer`, which becomes the data.
    """

    integration: str = ""
    answer: object = None
    actions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no fallback.

        Raises:
            ValueError: with the keys and the rule between them.
        """
        if self.integration and self.answer is not None:
            raise ValueError("fallback takes either integration or answer, not both")
        if bool(self.actions) != bool(self.integration or self.answer is not None):
            raise ValueError("fallback takes actions, and either integration or answer")


_CURRENCY = re.compile(r"[A-Z]{3}")


class Cost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vendor bills for: `per_call` for each call, or what `actions` says of an action, in `currency`
    (ISO 4217). `charged` answered: each attempt that the vendor answered, whatever it said, is a call; ok:
    only a request that succeeded is. Without prices nothing is declared, which is not the same as free.
    """

    currency: str = ""
    per_call: float | None = None
    actions: Mapping[str, float] = {}
    charged: Literal["answered", "ok"] = "answered"

    def __post_init__(self) -> None:
        """Refuse what is no price.

        Raises:
            ValueError: with the key and what it must be.
        """
        has_prices = self.per_call is not None or bool(self.actions)
        if has_prices != bool(self.currency):
            raise ValueError("cost takes currency, and either per_call or actions, or both")
        if self.currency and not _CURRENCY.fullmatch(self.currency):
            raise ValueError("cost.currency must be three capital letters, such as USD or EUR")
        if any(not 0 <= price < float("inf") for price in (self.per_call or 0.0, *self.actions.values())):
            raise ValueError("cost.per_call and cost.actions must be at least 0")


class Connection(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One integration: which vendor, with which settings and credentials, under which limits.

    `config` holds the values of the manifest's config fields (JSON values), `auth` names one of the
    manifest's authentication kinds (empty: the one its secrets fit), `secrets` the values it asks for.
    `status_components` are the parts of the vendor it depends on, as its status page names them (empty: those
    of the manifest).
    """

    id: str
    vendor: str
    config: Mapping[str, object] = msgspec.field(default_factory=dict)
    auth: str = ""
    secrets: Mapping[str, Secret] = msgspec.field(default_factory=dict)
    labels: Labels = Labels()
    policy: Policy = Policy()
    check: CheckPolicy = CheckPolicy()
    network: NetworkPolicy = NetworkPolicy()
    fallback: Fallback = Fallback()
    webhooks: WebhookPolicy = WebhookPolicy()
    status_components: tuple[str, ...] = ()
    cost: Cost = Cost()
