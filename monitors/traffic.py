"""The last hour of an integration's calls, in memory: sixty minutes of counts and latency histograms.

Latencies fall into buckets that grow by 5 %, from 0.1 ms to about 5 minutes, so a percentile read from them
is at most 5 % off. Minutes that are over are packed into bytes. The bound an integration: 60 x 310 buckets of
4 to 8 bytes, 149 kB, when every minute holds every latency; an integration with one call a minute takes 1 kB.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil, log

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import CallRecord
from integrations.sparing import nothing, put
from monitors.report import IntegrationMetrics, MinuteStats

MINUTES = 60
SHORTEST = 0.0001
GROWTH = 1.05
LAST_BUCKET = 309

_PER_BUCKET = 1 / log(GROWTH)
_LONGEST = SHORTEST * GROWTH ** (LAST_BUCKET - 1)
_UNCOUNTED = frozenset((FailureKind.REJECTED, FailureKind.CANCELLED))


_Packed = tuple[int, int, int, int, int, dict[int, int]]
_PACKER, _UNPACKER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Packed)
_LENGTH = 2
"""Bytes that say how long the packed minute is that follows; one with all 310 buckets takes 2,500 bytes."""


class _Minute:
    """One minute's counts. `latencies` maps a bucket to calls."""

    __slots__ = ("calls", "failures", "latencies", "number", "rejected", "retries")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = self.failures = self.rejected = self.retries = 0
        self.latencies: Mapping[int, int] = nothing()

    def packed(self) -> bytes:
        """As few bytes: 13 of a minute with one check, of which ten thousand integrations keep sixty each."""
        latencies = dict(self.latencies)
        counts = (self.number, self.calls, self.failures, self.rejected, self.retries, latencies)
        packed = _PACKER.encode(counts)
        return len(packed).to_bytes(_LENGTH) + packed

    @classmethod
    def unpacked(cls, packed: bytearray) -> "_Minute":
        number, calls, failures, rejected, retries, latencies = _UNPACKER.decode(packed)
        minute = cls(number)
        minute.calls, minute.failures, minute.rejected, minute.retries = calls, failures, rejected, retries
        minute.latencies = latencies
        return minute


class Traffic:
    """Counts an integration's requests, checks included.

    Rejected requests never left the house, and a cancelled one says nothing: neither has a latency or counts
    as a failure. The wall clock may jump: a record from before the newest minute counts into that minute.
    """

    __slots__ = ("_newest", "_over")

    def __init__(self) -> None:
        self._over: bytearray | None = None
        self._newest = _Minute(-1)

    def record(self, call: CallRecord) -> int | None:
        """Count one request; return the bucket of its latency, None for one that has none."""
        minute = self._newest
        if call.at >= (minute.number + 1) * 60:
            minute = self._begin(int(call.at // 60))
        minute.calls += 1
        attempts = len(call.attempts)
        if attempts > 1:
            minute.retries += attempts - 1
        if call.kind is not None:
            if call.kind in _UNCOUNTED:
                minute.rejected += call.kind is FailureKind.REJECTED
                return None
            minute.failures += 1
        bucket = bucket_of(call.duration)
        latencies = minute.latencies
        if type(latencies) is dict:
            latencies[bucket] = latencies.get(bucket, 0) + 1
        else:
            minute.latencies = put(latencies, bucket, latencies.get(bucket, 0) + 1)
        return bucket

    def metrics(self, integration: str, *, now: float) -> IntegrationMetrics:
        """The last hour up to the UTC second `now`, minute by minute and as a whole."""
        current = max(int(now // 60), self._newest.number)
        known = {minute.number: minute for minute in (*self._unpacked(), self._newest)}
        minutes = [
            known.get(number) or _Minute(number) for number in range(current - MINUTES + 1, current + 1)
        ]
        latencies: Counter[int] = Counter()
        for minute in minutes:
            latencies.update(minute.latencies)
        failures = sum(minute.failures for minute in minutes)
        measured = latencies.total()
        return IntegrationMetrics(
            integration=integration,
            calls=sum(minute.calls for minute in minutes),
            failures=failures,
            rejected=sum(minute.rejected for minute in minutes),
            retries=sum(minute.retries for minute in minutes),
            error_ratio=failures / measured if measured else None,
            p50=percentile(latencies, 0.5),
            p95=percentile(latencies, 0.95),
            p99=percentile(latencies, 0.99),
            minutes=tuple(_stats(minute) for minute in minutes),
        )

    def _begin(self, number: int) -> _Minute:
        over = self._over
        if self._newest.number >= 0:
            if over is None:
                over = self._over = bytearray()
            over += self._newest.packed()
        while over and _Minute.unpacked(over[_LENGTH : _end(over, 0)]).number <= number - MINUTES:
            del over[: _end(over, 0)]
        self._newest = _Minute(number)
        return self._newest

    def _unpacked(self) -> Iterator[_Minute]:
        over, start = self._over or bytearray(), 0
        while start < len(over):
            end = _end(over, start)
            yield _Minute.unpacked(over[start + _LENGTH : end])
            start = end


def _end(over: bytearray, start: int) -> int:
    """Where the packed minute ends that begins there."""
    return start + _LENGTH + int.from_bytes(over[start : start + _LENGTH])


def bucket_of(seconds: float) -> int:
    """The bucket of a latency: 0 up to 0.1 ms, each further one 5 % wider, the last one open."""
    if seconds <= SHORTEST:
        return 0
    if seconds >= _LONGEST:
        return LAST_BUCKET
    return int(log(seconds / SHORTEST) * _PER_BUCKET) + 1


def percentile(latencies: Mapping[int, int], share: float) -> float | None:
    """The latency in seconds that `share` of the calls did not exceed, geometrically interpolated within its
    bucket; None without calls.
    """
    wanted = max(1, ceil(share * sum(latencies.values())))
    below = 0
    for bucket in sorted(latencies):
        held = latencies[bucket]
        if below + held >= wanted:
            within = (wanted - below - 0.5) / held
            return SHORTEST * float(GROWTH ** (bucket - 1 + within))
        below += held
    return None


def _stats(minute: _Minute) -> MinuteStats:
    latencies = minute.latencies
    return MinuteStats(
        start=minute.number * 60.0,
        calls=minute.calls,
        failures=minute.failures,
        rejected=minute.rejected,
        p50=percentile(latencies, 0.5),
        p95=percentile(latencies, 0.95),
    )
