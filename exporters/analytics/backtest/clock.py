"""The time of a replay."""

import anyio.lowlevel


class ReplayClock:
    """Stands at `now`, in UTC seconds, until it is set. `ahead` is what UTC adds to the monotonic clock."""

    def __init__(self, now: float, *, ahead: float = 0.0) -> None:
        self.now = now
        self.ahead = ahead

    def monotonic(self) -> float:
        """Return `now` by the other clock, which never jumps against it in a replay."""
        return self.now - self.ahead

    def time(self) -> float:
        """Return `now`."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds
        await anyio.lowlevel.checkpoint()
