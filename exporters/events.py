"""Events for intakes that take them: incidents, breaker transitions and changes of health, as they happen.

The way is one for all intakes: a signal comes over the bus into a bounded queue; about a second later all
that is queued is encoded on a thread and kept in a spool of its own, from which it is sent. An exporter of
events stands beside that of metrics, because its intake may refuse them while it takes metrics.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import assert_never, cast
from urllib.parse import quote

import msgspec

from exporters.push.exporter import PushExporter
from exporters.push.gathering import Gathering
from exporters.series import writable
from integrations.clock import Clock
from integrations.signals import BreakerState, BreakerTransition, Health, HealthChange, IncidentChange, Signal

MOST_WAITING = 50_000
"""Events that wait to be written to disk; beyond it the oldest is given up, and counted."""

Value = str | float | bool


class EventKind(StrEnum):
    """What an event tells of."""

    INCIDENT = "incident"
    BREAKER_TRANSITION = "breaker_transition"
    HEALTH_CHANGE = "health_change"
    TRIAL = "trial"


class Tone(StrEnum):
    """How good or bad the news are."""

    ERROR = "error"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


class TrialEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What `dialtone exporters test` sends in place of a signal."""

    at: float


Told = IncidentChange | BreakerTransition | HealthChange | TrialEvent
_TOLD = frozenset({IncidentChange, BreakerTransition, HealthChange})


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, in the words of all intakes.

    `id` is the same however often it is sent; `key` is shared by the events of one story, such as an
    incident from its opening to its end. `fields` are flat and have no empty value; `link` leads to its page
    in Dialtone, and is empty when no address of it is known.
    """

    kind: EventKind
    id: str
    key: str
    at: float
    title: str
    text: str
    tone: Tone
    integration: str
    vendor: str
    capability: str
    fields: dict[str, Value]
    link: str


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept and sent together, in the order in which it happened; `home` is where people reach
    Dialtone.
    """

    points: tuple[Told, ...]
    home: str = ""

    def followed_by(self, later: "Events") -> "Events":
        """Both as one."""
        return Events(points=(*self.points, *later.points), home=later.home)

    @property
    def ended(self) -> float:
        """When the last of them happened, as UTC seconds."""
        return max((told.at for told in self.points), default=0.0)

    def told(self) -> Iterator[Event]:
        """Yield each in the words of all intakes."""
        return (_with_clean_texts(event_of(told, home=self.home)) for told in self.points)


class EventExporter(Gathering[Told, Events]):
    """Gathers what happens for the exporter of one intake. Subscribe it to the bus; `home` is asked for
    Dialtone's address when events are handed over.
    """

    def __init__(self, exporter: PushExporter[Events], *, clock: Clock, home: Callable[[], str]) -> None:
        def cut(points: tuple[Told, ...]) -> Events:
            return Events(points=points, home=home())

        super().__init__(exporter, cut=cut, most=MOST_WAITING, clock=clock)

    def on_signal(self, signal: Signal) -> None:
        """Take a signal that intakes are told of, and pass the others by."""
        if type(signal) in _TOLD:
            self.put(cast("Told", signal))


def event_of(told: Told, *, home: str) -> Event:
    """A signal in the words of all intakes."""
    match told:
        case IncidentChange():
            return _incident(told, home=home)
        case BreakerTransition():
            return _transition(told, home=home)
        case HealthChange():
            return _health(told, home=home)
        case TrialEvent():
            return _trial(told, home=home)
        case _:
            assert_never(told)


def _with_clean_texts(event: Event) -> Event:
    """The event with texts that UTF-8 can carry: what people and vendors wrote must not cost the others."""
    fields = {
        name: writable(value) if isinstance(value, str) else value for name, value in event.fields.items()
    }
    return msgspec.structs.replace(
        event, title=writable(event.title), text=writable(event.text), fields=fields
    )


_BY_HEALTH = {
    Health.UP: Tone.SUCCESS,
    Health.DOWN: Tone.ERROR,
    Health.UNAUTHORIZED: Tone.ERROR,
    Health.DEGRADED: Tone.WARNING,
    Health.THROTTLED: Tone.WARNING,
}
_SAID = frozenset({"acknowledged", "unacknowledged", "noted"})
_BY_BREAKER = {
    BreakerState.OPEN: Tone.ERROR,
    BreakerState.FORCED_OPEN: Tone.ERROR,
    BreakerState.HALF_OPEN: Tone.WARNING,
    BreakerState.CLOSED: Tone.SUCCESS,
}


def _incident(change: IncidentChange, *, home: str) -> Event:
    is_end = change.event == "resolved"
    ended = change.resolved_at if change.resolved_at is not None else change.at
    return Event(
        kind=EventKind.INCIDENT,
        id=f"{change.incident}/{change.event}/{change.at:.6f}",
        key=change.incident,
        at=change.at,
        title=f"{_place(change)}: incident {change.event}" + ("" if is_end else f", {change.state.value}"),
        text=change.reason,
        tone=_tone(change),
        integration=change.integration,
        vendor=change.vendor,
        capability=change.capability,
        fields=_filled(
            incident=change.incident,
            action=change.event,
            state=change.state.value,
            actor=change.actor,
            parent=change.parent,
            opened_at=change.opened_at,
            duration=round(ended - change.opened_at, 3) if is_end else None,
        ),
        link=_link(home, "incidents", change.incident),
    )


def _tone(change: IncidentChange) -> Tone:
    """An end is good news, and what people say about an incident is neither good nor bad."""
    if change.event == "resolved":
        return Tone.SUCCESS
    return Tone.INFO if change.event in _SAID else _BY_HEALTH.get(change.state, Tone.INFO)


def _transition(change: BreakerTransition, *, home: str) -> Event:
    return Event(
        kind=EventKind.BREAKER_TRANSITION,
        id=f"breaker/{_where(change)}/{change.after.value}/{change.at:.6f}",
        key=f"breaker/{_where(change)}",
        at=change.at,
        title=f"{_place(change)}: circuit breaker {change.after.value.replace('_', ' ')}",
        text=change.reason,
        tone=_BY_BREAKER.get(change.after, Tone.INFO),
        integration=change.integration,
        vendor=change.vendor,
        capability=change.capability,
        fields=_filled(
            state=change.after.value,
            previous_state=change.before.value,
            actor=change.actor,
            calls=change.calls,
            failures=change.failures,
            slow=change.slow,
            open_seconds=change.open_seconds or None,
        ),
        link=_link(home, "integrations", change.integration),
    )


def _health(change: HealthChange, *, home: str) -> Event:
    return Event(
        kind=EventKind.HEALTH_CHANGE,
        id=f"health/{_where(change)}/{change.after.value}/{change.at:.6f}",
        key=f"health/{_where(change)}",
        at=change.at,
        title=f"{_place(change)}: {change.after.value}, was {change.before.value}",
        text=change.reason,
        tone=_BY_HEALTH.get(change.after, Tone.INFO),
        integration=change.integration,
        vendor=change.vendor,
        capability=change.capability,
        fields=_filled(
            state=change.after.value,
            previous_state=change.before.value,
            evidence=change.evidence.value,
            failure=change.kind.value if change.kind is not None else "",
            flapping=change.flapping,
            began_at=change.since,
        ),
        link=_link(home, "integrations", change.integration),
    )


def _trial(trial: TrialEvent, *, home: str) -> Event:
    return Event(
        kind=EventKind.TRIAL,
        id=f"trial/{trial.at:.6f}",
        key="trial",
        at=trial.at,
        title="Dialtone tries whether events arrive",
        text="An operator asked for it; nothing has happened.",
        tone=Tone.INFO,
        integration="",
        vendor="",
        capability="",
        fields={},
        link=home,
    )


def _place(change: IncidentChange | BreakerTransition | HealthChange) -> str:
    return f"{change.integration} ({change.capability})" if change.capability else change.integration


def _where(change: BreakerTransition | HealthChange) -> str:
    return f"{change.integration}/{change.capability}" if change.capability else change.integration


def _link(home: str, page: str, name: str) -> str:
    return f"{home.rstrip('/')}/{page}/{quote(name, safe='')}" if home else ""


def _filled(**fields: Value | None) -> dict[str, Value]:
    """Those with a value."""
    return {name: value for name, value in fields.items() if value is not None and value != ""}
