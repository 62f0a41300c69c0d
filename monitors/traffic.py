"""The last hour of an integration's calls, in memory: sixty minutes of counts and latency histograms.

Latencies fall into buckets that grow by 5 %, from 0.1 ms to about 5 minutes, so a percentile read from them
is at most 5 % off. Minutes that are over are packed into bytes. The bound an integration: 60 x 310 buckets of
4 to 8 bytes, 149 kB, when every minute holds every latency; one with a call a minute, as most that are only
checked have, takes 0.3 kB.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil, log
from types import MappingProxyType

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import CallRecord
from integrations.sparing import nothing
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
_HEAD = 2
"""Bytes a minute begins with. With the bit IS_PACKED they say how long the packed minute is that follows; one
with all 310 buckets takes 2,500 bytes. Without it they are all there is: the bucket of the only call, which
was no failure, in the minute after the one before; the first minute of all is never so short.
"""
_IS_PACKED = 0x8000


_ONCE = tuple(MappingProxyType({bucket: 1}) for bucket in range(LAST_BUCKET + 1))
"""The latencies of a minute with one call, which all that are alike share."""


class _Minute:
    """One minute's counts. `latencies` maps a bucket to calls."""

    __slots__ = ("calls", "failures", "latencies", "number", "rejected", "retries")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = self.failures = self.rejected = self.retries = 0
        self.latencies: Mapping[int, int] = nothing()

    def packed(self, *, follows: bool) -> bytes:
        """As few bytes: two of a minute with one check, of which ten thousand integrations keep sixty each.
        `follows`: the minute before it is packed before it.
        """
        counts = (self.calls, self.failures, self.rejected, self.retries)
        if follows and counts == (1, 0, 0, 0) and len(self.latencies) == 1:
            return next(iter(self.latencies)).to_bytes(_HEAD)
        packed = _PACKER.encode((self.number, *counts, dict(self.latencies)))
        return (_IS_PACKED | len(packed)).to_bytes(_HEAD) + packed


class Traffic:
    """Counts an integration's requests, checks included.

    Rejected requests never left the house, and a cancelled one says nothing: neither has a latency or counts
    as a failure. The wall clock may jump: a record from before the newest minute counts into that minute.
    """

    __slots__ = ("_follows", "_newest", "_over")

    def __init__(self) -> None:
        # No bytearray, which takes 40 bytes more; it grows once a minute.
        self._over = b""
        # Whether the minute before the newest had calls.
        self._follows = False
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
        if not latencies:
            minute.latencies = _ONCE[bucket]
        elif type(latencies) is dict:
            latencies[bucket] = latencies.get(bucket, 0) + 1
        else:
            minute.latencies = {**latencies, bucket: latencies.get(bucket, 0) + 1}
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
        before = self._newest.number
        if before >= 0:
            over = self._over + self._newest.packed(follows=self._follows and bool(self._over))
            self._over = _without(over, number - MINUTES)
        self._follows = number == before + 1
        self._newest = _Minute(number)
        return self._newest

    def _unpacked(self) -> Iterator[_Minute]:
        over, start, number = self._over, 0, 0
        while start < len(over):
            minute, start = _minute_at(over, start, number=number)
            yield minute
            number = minute.number + 1


def _without(over: bytes, last: int) -> bytes:
    """Without the minutes up to this one."""
    while over:
        first, end = _minute_at(over, 0, number=0)
        if first.number > last:
            return over
        if end == len(over):
            return b""
        second, after = _minute_at(over, end, number=first.number + 1)
        over = second.packed(follows=False) + over[after:]
    return over


def _minute_at(over: bytes, start: int, *, number: int) -> tuple[_Minute, int]:
    """The packed minute that begins there, and where it ends; `number` is its own unless it says another."""
    body = start + _HEAD
    head = int.from_bytes(over[start:body])
    if not head & _IS_PACKED:
        minute = _Minute(number)
        minute.calls, minute.latencies = 1, {head: 1}
        return minute, body
    end = body + (head & ~_IS_PACKED)
    number, calls, failures, rejected, retries, latencies = _UNPACKER.decode(over[body:end])
    minute = _Minute(number)
    minute.calls, minute.failures, minute.rejected, minute.retries = calls, failures, rejected, retries
    minute.latencies = latencies
    return minute, end


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
