"""How live calls end under a policy, kept small: half a million take 9 MB."""

from array import array
from collections.abc import Iterator

from exporters.analytics.backtest.recorded import RecordedCall
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.signals import CallRecord

_KINDS = (None, *FailureKind)
_PLACES = {kind: place for place, kind in enumerate(_KINDS)}


class Ends:
    """Takes the ends of an integration's live calls, and tells them in the order of their time."""

    def __init__(self) -> None:
        self._at = array("d")
        self._seconds = array("f")
        self._kinds = array("B")
        self._capabilities = array("H")
        self._effects = array("B")
        self._names: dict[str, int] = {}

    def add(self, call: RecordedCall, kind: FailureKind | None, *, at: float) -> None:
        """A call ended so; what no caller made is left out."""
        if call.origin is not Origin.TRAFFIC:
            return
        self._at.append(at)
        self._seconds.append(max(0.0, at - call.began))
        self._kinds.append(_PLACES[kind])
        self._capabilities.append(self._names.setdefault(call.capability, len(self._names)))
        self._effects.append(call.is_read)

    def calls(self, *, integration: str, vendor: str) -> Iterator[CallRecord]:
        """All of them, as the signals that they would have been."""
        names = tuple(self._names)
        for place in sorted(range(len(self._at)), key=self._at.__getitem__):
            yield CallRecord(
                at=self._at[place],
                call_id="",
                run_id="",
                integration=integration,
                vendor=vendor,
                action="",
                capability=names[self._capabilities[place]],
                effect=Effect.READ if self._effects[place] else Effect.WRITE,
                origin=Origin.TRAFFIC,
                kind=_KINDS[self._kinds[place]],
                duration=self._seconds[place],
            )
