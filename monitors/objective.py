"""One service level objective that is watched: whom it covers, and what was counted for it."""

from collections.abc import Collection, Mapping

from monitors.alerts.matchers import all_match, parse_matcher
from monitors.slo_counts import Counts
from monitors.slo_events import Event
from monitors.slo_report import SLOStatus, status
from monitors.slo_settings import SLOSettings

Labels = Mapping[str, str]


class Objective:
    """An objective, whom it covers, and its counts. `told` are the labels of the alert that fires, `status`
    is how it stood when it was judged last, `good` and `bad` are counted since the start.
    """

    def __init__(self, slo: SLOSettings, counts: Counts) -> None:
        self.slo = slo
        self.counts = counts
        self.matchers = tuple(map(parse_matcher, slo.matchers))
        self.integrations: tuple[str, ...] = ()
        self.paused: tuple[str, ...] = ()
        self.shared: dict[str, str] = {}
        self.status: SLOStatus | None = None
        self.told: dict[str, str] | None = None
        self.since = 0.0
        self.good = 0
        self.bad = 0

    def covers(self, labels: Labels) -> bool:
        """Whether it covers an integration with these labels."""
        if self.slo.integrations:
            return labels["integration"] in self.slo.integrations
        return all_match(self.matchers, labels)

    def cover(self, labels: Mapping[str, Labels]) -> None:
        """Cover those of all integrations that it is for."""
        self.integrations = tuple(name for name, its in labels.items() if self.covers(its))
        first, *rest = [labels[name] for name in self.integrations] or [{}]
        self.shared = {
            name: value
            for name, value in first.items()
            if value and all(each.get(name) == value for each in rest)
        }

    def pause(self, paused: Collection[str]) -> None:
        """Leave out those that are in maintenance."""
        self.paused = tuple(name for name in self.integrations if name in paused)

    def count(self, event: Event, at: float, *, times: int = 1) -> None:
        """Count a request, or so many alike, at a time in UTC seconds, if it is of the kind that counts."""
        if self.slo.counted == ("traffic" if event.is_check else "checks"):
            return
        limit = self.slo.latency_below
        good = event.succeeded and (limit is None or event.duration <= limit)
        self.counts.add(at, good=good, times=times)
        if good:
            self.good += times
        else:
            self.bad += times

    def judge(self, now: float) -> SLOStatus:
        """How it stands now."""
        self.status = status(
            self.slo, self.counts, now=now, integrations=self.integrations, paused=self.paused
        )
        return self.status
