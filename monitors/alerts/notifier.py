"""The notifier: looks at groups that are due and decides who is told what now, with a reason for each.

Pure and synchronous: what it decides is one Flush, to be stored whole before anything of it is sent.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from integrations.samples import Sample
from monitors.alerts.alert import Alert
from monitors.alerts.composing import Composer, message_id
from monitors.alerts.decisions import Flush, Verdict
from monitors.alerts.digest import Digests, Waiting, is_digest, is_digested
from monitors.alerts.group import Group, Notified, is_critical, taken_up
from monitors.alerts.grouping import Grouping
from monitors.alerts.inhibition import InhibitRules, NoParents, Parents, children_of
from monitors.alerts.judging import RESOLVES, Judgement, judge
from monitors.alerts.maintenance import Maintenance
from monitors.alerts.notification import Reason
from monitors.alerts.quiet import QuietTimes
from monitors.alerts.receivers import AlertmanagerReceiver
from monitors.alerts.round import Round, withheld_by
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silences
from monitors.alerts.steady import SteadyClock
from monitors.alerts.storm import WINDOW, Storm
from monitors.alerts.suppression import LOOK_AGAIN, Afresh, Cause, Suppression, Suppressors
from monitors.incident import Incident

FORGET_EVERY = 3_600.0


class Notifier:
    """Decides. `now` is always `clock.now()`; `incident` finds an incident by its id.

    `afresh` checks once more what maintenance just ended for; without it nobody waits for that.
    `silences` and `grouping` belong to the caller, who calls `touch` when a silence, an acknowledgement or a
    parent changes.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        clock: SteadyClock,
        grouping: Grouping,
        silences: Silences,
        incident: Callable[[str], Incident | None],
        parents: Parents | None = None,
        afresh: Afresh | None = None,
        new_id: Callable[[float], str] = message_id,
    ) -> None:
        self._clock = clock
        self._grouping = grouping
        self._parents = parents or NoParents()
        self.maintenance = Maintenance(clock=clock, silences=silences)
        self._suppression = Suppression(
            clock=clock,
            silences=silences,
            maintenance=self.maintenance,
            parents=self._parents,
            incident=incident,
            afresh=afresh,
        )
        self._quiet = QuietTimes(clock=clock)
        self._composer = Composer(incident=incident, new_id=new_id)
        self._storm = Storm(settings.storm)
        self._digests = Digests()
        self._wants_resolved: dict[str, bool] = {}
        self._forget_at = clock.now() + FORGET_EVERY
        self._notifications: Counter[tuple[str, Reason]] = Counter()
        self._verdicts: Counter[tuple[str, Verdict]] = Counter()
        self._use(settings)

    def configure(self, settings: AlertSettings, *, alerts: Sequence[Alert] = ()) -> tuple[Group, ...]:
        """Take another configuration; returns the groups that changed, which are to be stored. `alerts` are
        those that fire: they are routed anew, also when no route took them so far.
        """
        self._use(settings)
        return self._grouping.configure(settings, alerts=alerts, now=self._clock.now())

    def load(self, groups: Iterable[Group], *, alerts: Sequence[Alert] = ()) -> None:
        """Go on with stored groups, digests among them. `alerts` are those that fire: they are routed anew,
        because the configuration may have changed since.
        """
        now = self._clock.now()
        stored = tuple(taken_up(group, now=now) for group in groups)
        self._digests.load(group for group in stored if is_digest(group))
        self._grouping.load([group for group in stored if not is_digest(group)], alerts=alerts, now=now)
        for group in stored:
            self._storm.restore(group.receiver, sent=group.recent)
            for fingerprint in withheld_by(group, Verdict.MAINTENANCE):
                self._suppression.remember(fingerprint)
            if group.notified and is_digest(group):
                self._storm.digested(group.receiver, now=group.notified.at)

    def due_at(self) -> float:
        """When to decide next."""
        due = self._grouping.due_at()
        return self._forget_at if due is None else min(due, self._forget_at)

    def touch(self, incidents: Collection[str] | None = None) -> None:
        """Look again at what is held back. `incidents`: only at groups that tell of these."""
        self._grouping.touch(now=self._clock.now(), incidents=incidents)

    def decide(self, now: float) -> Flush | None:
        """Decide on all that is due; None when there is nothing to store."""
        due = self._grouping.due(now)
        this = Round(now=now, at=self._clock.wall(now), firing=self._grouping.firing() if due else {})
        for group, alert in self._grouping.missed():
            reason = "It ended before its group was due."
            this.withhold(group, {alert.fingerprint: alert}, Cause(Verdict.OVER, "", reason, now))
        suppressors = self._suppression.among(this.firing)
        for group in sorted(due, key=lambda each: not is_critical(each.alerts)):
            self._look(this, group, suppressors)
        for receiver, entries in self._digests.take().items():
            self._digest(this, receiver, entries)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            this.forgotten = self._grouping.forget(now=now)
        self._verdicts.update((decision.receiver, decision.verdict) for decision in this.decisions)
        return this.flush()

    def samples(self) -> Iterable[Sample]:
        """Groups that there are and that wait, what receivers were told and what was decided."""
        groups = self._grouping.groups()
        yield Sample("dialtone_alert_groups", (), sum(bool(group.alerts) for group in groups))
        yield Sample("dialtone_alert_groups_waiting", (), sum(group.pending is not None for group in groups))
        for (receiver, reason), count in self._notifications.items():
            yield Sample("dialtone_notifications_total", (receiver, reason.name.lower()), count)
        for (receiver, verdict), count in self._verdicts.items():
            yield Sample("dialtone_notification_decisions_total", (receiver, verdict.value), count)

    def _use(self, settings: AlertSettings) -> None:
        self._storm.guard = settings.storm
        self._composer.external_url = settings.external_url
        self._suppression.configure(InhibitRules(settings.inhibit_rules))
        self._quiet.configure(settings.calendar())
        self.maintenance.configure(settings.maintenance)
        self._wants_resolved = {each.name: each.send_resolved for each in settings.receivers}
        self._storm.unlimited = frozenset(
            each.name for each in settings.receivers if isinstance(each, AlertmanagerReceiver)
        )

    def _look(self, this: Round, group: Group, suppressors: Suppressors) -> None:
        """Decide on one group that is due."""
        alerts, place = self._grouping.alerts(group.id), self._grouping.place(group)
        quiet = self._quiet.cause(place, is_critical=is_critical(group.alerts))
        if quiet:
            self._withhold(this, group, dict.fromkeys(alerts, quiet))
            return
        judgement = judge(
            group,
            alerts,
            place,
            suppressors=suppressors,
            now=this.now,
            is_ripe=self._grouping.is_ripe(group, now=this.now),
            was_acknowledged=bool(withheld_by(group, Verdict.ACKNOWLEDGED)),
        )
        if judgement.reason is None:
            self._withhold(this, group, judgement.causes)
            return
        wants = self._wants_resolved.get(group.receiver)
        if wants is None or (judgement.reason in RESOLVES and not wants):
            self._leave_untold(this, group, judgement)
            return
        told = {each: alerts[each] for each in judgement.told if wants or alerts[each].is_firing}
        self._fit(this, group, judgement, told=told)

    def _fit(self, this: Round, group: Group, judgement: Judgement, *, told: Mapping[str, Alert]) -> None:
        """Tell the receiver, as far as its minute lets it. A group that it was told of by itself goes on and
        ends by itself, and one that it was told of in a digest goes on and ends in digests.
        """
        critical = is_critical(told.values())
        if is_digested(group):
            self._digests.add(Waiting(group, judgement, told))
        elif self._storm.admit(group.receiver, critical=critical, now=this.now):
            self._send(this, group, judgement, told=told)
        elif group.told:
            free_at = self._storm.free_at(group.receiver, critical=critical)
            crowded = dict.fromkeys(told, _crowded(free_at))
            self._withhold(this, group, judgement.causes | crowded)
        else:
            self._digests.add(Waiting(group, judgement, told))

    def _send(self, this: Round, group: Group, judgement: Judgement, *, told: Mapping[str, Alert]) -> None:
        reason = judgement.reason or Reason.REPEAT
        alerts = tuple(told.values())
        children = children_of(alerts, firing=this.firing.values(), parents=self._parents)
        message = self._composer.message(group, alerts, reason=reason, at=this.at, children=children)
        this.messages.append(message)
        self._notifications[group.receiver, reason] += 1
        text = f"{group.receiver} is told: {reason.value}."
        this.tell(group, told, verdict=Verdict.SENT, reason=text, message=message)
        settled = this.withhold_new(group, judgement.causes, self._grouping.alerts(group.id))
        self._keep(this, _notified(settled, judgement.firing, reason=reason, now=this.now))

    def _digest(self, this: Round, receiver: str, entries: Sequence[Waiting]) -> None:
        """Send what did not fit as one message; or wait until that may be."""
        since = min(entry.group.crowded_since or this.now for entry in entries)
        due = self._storm.digest_at(receiver, since=since)
        if due > this.now:
            for entry in entries:
                group = replace(entry.group, crowded_since=entry.group.crowded_since or this.now)
                crowded = dict.fromkeys(entry.told, _crowded(due))
                self._withhold(this, group, entry.judgement.causes | crowded)
            return
        alerts = self._digested(receiver)
        for entry in entries:
            alerts |= entry.told
        group, message = self._digests.compose(
            receiver, alerts, composer=self._composer, now=this.now, at=this.at
        )
        this.keep(group)
        this.messages.append(message)
        self._storm.digested(receiver, now=this.now)
        self._notifications[receiver, Reason.DIGEST] += 1
        text = f"{receiver} is told in a digest: there was too much for messages of their own."
        for entry in entries:
            this.tell(entry.group, entry.told, verdict=Verdict.DIGESTED, reason=text, message=message)
            settled = this.withhold_new(
                entry.group, entry.judgement.causes, self._grouping.alerts(entry.group.id)
            )
            firing = entry.judgement.firing
            settled = _notified(settled, firing, reason=Reason.DIGEST, now=this.now, digested=True)
            self._keep(this, settled)

    def _digested(self, receiver: str) -> dict[str, Alert]:
        """What a receiver was told of in digests, and takes to be firing."""
        return {
            fingerprint: alert
            for group in self._grouping.groups()
            if group.receiver == receiver and is_digested(group)
            for fingerprint, alert in self._grouping.alerts(group.id).items()
            if fingerprint in group.told
        }

    def _leave_untold(self, this: Round, group: Group, judgement: Judgement) -> None:
        """The receiver does not want to know, or is none any more."""
        alerts = self._grouping.alerts(group.id)
        is_known = group.receiver in self._wants_resolved
        reason = "It does not want recoveries." if is_known else "It is no longer configured."
        cause = Cause(Verdict.UNWANTED, "", reason, this.now + LOOK_AGAIN)
        if group.notified is None:
            self._withhold(this, group, judgement.causes | dict.fromkeys(judgement.told, cause))
            return
        this.withhold(group, {each: alerts[each] for each in judgement.told}, cause)
        notified = replace(group.notified, firing=judgement.firing)
        settled = this.withhold_new(group, judgement.causes, alerts)
        self._keep(this, replace(settled, notified=notified))

    def _withhold(self, this: Round, group: Group, causes: Mapping[str, Cause]) -> None:
        settled = this.withhold_new(group, causes, self._grouping.alerts(group.id))
        settled = self._grouping.settle(settled, now=this.now)
        if settled.suppressed != group.suppressed:
            this.keep(settled)

    def _keep(self, this: Round, group: Group) -> None:
        this.keep(self._grouping.settle(group, now=this.now))


def _crowded(until: float) -> Cause:
    return Cause(Verdict.HELD, "storm", "It got as many notifications as it may in a minute.", until)


def _notified(
    group: Group, firing: tuple[str, ...], *, reason: Reason, now: float, digested: bool = False
) -> Group:
    """A group after its receiver was told; what it takes to be firing began with the first it was told of."""
    before = group.notified if group.told else None
    began_at = before.began_at if before else now
    notified = Notified(at=now, began_at=began_at, reason=reason, firing=firing, digested=digested)
    told = replace(group, notified=notified, crowded_since=None)
    if digested:
        return told
    recent = (*(at for at in group.recent if at > now - WINDOW), now)
    return replace(told, sequence=group.sequence + 1, recent=recent)
