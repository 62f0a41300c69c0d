"""Notifying on a clock that stands: alerts go in, and what receivers are told comes out; with a store in
memory, from which it can be started again at any moment.
"""

from collections.abc import Callable, Sequence

import msgspec

from integrations.credentials.secret import Secret
from integrations.signals import Evidence, Health
from monitors.alerts.alert import Alert
from monitors.alerts.decisions import Decision, Flush, Verdict
from monitors.alerts.group import Group, GroupID
from monitors.alerts.grouping import Grouping
from monitors.alerts.inhibition import Parents
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.notification import Notification
from monitors.alerts.notifier import Notifier
from monitors.alerts.outbox import Message
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silence, Silences
from monitors.alerts.steady import SteadyClock
from monitors.alerts.store import Loaded
from monitors.alerts.suppression import Afresh
from monitors.incident import Acknowledgement, Incident
from monitors.parent import Parent
from tests.fakes.clock import FakeClock

LOOK_EVERY = 1.0


def receiver(name: str, *, send_resolved: bool = True, fallback: str = "") -> WebhookReceiver:
    return WebhookReceiver(
        name=name,
        url=Secret("https://example.com/hook"),
        send_resolved=send_resolved,
        fallback=fallback,
    )


def settings(route: Route | None = None, **others: object) -> AlertSettings:
    """Settings with the receivers `pager`, `chat` and `boss`; all alerts go to `pager` unless told."""
    given = {"receivers": (receiver("pager"), receiver("chat"), receiver("boss")), **others}
    return msgspec.structs.replace(AlertSettings(route=route or Route(receiver="pager")), **given)


def alert(name: str = "IntegrationDown", *, at: float = 0.0, **labels: str) -> Alert:
    """An alert that fires; `integration`, `vendor` and `severity` have defaults."""
    given = {"integration": "github-prod", "vendor": "github", "severity": "critical"} | labels
    return Alert(
        labels={"alertname": name, **{key: value for key, value in given.items() if value}},
        annotations={"summary": f"{name} of {given['integration']}"},
        starts_at=at,
        incident=f"incident-{given['integration']}",
    )


class MemoryStore:
    """An AlertStore whose rows are bytes, so that only what is stored survives."""

    def __init__(self) -> None:
        self.groups: dict[GroupID, bytes] = {}
        self.silences: dict[str, bytes] = {}
        self.messages: list[Message] = []
        self.decisions: list[Decision] = []

    def put_groups(self, groups: Sequence[Group]) -> None:
        self.groups |= {group.id: msgspec.json.encode(group) for group in groups}

    def put_flush(self, flush: Flush) -> None:
        self.put_groups(flush.groups)
        for forgotten in flush.forgotten:
            self.groups.pop(forgotten, None)
        self.messages += flush.messages
        self.decisions += flush.decisions

    async def load(self) -> Loaded:
        return self.loaded()

    def loaded(self) -> Loaded:
        return Loaded(
            groups=tuple(msgspec.json.decode(body, type=Group) for body in self.groups.values()),
            silences=tuple(msgspec.json.decode(body, type=Silence) for body in self.silences.values()),
        )

    async def save_flush(self, flush: Flush) -> None:
        self.put_flush(flush)

    async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
        self.silences |= {each.id: msgspec.json.encode(each) for each in silences}
        for each in forgotten:
            self.silences.pop(each, None)


class SetParents:
    """Parents that a test sets, by integration."""

    def __init__(self) -> None:
        self.of: dict[str, Parent] = {}

    def parent_of(self, integration: str) -> Parent | None:
        return self.of.get(integration)


class SetAfresh:
    """Fresh checks that a test ends by hand."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting: set[str] = set()

    def ask(self, integration: str) -> None:
        self.asked.append(integration)
        self.waiting.add(integration)

    def is_waiting(self, integration: str) -> bool:
        return integration in self.waiting


class Desk:
    """Grouping and notifying as they work together, without the rest of the engine."""

    def __init__(
        self,
        settings_: AlertSettings | None = None,
        *,
        parents: Parents | None = None,
        afresh: Afresh | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.settings = settings_ or settings()
        self.parents = parents
        self.afresh = afresh
        self.incidents: dict[str, Incident] = {}
        self._start()

    def _start(self) -> None:
        self.steady = SteadyClock(self.clock)
        self.grouping = Grouping(self.settings)
        self.silences = Silences(clock=self.steady, store=self.store, changed=self._touch)
        self.notifier = Notifier(
            self.settings,
            clock=self.steady,
            grouping=self.grouping,
            silences=self.silences,
            incident=self.incidents.get,
            parents=self.parents,
            afresh=self.afresh,
            new_id=self._numbered,
        )

    def _numbered(self, at: float) -> str:
        return f"message-{len(self.store.messages) + 1}-{at}"

    def _touch(self) -> None:
        self.notifier.touch()

    def restart(self) -> None:
        """Kill the process, and start again from what is stored."""
        loaded = self.store.loaded()
        self._start()
        self.silences.load(loaded.silences)
        self.notifier.load(loaded.groups)

    def configure(self, settings_: AlertSettings) -> None:
        """Reload the configuration."""
        self.settings = settings_
        self.store.put_groups(self.notifier.configure(settings_))

    def take(self, *alerts: Alert) -> None:
        """Let alerts begin, change or end; stored at once, as the engine does."""
        self.store.put_groups(self.grouping.take(alerts, now=self.steady.now()))

    def fire(self, *alerts: Alert) -> None:
        """Let alerts fire from now on."""
        self.take(*(msgspec.structs.replace(each, starts_at=self.clock.time()) for each in alerts))

    def end(self, *alerts: Alert) -> None:
        """Let alerts end now."""
        self.take(*(msgspec.structs.replace(each, ends_at=self.clock.time()) for each in alerts))

    def decide(self) -> Flush | None:
        """Decide on what is due now, and store it."""
        due = self.notifier.due_at()
        if due > self.steady.now():
            return None
        flush = self.notifier.decide(self.steady.now())
        if flush:
            self.store.put_flush(flush)
        return flush

    def wait(self, seconds: float, *, each: Callable[[], None] = lambda: None) -> None:
        """Let time pass, deciding whenever something is due."""
        end = self.steady.now() + seconds
        while True:
            due = max(self.notifier.due_at(), self.steady.now())
            if due > end:
                break
            self.clock.advance(due - self.steady.now())
            each()
            self.decide()
            if self.notifier.due_at() <= self.steady.now():
                # A group that is due again at once would hang the loop of the engine.
                raise AssertionError("what was decided on is due again at the same moment")
        self.clock.advance(end - self.steady.now())

    def acknowledge(self, incident: str, *, actor: str = "ana", expires_in: float | None = None) -> None:
        """Let somebody work on an incident."""
        now = self.clock.time()
        ends = None if expires_in is None else now + expires_in
        acknowledgement = Acknowledgement(actor=actor, at=now, expires_at=ends)
        self.incidents[incident] = msgspec.structs.replace(
            self.incidents.get(incident) or an_incident(incident, at=now), acknowledgement=acknowledgement
        )
        self.notifier.touch({incident})

    def release(self, incident: str) -> None:
        """Take the acknowledgement back."""
        known = self.incidents[incident]
        self.incidents[incident] = msgspec.structs.replace(known, acknowledgement=None)
        self.notifier.touch({incident})

    async def silence(
        self, matchers: str, *, lasts: float = 3_600.0, is_maintenance: bool = False
    ) -> Silence:
        """Silence from now on."""
        return await self.silences.create(
            parse_matchers(matchers),
            actor="ana",
            comment="planned",
            ends_at=self.clock.time() + lasts,
            is_maintenance=is_maintenance,
        )

    @property
    def told(self) -> list[Notification]:
        """Every notification so far."""
        return [msgspec.json.decode(each.content, type=Notification) for each in self.store.messages]

    def told_to(self, name: str) -> list[Notification]:
        """Those to one receiver."""
        return [each for each in self.told if each.receiver == name]

    @property
    def verdicts(self) -> list[tuple[str, Verdict]]:
        """Receivers and verdicts of all decisions so far."""
        return [(each.receiver, each.verdict) for each in self.store.decisions]


def an_incident(id_: str, *, at: float) -> Incident:
    """An open incident."""
    return Incident(
        id=id_,
        integration=id_.removeprefix("incident-"),
        vendor="github",
        capability="",
        state=Health.DOWN,
        evidence=Evidence.CHECK,
        reason="timeout",
        began_at=at,
        opened_at=at,
    )
