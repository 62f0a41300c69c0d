"""Faults: what a vendor can be told to do wrong, to whom, how often and for how long.

latency          waits `seconds` before it answers
hang             never answers; drops the connection after `seconds`
reset            drops the connection without an answer
unauthorized     refuses the credential, in the vendor's form
token_expired    the same, as an expired token
forbidden        refuses the action, in the vendor's form
throttled        429 with the vendor's own headers and `retry_after`
quota_low        says that `remaining` requests are left, and answers
quota_out        says that none is left, and refuses as the vendor does
server_error     answers `status` (500-599)
vendor_error     a 200 that says no, with the vendor's error word `code`
slow_body        sends the headers at once and the body over `seconds`
truncated        promises a whole body, sends half and closes
malformed        a JSON body that is none
huge_body        a body of `size` bytes
announcement     the vendor's status page says `code` (an indicator) of the component `action`; calls are well
"""

import random
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from integrations.clock import Clock
from integrations.signals import Indicator
from integrations.simulator.schedule import Schedule


class FaultKind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    HANG = "hang"
    RESET = "reset"
    UNAUTHORIZED = "unauthorized"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a fault, no secret
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    QUOTA_LOW = "quota_low"
    QUOTA_OUT = "quota_out"
    SERVER_ERROR = "server_error"
    VENDOR_ERROR = "vendor_error"
    SLOW_BODY = "slow_body"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    HUGE_BODY = "huge_body"
    ANNOUNCEMENT = "announcement"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. It strikes requests of `vendor`, `account` and `action` (empty: all), of these a `share`.

    `seconds` is for latency, hang and slow_body, `status` for server_error, `retry_after` (seconds) for
    throttled, `remaining` for quota_low, `code` for vendor_error (empty: the vendor's usual one), `size`
    (bytes) for huge_body.
    """

    kind: FaultKind
    vendor: str = ""
    account: str = ""
    action: str = ""
    share: float = 1.0
    seconds: float = 2.0
    status: int = 503
    retry_after: float = 5.0
    remaining: int = 10
    code: str = ""
    size: int = 12 * 1024 * 1024

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if self.kind is FaultKind.ANNOUNCEMENT and self.code not in {"", *Indicator}:
            raise ValueError(f"code of an announcement must be one of {', '.join(Indicator)}")
        if not 0 < self.share <= 1:
            raise ValueError("share must be above 0 and at most 1")
        if not 500 <= self.status <= 599:
            raise ValueError("status must be between 500 and 599")
        if min(self.seconds, self.retry_after, self.remaining) < 0:
            raise ValueError("seconds, retry_after and remaining must be at least 0")
        if not 0 < self.size <= 256 * 1024 * 1024:
            raise ValueError("size must be between 1 byte and 256 MiB")

    def strikes(self, vendor: str, account: str, action: str) -> bool:
        """Whether a request is among those this fault is for; the share is not drawn here."""
        return self.vendor in {"", vendor} and self.account in {"", account} and self.action in {"", action}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A fault on the board: `left` is in seconds, None for ever; `id` is None for one of the schedule's."""

    fault: Fault
    id: int | None = None
    left: float | None = None


class FaultBoard:
    """Which faults are in force now: those set by command, and those of a schedule.

    The schedule's time begins when the board is made. Shares are drawn from `seed`, so the same requests in
    the same order meet the same faults.
    """

    def __init__(self, *, clock: Clock, seed: int = 0, schedule: Schedule[Fault] | None = None) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - drawing faults is no cryptography
        self._began = clock.monotonic()
        self._schedule = schedule
        self._set: dict[int, tuple[Fault, float | None]] = {}
        self._last = 0

    def follow(self, schedule: Schedule[Fault]) -> None:
        """Replace the schedule; its time begins now."""
        self._began = self._clock.monotonic()
        self._schedule = schedule

    def add(self, fault: Fault, *, duration: float | None = None) -> int:
        """Set a fault for `duration` seconds (None: until removed) and return its id.

        Raises:
            ValueError: when the duration is not above 0.
        """
        if duration is not None and duration <= 0:
            raise ValueError("duration must be above 0")
        self._last += 1
        until = None if duration is None else self._clock.monotonic() + duration
        self._set[self._last] = (fault, until)
        return self._last

    def remove(self, fault_id: int) -> bool:
        """Take one fault away; whether it was there."""
        return self._set.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Take away all faults set by command, and the schedule."""
        self._set.clear()
        self._schedule = None

    def standing(self) -> tuple[Standing, ...]:
        """Return the faults in force now, those set by command first."""
        return (*self._commanded(), *self._scheduled())

    def struck(self, vendor: str, account: str, action: str) -> tuple[Fault, ...]:
        """Return the faults that strike one request, each drawn by its share."""
        return tuple(
            standing.fault
            for standing in self.standing()
            if standing.fault.strikes(vendor, account, action) and self._drawn(standing.fault.share)
        )

    def _drawn(self, share: float) -> bool:
        return share >= 1 or self._random.random() < share

    def _commanded(self) -> Iterable[Standing]:
        now = self._clock.monotonic()
        self._set = {key: entry for key, entry in self._set.items() if entry[1] is None or entry[1] > now}
        for key, (fault, until) in self._set.items():
            yield Standing(fault=fault, id=key, left=None if until is None else until - now)

    def _scheduled(self) -> Iterable[Standing]:
        if self._schedule is None:
            return
        elapsed = self._clock.monotonic() - self._began
        for window in self._schedule.at(elapsed):
            yield Standing(fault=window.what, left=window.end - elapsed)
