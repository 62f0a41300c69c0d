"""Notes what alerting did in a replay: incidents, alerts, and who was told of them when."""

from collections import Counter
from collections.abc import Callable, Sequence

from exporters.analytics.backtest.alerts.outcome import AlertSide, NotedAlert, NotedIncident, Told
from integrations.execution.outcome import FailureKind
from integrations.signals import CallRecord, CheckResult, IncidentChange
from monitors.alerts.alert import Alert
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Flush, Verdict
from monitors.health import BROKEN, EVIDENCE_OF
from monitors.slo_report import ALERT

CHANGES = frozenset(("opened", "reopened", "resolved"))
MOST_KEPT = 2_000
"""Incidents, and alerts, of one replay that are kept; later ones are only counted."""

_TELLING = frozenset((Verdict.SENT, Verdict.DIGESTED))
_QUIET = 60.0
"""Seconds: calls that fail less than that apart are one failure."""


class FirstFailures:
    """When the trouble of now began: the first failure, of a check since its last success, of calls since a
    minute without failures.
    """

    def __init__(self) -> None:
        self._checks: dict[str, float] = {}
        self._calls: dict[str, tuple[float, float]] = {}

    def take_check(self, result: CheckResult) -> None:
        """A check ended."""
        if result.kind is None:
            self._checks.pop(result.capability, None)
            self._calls.pop(result.capability, None)
        elif result.evidence_health in BROKEN:
            self._checks.setdefault(result.capability, result.at)

    def take_call(self, call: CallRecord) -> None:
        """A live call ended."""
        if not _is_failure(call.kind):
            return
        began, last = self._calls.get(call.capability, (call.at, call.at))
        self._calls[call.capability] = (began if call.at - last <= _QUIET else call.at, call.at)

    def since(self, at: float) -> float:
        """When the trouble of a moment began; that moment where nothing failed."""
        calls = (began for began, last in self._calls.values() if at - last <= _QUIET)
        return min((*self._checks.values(), *calls, at))


def _is_failure(kind: FailureKind | None) -> bool:
    return kind is not None and EVIDENCE_OF[kind] in BROKEN


class _Incident:
    def __init__(self, signal: IncidentChange, *, first: float) -> None:
        self.opened_at, self.first = signal.at, first
        self.state, self.reason = signal.state, signal.reason
        self.resolved_at: float | None = None
        self.told: list[Told] = []


class _Alert:
    def __init__(self, alert: Alert, *, at: float, first: float) -> None:
        self.alert, self.at, self.first = alert, at, first
        self.ended_at: float | None = None
        self.told: list[Told] = []


class Ledger:
    """What came of everything. `changes` are the openings and ends of incidents, `left_out` counts what was
    too much to keep. `since` says when the trouble of a moment began.
    """

    def __init__(self, *, since: Callable[[float], float]) -> None:
        self._since = since
        self.changes: list[IncidentChange] = []
        self.assumed = 0
        self.left_out = 0
        self._incidents: dict[str, _Incident] = {}
        self._alerts: list[_Alert] = []
        self._firing: dict[str, _Alert] = {}
        self._messages: list[tuple[float, str]] = []

    def take(self, consequences: Consequences, *, at: float) -> None:
        """Note what a change led to."""
        for signal in consequences.signals:
            self._change(signal)
        for alert in consequences.alerts:
            self._alert(alert, at=at)

    def take_flush(self, flush: Flush) -> None:
        """Note who is told of what."""
        self._messages += [(each.created_at, each.receiver) for each in flush.messages]
        for decision in flush.decisions:
            if decision.verdict not in _TELLING:
                continue
            told = Told(at=decision.at, receiver=decision.receiver, level=decision.level)
            for incident in decision.incidents:
                _add(self._incidents.get(incident), told)
            for fingerprint in decision.alerts:
                _add(self._firing.get(fingerprint), told)

    def side(self, *, start: float, end: float) -> AlertSide:
        """All of it, as far as it concerns the time from `start` to `end`."""
        incidents = [_incident(each) for each in self._incidents.values() if _touches(each, start, end)]
        alerts = [self._noted(each) for each in self._alerts if _concerns(each, start, end)]
        messages = Counter(receiver for at, receiver in self._messages if start <= at < end)
        return AlertSide(
            incidents=tuple(incidents),
            alerts=tuple(alerts),
            messages=dict(sorted(messages.items())),
            open_seconds=sum(_seconds(each, start, end) for each in incidents),
            assumed=self.assumed,
            left_out=self.left_out,
        )

    def _change(self, signal: IncidentChange) -> None:
        if signal.event in CHANGES:
            self.changes.append(signal)
        known = self._incidents.get(signal.incident)
        if known is None:
            if signal.event == "opened":
                self._open(signal)
            return
        if signal.event == "reopened":
            known.resolved_at = None
        elif signal.event == "resolved":
            known.resolved_at = signal.at
        elif signal.event == "worsened":
            known.state, known.reason = signal.state, signal.reason

    def _open(self, signal: IncidentChange) -> None:
        if len(self._incidents) >= MOST_KEPT:
            self.left_out += 1
            return
        self._incidents[signal.incident] = _Incident(signal, first=self._since(signal.at))

    def _alert(self, alert: Alert, *, at: float) -> None:
        known = self._firing.get(alert.fingerprint)
        if not alert.is_firing:
            if known is not None:
                known.ended_at = at
            return
        if known is not None and known.ended_at is None:
            return
        if len(self._alerts) >= MOST_KEPT:
            self.left_out += 1
            return
        self._firing[alert.fingerprint] = begun = _Alert(alert, at=at, first=self._since(at))
        self._alerts.append(begun)

    def _noted(self, each: _Alert) -> NotedAlert:
        labels = each.alert.labels
        first = min((told.at for told in each.told), default=None)
        return NotedAlert(
            name=labels.get("alertname", ""),
            severity=labels.get("severity", ""),
            capability=labels.get("capability", ""),
            objective=_objective(each.alert),
            at=each.at,
            ended_at=each.ended_at,
            delay=self._delay(each),
            told_at=first,
            receivers=tuple(dict.fromkeys(told.receiver for told in each.told)),
        )

    def _delay(self, each: _Alert) -> float | None:
        """Since the incident's first failure, or for an objective's alert its own; others tell of none."""
        incident = self._incidents.get(each.alert.incident)
        if incident is not None:
            return max(0.0, each.at - incident.first)
        return max(0.0, each.at - each.first) if _objective(each.alert) else None


def _objective(alert: Alert) -> str:
    """The objective whose budget it says burns; empty for none."""
    return alert.labels.get("slo", "") if alert.labels.get("alertname") == ALERT else ""


def _add(row: _Incident | _Alert | None, told: Told) -> None:
    if row is not None and len(row.told) < MOST_KEPT:
        row.told.append(told)


def _touches(each: _Incident, start: float, end: float) -> bool:
    return each.opened_at < end and (each.resolved_at is None or each.resolved_at > start)


def _concerns(each: _Alert, start: float, end: float) -> bool:
    """Whether an alert is of a time: it began then. For an objective's, which no incident stands for, it is
    enough that it fired then.
    """
    fires_on = bool(_objective(each.alert)) and (each.ended_at is None or each.ended_at > start)
    return each.at < end and (each.at >= start or fires_on)


def _incident(each: _Incident) -> NotedIncident:
    return NotedIncident(
        first_failure_at=each.first,
        opened_at=each.opened_at,
        resolved_at=each.resolved_at,
        state=each.state,
        reason=each.reason,
        delay=each.opened_at - each.first,
        told=first_of_each(each.told),
    )


def first_of_each(told: Sequence[Told]) -> tuple[Told, ...]:
    """When each receiver was told first."""
    first: dict[str, Told] = {}
    for each in told:
        first.setdefault(each.receiver, each)
    return tuple(first.values())


def _seconds(each: NotedIncident, start: float, end: float) -> float:
    return min(end, end if each.resolved_at is None else each.resolved_at) - max(start, each.opened_at)
