"""The time of a replay."""

import anyio.lowlevel


class ReplayClock:
    """Stands at `now`, in UTC seconds, until it is set."""

    def __init__(self, now: float) -> None:
        self.now = now

    def monotonic(self) -> float:
        """Return `now`: in a replay both clocks are one."""
        return self.now

    def time(self) -> float:
        """Return `now`."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds
        await anyio.lowlevel.checkpoint()
