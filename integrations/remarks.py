"""What a vendor's answers say beside their data: that something is to end, or that their form has changed."""

from collections.abc import Callable, Iterable, Mapping

from integrations.clock import Clock
from integrations.drift import DriftStatus, DriftWatch
from integrations.endings import Ending, Endings, declares_endings
from integrations.execution.transport import Reply
from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from integrations.manifest.shape import Shape
from integrations.samples import Sample
from integrations.signals import Signal


class Remarks:
    """The remarks of one integration. Read it; only the integration's runs give it answers.

    What watches is made when there is something to watch: of most integrations nothing is.
    """

    __slots__ = ("_clock", "_drift", "_endings", "_integration", "_manifest", "_publish")

    def __init__(
        self, integration: str, manifest: Manifest, *, clock: Clock, publish: Callable[[Signal], None]
    ) -> None:
        self._integration = integration
        self._manifest = manifest
        self._clock = clock
        self._publish = publish
        self._endings: Endings | None = None
        self._drift: DriftWatch | None = None

    @property
    def endings(self) -> Endings:
        """What is to end."""
        if self._endings is None:
            self._endings = Endings(
                self._integration, self._manifest, now=self._clock.time, tell=self._publish
            )
        return self._endings

    @property
    def drift(self) -> DriftWatch:
        """Where answers no longer fit."""
        if self._drift is None:
            self._drift = DriftWatch(
                self._integration,
                self._manifest.id,
                monotonic=self._clock.monotonic,
                now=self._clock.time,
                tell=self._publish,
            )
        return self._drift

    @property
    def known_endings(self) -> tuple[Ending, ...]:
        """What is known to end, the soonest first."""
        return () if self._endings is None else self._endings.all()

    @property
    def known_drift(self) -> tuple[DriftStatus, ...]:
        """Where answers were seen to drift, the newest first."""
        return () if self._drift is None else self._drift.standing()

    def begin(self, shapes: Mapping[str, Shape], before: "Remarks | None") -> None:
        """Watch for answers of other shapes than these, go on from what was told `before` of the same vendor,
        and tell what the manifest knows to end.
        """
        if shapes:
            self.drift.shapes = shapes
        if before is not None and before._endings is not None:  # noqa: SLF001 - of its own class
            self.endings.adopt(before._endings)  # noqa: SLF001 - of its own class
        if declares_endings(self._manifest):
            self.endings.begin()

    def see(self, action: str, reply: Reply, *, is_good: bool) -> None:
        """Look at an answer, beside the call: whatever it holds, nothing is raised."""
        if tells_of_ends(self._manifest, reply):
            self.endings.see(action, reply.headers)
        if is_good and self._drift is not None:
            self._drift.see(action, reply)

    def samples(self) -> Iterable[Sample]:
        """When each action ends of which a day is known."""
        return () if self._endings is None else self._endings.samples()


def tells_of_ends(manifest: Manifest, reply: Reply) -> bool:
    """Whether an answer may say that something is to end."""
    headers = reply.headers
    return "deprecation" in headers or "sunset" in headers or bool(manifest.deprecation_headers)


def shapes_of(manifest: Manifest, lock: Lock) -> Mapping[str, Shape]:
    """The shape of a good answer of each action that its contract gives one, for answers in JSON."""
    return {
        name: fact.answer
        for name, action in manifest.actions.items()
        if action.answer == "json"
        and (fact := lock.operations.get(action.operation)) is not None
        and fact.answer is not None
    }
