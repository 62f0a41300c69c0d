"""Quiet times: when a route is muted, or an escalation waits until the morning."""

from monitors.alerts.decisions import Verdict
from monitors.alerts.escalation import Place
from monitors.alerts.intervals import Calendar
from monitors.alerts.steady import SteadyClock
from monitors.alerts.suppression import Cause

_MINUTE = 60.0


class QuietTimes:
    """Time intervals by name, asked about the wall clock's present."""

    def __init__(self, *, clock: SteadyClock) -> None:
        self._clock = clock
        self._calendar = Calendar({})

    def configure(self, calendar: Calendar) -> None:
        """Take other intervals."""
        self._calendar = calendar

    def cause(self, place: Place | None, *, is_critical: bool) -> Cause | None:
        """Why nobody is told at this place now, whatever there is to tell; a recovery waits too. Quiet hours
        of an escalation hold for alerts that are not critical.
        """
        if place is None:
            return None
        at = self._clock.wall(self._clock.now())
        branch = place.branch
        for name in branch.mute_time_intervals:
            if self._calendar.holds(name, at):
                return self._cause(name, f"The route is muted during {name}.", at)
        active = branch.active_time_intervals
        if active and not any(self._calendar.holds(name, at) for name in active):
            return self._cause(active[0], f"The route is active during {', '.join(active)} only.", at)
        if place.level and not is_critical:
            for name in place.quiet_hours:
                if self._calendar.holds(name, at):
                    return self._cause(name, f"Escalation waits during {name}: it is not critical.", at)
        return None

    def _cause(self, name: str, reason: str, at: float) -> Cause:
        """Intervals begin and end at full minutes."""
        return Cause(Verdict.MUTED, name, reason, until=self._clock.now() + _MINUTE - at % _MINUTE)
