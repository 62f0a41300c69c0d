"""What is known of each integration's deliveries: when the last of each type came, gaps, and silence."""

from collections.abc import Iterable, Mapping

from integrations.clock import Clock
from integrations.integration import Integration
from integrations.manifest.inbound import Webhooks
from integrations.samples import Sample
from integrations.signals import WebhookReceipt

OTHER = "other"
"""What a metric calls an event type that the manifest does not list."""


class Observed:
    """Remembers by integration and event type; types that a manifest does not list are one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._types: dict[str, frozenset[str]] = {}
        self._every: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._last: dict[tuple[str, str], float] = {}
        self._restored: dict[tuple[str, str], float] = {}
        self._numbers: dict[str, int] = {}
        self._missing: dict[str, int] = {}

    def restore(self, last: Mapping[tuple[str, str], float]) -> None:
        """Take up what is stored, before integrations are watched."""
        self._restored = dict(last)

    def watch(self, integration: Integration, webhooks: Webhooks) -> None:
        """Know an integration's event types, and how often something is expected."""
        name = integration.id
        self._types[name] = frozenset(webhooks.types)
        self._every.pop(name, None)
        if (every := integration.connection.webhooks.expect.every) is not None:
            self._every[name] = every
        self._since.setdefault(name, self._clock.time())
        for key in [key for key in self._restored if key[0] == name]:
            self._remember(name, key[1], self._restored.pop(key))

    def forget(self, integration_id: str) -> None:
        """Forget an integration that is gone."""
        for kept in (self._types, self._every, self._since, self._numbers, self._missing):
            kept.pop(integration_id, None)
        self._last = {key: at for key, at in self._last.items() if key[0] != integration_id}

    def missing(self, integration_id: str, number: int | None) -> int:
        """How many deliveries never came between the last numbered one and this."""
        last = self._numbers.get(integration_id)
        return max(0, number - last - 1) if number is not None and last is not None else 0

    def received(self, receipt: WebhookReceipt, number: int | None) -> None:
        """Remember a new delivery."""
        name = receipt.integration
        self._remember(name, receipt.event_type, receipt.at)
        if number is not None:
            self._missing[name] = self._missing.get(name, 0) + receipt.missing
            self._numbers[name] = max(number, self._numbers.get(name, number))

    def samples(self) -> Iterable[Sample]:
        """When the last delivery of each type came; which integrations are silent beyond what is expected;
        gaps.
        """
        for (name, event_type), at in self._last.items():
            yield Sample("dialtone_webhook_last_received_timestamp_seconds", (name, event_type), at)
        for name, every in self._every.items():
            yield Sample("dialtone_webhook_silent", (name,), float(self._silence(name) > every))
        for name, count in self._missing.items():
            yield Sample("dialtone_webhook_missing_total", (name,), count)

    def _silence(self, name: str) -> float:
        last = max((at for key, at in self._last.items() if key[0] == name), default=self._since[name])
        return self._clock.time() - last

    def _remember(self, name: str, event_type: str, at: float) -> None:
        word = event_type if event_type in self._types.get(name, frozenset()) else OTHER
        self._last[name, word] = max(at, self._last.get((name, word), 0.0))
