"""What a vendor's answers say beside their data: that something is to end, or that their form has changed."""

from collections.abc import Callable, Mapping

from integrations.clock import Clock
from integrations.drift import DriftWatch
from integrations.endings import Endings
from integrations.execution.transport import Reply
from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from integrations.manifest.shape import Shape
from integrations.signals import Signal


class Remarks:
    """The remarks of one integration. Read it; only the integration's runs give it answers."""

    __slots__ = ("drift", "endings")

    def __init__(
        self, integration: str, manifest: Manifest, *, clock: Clock, publish: Callable[[Signal], None]
    ) -> None:
        self.endings = Endings(integration, manifest, now=clock.time, tell=publish)
        self.drift = DriftWatch(
            integration, manifest.id, monotonic=clock.monotonic, now=clock.time, tell=publish
        )

    def see(self, action: str, reply: Reply, *, is_good: bool) -> None:
        """Look at an answer, beside the call: whatever it holds, nothing is raised."""
        self.endings.see(action, reply.headers)
        if is_good:
            self.drift.see(action, reply)


def shapes_of(manifest: Manifest, lock: Lock) -> Mapping[str, Shape]:
    """The shape of a good answer of each action that its contract gives one, for answers in JSON."""
    return {
        name: fact.answer
        for name, action in manifest.actions.items()
        if action.answer == "json"
        and (fact := lock.operations.get(action.operation)) is not None
        and fact.answer is not None
    }
