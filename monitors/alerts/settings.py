"""How alerts are configured: what the part `alerts` of the configuration file may hold.

Words and meanings are Alertmanager's where it has them. Durations are seconds. Whether names lead somewhere
is asked of the whole by `check`.
"""

from collections.abc import Iterator, Sequence

import msgspec

from integrations.manifest.source import nearest
from monitors.alerts.intervals import Calendar, TimeInterval
from monitors.alerts.matchers import Matcher, parse_matcher
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.routing import Branch, Route, RoutingTree
from monitors.alerts.rules import Rule
from monitors.alerts.watchdog import WatchdogSettings
from monitors.dependencies import Dependency
from monitors.egress_settings import EgressSettings
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_settings import SLOSettings

DAY = 86_400.0
MAX_LEVELS = 10


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration."""


class NamedInterval(_Section, frozen=True, kw_only=True):
    """Stretches of time under a name, as in Alertmanager's `time_intervals`."""

    name: str
    time_intervals: tuple[TimeInterval, ...]


class InhibitRule(_Section, frozen=True, kw_only=True):
    """While an alert that `source_matchers` hold for fires, those that `target_matchers` hold for are not
    notified of, where the labels named in `equal` are the same in both (a label that is not there is empty).
    An alert for which both hold is not inhibited by another such.
    """

    source_matchers: tuple[str, ...]
    target_matchers: tuple[str, ...]
    equal: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that would inhibit everything, and matchers that are none.

        Raises:
            ValueError: with the key and what it must be.
        """
        _require_matchers("source_matchers", self.source_matchers)
        _require_matchers("target_matchers", self.target_matchers)


class MaintenancePlan(_Section, frozen=True, kw_only=True):
    """Maintenance that comes again: alerts that `matchers` hold for are not notified of during
    `time_intervals`, checks go on, and SLOs leave the time out.
    """

    name: str
    matchers: tuple[str, ...]
    time_intervals: tuple[TimeInterval, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse one that could never begin or fits nothing.

        Raises:
            ValueError: with the key and what it must be.
        """
        _require_matchers("matchers", self.matchers)
        if not self.time_intervals:
            raise ValueError("time_intervals must hold at least one")


class EscalationLevel(_Section, frozen=True, kw_only=True):
    """Who is told too when nobody has acknowledged `after` so many seconds since the first notification."""

    after: float
    receivers: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a level that tells nobody, or tells at once.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not self.receivers:
            raise ValueError("receivers must name at least one")
        if not 0 < self.after <= 7 * DAY:
            raise ValueError("after must be above 0 and at most a week of seconds")


class Escalation(_Section, frozen=True, kw_only=True):
    """A chain of levels, which routes take up by name. The route's own receiver is level 0. In `quiet_hours`
    (names of time intervals) only alerts of severity critical climb; the others wait for their end.
    """

    name: str
    levels: tuple[EscalationLevel, ...]
    quiet_hours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse levels that do not rise, or tell one receiver twice.

        Raises:
            ValueError: with the key and what it must be.
        """
        waits = [level.after for level in self.levels]
        if not waits or len(waits) > MAX_LEVELS or waits != sorted(set(waits)):
            raise ValueError(f"levels must hold 1 to {MAX_LEVELS}, each with a longer `after` than the last")
        told = [name for level in self.levels for name in level.receivers]
        if len(told) > len(set(told)):
            raise ValueError("levels must name each receiver once: repeat_interval tells one again")


class StormGuard(_Section, frozen=True, kw_only=True):
    """How many notifications a receiver gets in a minute; what is beyond goes into one digest a minute. Those
    with an alert of severity critical are let through up to a limit of their own.
    """

    per_minute: int = 10
    critical_per_minute: int = 30

    def __post_init__(self) -> None:
        """Refuse limits that would let nothing through.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 1 <= self.per_minute <= self.critical_per_minute:
            raise ValueError("per_minute must be at least 1 and at most critical_per_minute")


class AlertSettings(_Section, frozen=True, kw_only=True):
    """All of alerting. Without a `route` incidents are kept and shown, and nobody is told.

    `group_wait_critical` and `group_wait` are how long a new group waits for more of its kind where its
    route does not say. `external_url` is where people reach Dialtone, for links.
    """

    receivers: tuple[Receiver, ...] = ()
    route: Route | None = None
    rules: tuple[Rule, ...] = ()
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: tuple[NamedInterval, ...] = ()
    maintenance: tuple[MaintenancePlan, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    storm: StormGuard = StormGuard()
    dependencies: tuple[Dependency, ...] = ()
    egress: EgressSettings = EgressSettings()
    slos: tuple[SLOSettings, ...] = ()
    heartbeats: tuple[HeartbeatSettings, ...] = ()
    watchdog: WatchdogSettings = WatchdogSettings()
    group_wait_critical: float = 10.0
    group_wait: float = 30.0
    external_url: str = ""

    def __post_init__(self) -> None:
        """Refuse waits that are none.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not (0 <= self.group_wait_critical <= 3600 and 0 <= self.group_wait <= 3600):
            raise ValueError("group_wait and group_wait_critical must be from 0 to 3600 seconds")

    def tree(self) -> RoutingTree | None:
        """The routing tree; None when there is no route.

        Raises:
            ValueError: naming the route and what is wrong with it.
        """
        return RoutingTree(self.route) if self.route else None

    def stand_ins(self) -> dict[str, str]:
        """For each receiver who is told of what concerns itself: its fallback, else another one."""
        directory = Directory(self.receivers)
        named = {receiver.name: directory.stand_in(receiver.name) for receiver in self.receivers}
        return {name: other.name for name, other in named.items() if other}

    def calendar(self) -> Calendar:
        """All time intervals by name.

        Raises:
            IntervalError: naming the interval and its part.
        """
        return Calendar({each.name: each.time_intervals for each in self.time_intervals})


def check(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    """What is wrong with the whole that no part can know: pairs of the key and what to change."""
    receivers = [receiver.name for receiver in settings.receivers]
    intervals = [each.name for each in settings.time_intervals]
    escalations = [each.name for each in settings.escalations]
    yield from _doubled("receivers", receivers)
    yield from _doubled("time_intervals", intervals)
    yield from _doubled("escalations", escalations)
    yield from _doubled("maintenance", [each.name for each in settings.maintenance])
    yield from _unreadable(settings)
    if settings.route:
        yield from _route_problems(settings.route, "route", (receivers, intervals, escalations))
        yield from _chain_problems(settings)
    for index, escalation in enumerate(settings.escalations):
        place = f"escalations[{index}]"
        yield from _unknown(f"{place}.quiet_hours", escalation.quiet_hours, intervals)
        for number, level in enumerate(escalation.levels):
            yield from _unknown(f"{place}.levels[{number}].receivers", level.receivers, receivers)


_Names = tuple[Sequence[str], Sequence[str], Sequence[str]]


def _route_problems(route: Route, place: str, names: _Names) -> Iterator[tuple[str, str]]:
    receivers, intervals, escalations = names
    yield from _unknown(f"{place}.receiver", [route.receiver] if route.receiver else [], receivers)
    yield from _unknown(f"{place}.mute_time_intervals", route.mute_time_intervals, intervals)
    yield from _unknown(f"{place}.active_time_intervals", route.active_time_intervals, intervals)
    yield from _unknown(f"{place}.escalation", [route.escalation] if route.escalation else [], escalations)
    for index, child in enumerate(route.routes):
        yield from _route_problems(child, f"{place}.routes[{index}]", names)


def _chain_problems(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    """A receiver that a route tells at once and would tell again as a level of its chain."""
    chains = {
        each.name: {name for level in each.levels for name in level.receivers}
        for each in settings.escalations
    }
    for branch in _branches(settings):
        if branch.receiver in chains.get(branch.escalation, ()):
            yield (
                f"escalations.{branch.escalation}",
                f"{branch.receiver} is the receiver of route {branch.key} already: leave it out",
            )


def _branches(settings: AlertSettings) -> Sequence[Branch]:
    try:
        tree = settings.tree()
    except ValueError:  # It is told by _unreadable.
        return ()
    return tuple(tree.branches()) if tree else ()


def _unreadable(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    plans = {f"maintenance {each.name}": each.time_intervals for each in settings.maintenance}
    for key, read in (
        ("route", settings.tree),
        ("time_intervals", settings.calendar),
        ("maintenance", lambda: Calendar(plans)),
    ):
        try:
            read()
        except ValueError as error:
            yield key, str(error)


def _unknown(key: str, names: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else f"; there are: {', '.join(known) or 'none'}"
            yield key, f"there is no {name!r}{hint}"


def _doubled(key: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield key, f"{name!r} stands there twice"


def _require_matchers(key: str, texts: Sequence[str]) -> tuple[Matcher, ...]:
    if not texts:
        raise ValueError(f'{key} must hold at least one matcher, such as vendor="github"')
    return tuple(map(parse_matcher, texts))
