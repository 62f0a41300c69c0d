"""When each integration is due for its next round of checks: slots on a fixed grid, and a heap of due times.

Pure: it is told the time and never waits. The slots of an integration lie at UTC epoch + (k + phase) x
interval, the phase is a hash of its id, so they are the same after a restart and never drift; a small jitter,
fixed for each slot, keeps vendors from seeing a beat. UTC is read once: later jumps of the wall clock do not
matter.

Every due time is put off to the next of the beats, which all integrations share, so that rounds start some
at once. A check that wakes the process for itself alone was measured to take twice the CPU of one in company.
"""

import heapq
from hashlib import blake2b
from math import ceil, floor, inf

JITTER_RATIO = 0.02
JITTER_MAX = 1.0
BEAT = 0.1
"""Seconds between two beats."""

BEAT_RATIO = 0.05
"""Of an interval, what a beat takes at most."""

VENDOR_WAIT = 1.0
"""Seconds that a round waits for others of its vendor."""

AT_ONCE = 16
"""Due times that are looked at before the event loop gets its turn."""


class _Entry:
    """One integration's grid, and where it stands on it. `slot` is the next slot that has not come yet, `due`
    its due time; where it stands under others, it counts no more.
    """

    __slots__ = (
        "asked",
        "base",
        "due",
        "interval",
        "is_on",
        "is_running",
        "is_waiting",
        "key",
        "retry_interval",
        "seed",
        "skipped",
        "slot",
        "started",
        "vendor",
    )

    def __init__(self, key: str, vendor: str) -> None:
        self.key = key
        self.vendor = vendor
        self.seed = int.from_bytes(blake2b(key.encode(), digest_size=8).digest())
        self.interval = self.retry_interval = 1.0
        self.base = self.due = self.asked = self.started = 0.0
        self.slot = self.skipped = 0
        self.is_on = self.is_running = self.is_waiting = False

    @property
    def phase(self) -> float:
        """Where its slots lie in an interval, 0 to 1."""
        return self.seed / 2**64

    def slot_due(self, slot: int) -> float:
        """When a slot is due. The jitter is a hash of the slot (Knuth's multiplier), the same each time."""
        share = ((self.seed ^ slot) * 2654435761 >> 16 & 0xFFFF) / 0x10000
        jitter = share * min(self.interval * JITTER_RATIO, JITTER_MAX)
        return self.on_beat(self.base + (slot + self.phase) * self.interval + jitter)

    def on_beat(self, at: float) -> float:
        """The first beat that is not before `at`."""
        beat = min(BEAT, self.interval * BEAT_RATIO)
        return self.base + ceil((at - self.base) / beat) * beat

    def latest_slot(self, now: float) -> int:
        """The last slot that is due by now."""
        slot = floor((now - self.base) / self.interval - self.phase)
        return slot if self.slot_due(slot) <= now else slot - 1


class Round:
    """One round of an integration's checks that may start now.

    `lag` is how late it starts in seconds, `skipped` how many slots passed unused before it.
    """

    __slots__ = ("entry", "key", "lag", "skipped")

    def __init__(self, entry: _Entry, *, lag: float, skipped: int) -> None:
        self.entry = entry
        self.key = entry.key
        self.lag = lag
        self.skipped = skipped


class Timetable:
    """Says which rounds start now. At most one round of an integration runs or waits at any time, so what
    waits is bounded by the number of integrations; a slot that finds it so is skipped and counted.

    `epoch` is UTC's zero on the clock that `now` is read from. `vendor_rounds` of one vendor run at once, the
    others of that vendor wait, but no longer than `vendor_wait` seconds: where one hangs, each round lasts
    until its timeout, and those that are well would stand in line behind all that are not. The first round
    after `add` comes within `spread` seconds.
    """

    def __init__(
        self,
        *,
        epoch: float,
        vendor_rounds: int = 8,
        vendor_wait: float = VENDOR_WAIT,
        spread: float = 10.0,
    ) -> None:
        self._epoch = epoch
        self._vendor_rounds = vendor_rounds
        self._vendor_wait = vendor_wait
        self._spread = spread
        self._entries: dict[str, _Entry] = {}
        # Only of vendors that have a round in flight, or one that waits: first come, first served.
        self._running: dict[str, int] = {}
        self._waiting: dict[str, list[_Entry]] = {}
        # Due times lie on beats, so that many have the same: a tuple on the heap for each takes ten times as
        # much.
        self._times: list[float] = []
        self._falling_due: dict[float, list[_Entry]] = {}
        self._freed: dict[str, None] = {}
        self.in_flight = 0
        self.waiting = 0
        self.skipped = 0

    def add(self, key: str, *, vendor: str, interval: float, retry_interval: float, now: float) -> None:
        """Put an integration on the timetable, or change its times; a round that runs goes on."""
        entry = self._entries.get(key)
        if entry is None or entry.vendor != vendor:
            self.remove(key)
            entry = self._entries[key] = _Entry(key, vendor)
        elif entry.is_on and (entry.interval, entry.retry_interval) == (interval, retry_interval):
            return
        entry.interval, entry.retry_interval, entry.base = interval, retry_interval, self._epoch
        self._plan(entry, now)

    def remove(self, key: str) -> None:
        """Take an integration off; unknown ones are ignored."""
        if key in self._entries:
            self.switch_off(key)
            del self._entries[key]

    def switch_off(self, key: str) -> None:
        """Let no slot of an integration come due; a round that runs goes on."""
        entry = self._entries[key]
        entry.is_on, entry.due = False, inf
        if entry.is_waiting:
            self._stop_waiting(entry)

    def switch_on(self, key: str, *, now: float) -> None:
        """Let slots come due again, the first soon; nothing changes when they do already."""
        if not self._entries[key].is_on:
            self._plan(self._entries[key], now)

    def next_due(self) -> float:
        """When `take` will have something to do: infinity for never, minus infinity for now."""
        if self._freed:
            return -inf
        return self._times[0] if self._times else inf

    def due(self, key: str) -> float | None:
        """When an integration's next round is due, None for never."""
        due = self._entries[key].due
        return None if due == inf else due

    def take(self, now: float, *, limit: int = AT_ONCE) -> list[Round]:
        """The rounds that start now; at most `limit` due times are looked at."""
        rounds = self._take_waiting(now)
        for _ in range(limit):
            if not self._times or self._times[0] > now:
                break
            due, entry = self._pop()
            begun = None
            if due == entry.due:
                begun = self._fall_due(entry, due=due, now=now)
            elif entry.is_waiting and entry.asked + self._vendor_wait <= now:
                self._stop_waiting(entry)
                begun = self._start(entry, due=entry.asked, now=now)
            if begun is not None:
                rounds.append(begun)
        return rounds

    def begin(self, key: str, *, now: float) -> Round:
        """Start a round outside the grid and the vendor's limit; none of this integration may be running."""
        entry = self._entries[key]
        if entry.is_waiting:
            self._stop_waiting(entry)
        return self._start(entry, due=now, now=now)

    def finish(self, ended: Round, *, now: float, is_unconfirmed: bool) -> None:
        """A round has ended; when its result needs confirmation, the next one comes after the retry
        interval.
        """
        entry = ended.entry
        entry.is_running = False
        self.in_flight -= 1
        self._leave(entry.vendor)
        retry = max(now, entry.started + entry.retry_interval)
        if is_unconfirmed and entry.is_on and retry < entry.due:
            self._push(entry, retry)

    def _plan(self, entry: _Entry, now: float) -> None:
        entry.is_on = True
        entry.slot = entry.latest_slot(now) + 1
        soon = entry.on_beat(now + entry.phase * min(self._spread, entry.interval))
        self._push(entry, min(soon, entry.slot_due(entry.slot)))

    def _push(self, entry: _Entry, due: float) -> None:
        entry.due = due
        self._place(entry, due)

    def _place(self, entry: _Entry, at: float) -> None:
        """Have it looked at then."""
        those = self._falling_due.get(at)
        if those is None:
            self._falling_due[at] = [entry]
            heapq.heappush(self._times, at)
        else:
            those.append(entry)

    def _pop(self) -> tuple[float, _Entry]:
        """The earliest time at which one is looked at, and who it is."""
        due = self._times[0]
        those = self._falling_due[due]
        entry = those.pop()
        if not those:
            del self._falling_due[due]
            heapq.heappop(self._times)
        return due, entry

    def _fall_due(self, entry: _Entry, *, due: float, now: float) -> Round | None:
        passed = self._pass_slots(entry, now)
        self._push(entry, entry.slot_due(entry.slot))
        if entry.is_running or entry.is_waiting:
            self._skip(entry, passed)
            return None
        self._skip(entry, max(0, passed - 1))
        if self._running.get(entry.vendor, 0) < self._vendor_rounds:
            return self._start(entry, due=due, now=now)
        entry.asked, entry.is_waiting = due, True
        self._waiting.setdefault(entry.vendor, []).append(entry)
        self.waiting += 1
        self._place(entry, due + self._vendor_wait)
        return None

    def _pass_slots(self, entry: _Entry, now: float) -> int:
        """Move on to the next slot to come, and say how many were passed; a retry passes none."""
        following = max(entry.slot, entry.latest_slot(now) + 1)
        passed = following - entry.slot
        entry.slot = following
        return passed

    def _skip(self, entry: _Entry, slots: int) -> None:
        entry.skipped += slots
        self.skipped += slots

    def _take_waiting(self, now: float) -> list[Round]:
        rounds = []
        for vendor in self._freed:
            while self._running.get(vendor, 0) < self._vendor_rounds and vendor in self._waiting:
                entry = self._waiting[vendor][0]
                self._stop_waiting(entry)
                rounds.append(self._start(entry, due=entry.asked, now=now))
        self._freed.clear()
        return rounds

    def _leave(self, vendor: str) -> None:
        """A round of a vendor has ended, and one that waits may start."""
        left = self._running.pop(vendor) - 1
        if left:
            self._running[vendor] = left
        if vendor in self._waiting:
            self._freed[vendor] = None

    def _stop_waiting(self, entry: _Entry) -> None:
        entry.is_waiting = False
        self.waiting -= 1
        those = self._waiting[entry.vendor]
        those.remove(entry)
        if not those:
            del self._waiting[entry.vendor]

    def _start(self, entry: _Entry, *, due: float, now: float) -> Round:
        entry.is_running, entry.started = True, now
        self._running[entry.vendor] = self._running.get(entry.vendor, 0) + 1
        self.in_flight += 1
        begun = Round(entry, lag=max(0.0, now - due), skipped=entry.skipped)
        entry.skipped = 0
        return begun
