"""Watches whether answers still fit the shapes that the vendor's contract gives them, at little cost.

Looked at is at most one answer of an action in a second, and none over 128 KiB; a place that drifts is told
at most once a minute, with how many answers were seen to drift there since.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from integrations.execution.transport import Reply
from integrations.manifest.shape import Drift, Shape, drift
from integrations.signals import ContractDrift

EVERY = 1.0
TELL_EVERY = 60.0
MOST_BYTES = 128 * 1024
MOST_PLACES = 200
"""Places of one integration that are remembered; what is beyond is not told."""


_NO_SHAPES: Mapping[str, Shape] = MappingProxyType({})


class DriftStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A place at which answers of an action no longer fit: JSON types, when it was seen last, how often."""

    action: str
    pointer: str
    expected: str
    found: str
    seen_at: float
    seen: int


class _Place:
    """One place that drifts; `told_at` is monotonic."""

    __slots__ = ("drift", "seen", "seen_at", "told_at", "untold")

    def __init__(self, found: Drift) -> None:
        self.drift = found
        self.seen = self.untold = 0
        self.seen_at = 0.0
        self.told_at: float | None = None


_NEVER: Mapping[str, float] = MappingProxyType({})
_NOWHERE: Mapping[tuple[str, str], _Place] = MappingProxyType({})


class DriftWatch:
    """The drift of one integration's answers. Never raises, whatever an answer holds."""

    __slots__ = ("_integration", "_looked", "_monotonic", "_now", "_places", "_tell", "_vendor", "shapes")

    def __init__(
        self,
        integration: str,
        vendor: str,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], float],
        tell: Callable[[ContractDrift], None],
    ) -> None:
        self.shapes: Mapping[str, Shape] = _NO_SHAPES
        self._integration = integration
        self._vendor = vendor
        self._monotonic = monotonic
        self._now = now
        self._tell = tell
        # Replaced as a whole, so that the many of which no contract is known share what is empty.
        self._looked: Mapping[str, float] = _NEVER
        self._places: Mapping[tuple[str, str], _Place] = _NOWHERE

    def see(self, action: str, reply: Reply) -> None:
        """Look at a good answer, if it is time to."""
        shape = self.shapes.get(action)
        if shape is None:
            return
        now = self._monotonic()
        if now - self._looked.get(action, -EVERY) < EVERY or not 0 < len(reply.body) <= MOST_BYTES:
            return
        self._looked = {**self._looked, action: now}
        try:
            found = drift(shape, reply.json())
        except msgspec.DecodeError:
            return
        if found is not None:
            self._note(action, found, now)

    def standing(self) -> tuple[DriftStatus, ...]:
        """Where answers were seen to drift, the newest first."""
        newest = sorted(self._places.items(), key=lambda one: -one[1].seen_at)
        return tuple(
            DriftStatus(
                action=action,
                pointer=place.drift.pointer,
                expected=place.drift.expected,
                found=place.drift.found,
                seen_at=place.seen_at,
                seen=place.seen,
            )
            for (action, _), place in newest
        )

    def _note(self, action: str, found: Drift, now: float) -> None:
        key = (action, found.pointer)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= MOST_PLACES:
                return
            place = _Place(found)
            self._places = {**self._places, key: place}
        place.drift, place.seen_at = found, self._now()
        place.seen += 1
        place.untold += 1
        if place.told_at is None or now - place.told_at >= TELL_EVERY:
            place.told_at = now
            self._publish(action, place)

    def _publish(self, action: str, place: _Place) -> None:
        seen, place.untold = place.untold, 0
        self._tell(
            ContractDrift(
                at=place.seen_at,
                integration=self._integration,
                vendor=self._vendor,
                action=action,
                pointer=place.drift.pointer,
                expected=place.drift.expected,
                found=place.drift.found,
                seen=seen,
            )
        )
