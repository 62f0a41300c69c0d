"""Time for tests: a clock one moves by hand, and an event loop whose time jumps to the next timer when it is
idle."""

import asyncio
import selectors
from collections.abc import Callable

import anyio


class FakeClock:
    """A clock that stands until `advance` is called; `sleep` advances it."""

    def __init__(self, *, now: float = 1_000.0, utc: float = 1_800_000_000.0) -> None:
        self._now = now
        self._offset = utc - now

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now + self._offset

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def jump_utc(self, seconds: float) -> None:
        """Move the wall clock only, as a clock adjustment does."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        self._now += seconds
        await anyio.lowlevel.checkpoint()


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: when nothing is ready, the loop's time moves on by what it would have waited."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.skipped += timeout
        if not ready and timeout is None:
            return super().select(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time; anyio deadlines and sleeps hold in its virtual time,
    which begins at 1,000 s. What computing takes does not pass in it: the same seeds give the same times, to
    the last digit and however busy the machine is.

    Not for tests in which a thread's answer is awaited: time would run on while the thread works.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return 1_000.0 + self._jumping.skipped


VIRTUAL_TIME = ("asyncio", {"loop_factory": VirtualTimeLoop})
"""The value for an `anyio_backend` fixture that makes a module's tests run in virtual time."""


class _PatientSelector(_JumpingSelector):
    """Waits as others do while threads work."""

    def __init__(self) -> None:
        super().__init__()
        self.is_busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0 and self.is_busy():
            return selectors.DefaultSelector.select(self, 1.0)
        return super().select(timeout)


class PatientTimeLoop(VirtualTimeLoop):
    """Virtual time for tests with threads: it stands while `selector.is_busy` says that they work."""

    def __init__(self) -> None:
        self._jumping = self.selector = _PatientSelector()
        asyncio.SelectorEventLoop.__init__(self, self._jumping)


PATIENT_TIME = ("asyncio", {"loop_factory": PatientTimeLoop})


class LoopClock:
    """The running loop's time as a Clock; with VirtualTimeLoop no sleep takes real time."""

    def __init__(self, *, utc: float = 1_800_000_000.0) -> None:
        self._utc = utc
        self._start: float | None = None

    def monotonic(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now
        return now

    def time(self) -> float:
        now = self.monotonic()
        return self._utc + now - (self._start or now)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class ThreadsClock(LoopClock):
    """The time of the loop in which it was made, for threads too."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()
