"""Maintenance: planned work, during which nobody is notified and SLOs do not count. It comes again as
configured, or is a silence made for it.
"""

from collections.abc import Mapping, Sequence

from monitors.alerts.intervals import Calendar
from monitors.alerts.matchers import Matcher, all_match, parse_matcher
from monitors.alerts.settings import MaintenancePlan
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.steady import SteadyClock


class Maintenance:
    """All maintenance there is. Configured plans follow the wall clock in their zones."""

    def __init__(self, *, clock: SteadyClock, silences: Silences) -> None:
        self._clock = clock
        self._silences = silences
        self._plans: tuple[tuple[MaintenancePlan, tuple[Matcher, ...]], ...] = ()
        self._calendar = Calendar({})

    def configure(self, plans: Sequence[MaintenancePlan]) -> None:
        """Take other plans.

        Raises:
            ValueError: naming the plan and what is wrong with it.
        """
        self._calendar = Calendar({plan.name: plan.time_intervals for plan in plans})
        self._plans = tuple((plan, tuple(map(parse_matcher, plan.matchers))) for plan in plans)

    def current(self, labels: Mapping[str, str]) -> MaintenancePlan | Silence | None:
        """What holds now for these labels."""
        return self.plan(labels) or next(
            (
                silence
                for silence in self._silences.active()
                if silence.is_maintenance and all_match(silence.matchers, labels)
            ),
            None,
        )

    def holds(self, name: str) -> bool:
        """Whether the configured plan of this name holds now."""
        return self._calendar.holds(name, self._clock.wall(self._clock.now()))

    def plan(self, labels: Mapping[str, str]) -> MaintenancePlan | None:
        """The configured plan that holds now for these labels."""
        at = self._clock.wall(self._clock.now())
        for plan, matchers in self._plans:
            if all_match(matchers, labels) and self._calendar.holds(plan.name, at):
                return plan
        return None
