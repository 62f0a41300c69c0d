"""The last good answers of reads, kept in memory to stand in while a vendor fails (RFC 9111, 4.2.4).

Bounded by bytes: the one that was not used for longest goes first. An answer is kept as text, so that nobody
shares its data, and is written at most once a second.
"""

from collections import OrderedDict

import msgspec
from msgspec.structs import replace

from integrations.clock import Clock
from integrations.execution.outcome import Outcome, Source
from integrations.sharing import ReadKey

MOST_BYTES = 32 * 1024 * 1024
MOST_BYTES_EACH = 1024 * 1024

_REFRESH = 1.0
_OVERHEAD = 512
_UNWRITABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)


class _Answer(msgspec.Struct, frozen=True):
    """What is kept of an outcome."""

    status: int | None
    headers: dict[str, str]
    data: object


class _Kept:
    """One answer as text, and when it was good."""

    __slots__ = ("at", "text")

    def __init__(self, text: bytes, at: float) -> None:
        self.text = text
        self.at = at

    @property
    def size(self) -> int:
        return len(self.text) + _OVERHEAD


class LastAnswers:
    """Keeps good answers, and gives them out as stale ones."""

    def __init__(
        self, *, clock: Clock, most_bytes: int = MOST_BYTES, most_bytes_each: int = MOST_BYTES_EACH
    ) -> None:
        self._clock = clock
        self._most = most_bytes
        self._most_each = most_bytes_each
        self._kept: OrderedDict[ReadKey, _Kept] = OrderedDict()
        self.bytes = 0

    def keep(self, key: ReadKey, outcome: Outcome) -> None:
        """Keep a good answer, unless it is too large or one of less than a second ago is there."""
        now, before = self._clock.monotonic(), self._kept.get(key)
        if before is not None and now - before.at < _REFRESH:
            return
        self._drop(key)
        try:
            text = msgspec.json.encode(_Answer(outcome.status, dict(outcome.headers), outcome.data))
        except _UNWRITABLE:
            return
        kept = _Kept(text, now)
        if kept.size <= self._most_each:
            self._kept[key] = kept
            self.bytes += kept.size
        while self.bytes > self._most:
            self._drop(next(iter(self._kept)))

    def stand_in(self, key: ReadKey, failed: Outcome, *, within: float) -> Outcome:
        """The last good answer if it is at most `within` seconds old, with what failed; else the failure."""
        kept = self._kept.get(key)
        if kept is None:
            return failed
        age = self._clock.monotonic() - kept.at
        if age > within:
            self._drop(key)
            return failed
        self._kept.move_to_end(key)
        answer = msgspec.json.decode(kept.text, type=_Answer)
        return replace(
            failed,
            kind=None,
            reason=None,
            code="",
            retry_after=None,
            detail=f"an answer of {age:.0f} s ago, because {told(failed)}",
            status=answer.status,
            headers=answer.headers,
            data=answer.data,
            source=Source.STALE,
            age=age,
        )

    def forget(self, integration: str) -> None:
        """Drop all answers of one integration."""
        for key in [key for key in self._kept if key.integration == integration]:
            self._drop(key)

    def _drop(self, key: ReadKey) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self.bytes -= kept.size


def told(failed: Outcome) -> str:
    """A failure in words, for who gets another answer in its place."""
    kind = "it failed" if failed.kind is None else f"of {failed.kind.value}"
    return f"{kind}: {failed.detail}" if failed.detail else kind
