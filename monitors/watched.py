"""The health of one watched integration: its capabilities, the whole, and a pause laid over both."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from integrations.connection import CheckPolicy
from integrations.samples import Sample
from integrations.signals import Evidence, Ground, Health, HealthChange
from integrations.sparing import alike, compact, nothing, put
from monitors.advice import advise
from monitors.concerns import Finding
from monitors.faults import Faults, NoFaults, marked
from monitors.gauges import Shown, gauges
from monitors.grounds import grounds
from monitors.health import BROKEN, Observation, is_known, is_news, unjudged, worst
from monitors.judged import Judged
from monitors.live import ERRORS, LATENCY, LiveCalls
from monitors.report import CapabilityHealth, IntegrationHealth, Pause, SavedHealth, VendorWord
from monitors.surroundings import NO_DATA, QUOTA, SILENCE, WEBHOOKS, Surroundings, missing
from monitors.vendor_words import lag, with_word

WHOLE = ""
"""The capability of a change or sample that is about the integration as a whole."""

UNNAMED = "any"
"""The capability a reported failure counts against when the integration has no other."""

# Each look-up of a member in its class takes 0.1 µs in Python 3.11.
_UP, _CHECK = Health.UP, Evidence.CHECK

_BAD = BROKEN | {Health.DEGRADED}

Note = Callable[[SavedHealth, Sequence[HealthChange]], None]


class WatchedIntegration:
    """Takes evidence and tells `note` whatever must be stored: the state, and confirmed changes of it.

    The whole is as its worst judged capability. While paused, no evidence counts: nothing is known that
    would be worth a verdict. `checked` names the capabilities that have a check running; the others recover
    by successful live calls. While `faults` are injected, health and its changes say so.
    """

    __slots__ = (
        "_capabilities", "_checked", "_faults", "_live", "_note", "around", "healed_by_calls",
        "integration", "pause", "policy", "since", "state", "vendor", "vendor_name",
    )  # fmt: skip

    def __init__(
        self,
        integration: str,
        *,
        vendor: str,
        vendor_name: str,
        note: Note,
        at: float,
        faults: Faults | None = None,
    ) -> None:
        self.integration = integration
        self.vendor = vendor
        self.vendor_name = vendor_name
        self.state = Health.UNKNOWN
        self.since = at
        self.pause: Pause | None = None
        # No sets, which take 216 bytes and more, for what is none or few.
        self.healed_by_calls: tuple[str, ...] = ()
        self.around = Surroundings()
        self._note = note
        self._faults = faults or NoFaults()
        self.policy = CheckPolicy()
        self._checked: tuple[str, ...] = ()
        self._capabilities: Mapping[str, Judged] = nothing()
        self._live: Mapping[str, LiveCalls] = nothing()

    def configure(self, policy: CheckPolicy, capabilities: Iterable[str], *, at: float) -> None:
        """Set what is checked and how it is confirmed; what is known of capabilities that stay is kept."""
        names = alike(tuple(dict.fromkeys(capabilities)))
        self.policy = policy
        self._checked = names if policy.enabled else ()
        reason = "No check has answered yet." if policy.enabled else "Checks are switched off."
        known = self._capabilities
        self._capabilities = compact(
            {
                name: known[name]
                if name in known and is_known(known[name].verdict)
                else Judged(unjudged(name, at=at, reason=reason))
                for name in names
            }
            | {name: known[name] for name in known if known[name].rests_on_more}
        )
        self._realign(at)

    def restore(self, saved: SavedHealth, *, at: float) -> None:
        """Go on from a stored state: nothing is announced again, since-times stay."""
        memory = {each.capability: each for each in saved.memory}
        for capability in saved.capabilities:
            judged = Judged(capability)
            if capability.capability in memory:
                judged.recall(memory[capability.capability])
            if capability.capability in self._capabilities or judged.rests_on_more:
                self._capabilities = put(self._capabilities, capability.capability, judged)
        for name, usual in saved.live.items():
            self.live(name).baselines = usual
        self.state, self.since, self.pause = saved.state, saved.since, saved.pause
        self._realign(at)

    def saved(self) -> SavedHealth:
        """What must survive a restart."""
        return SavedHealth(
            integration=self.integration,
            capabilities=tuple([judged.told() for judged in self._capabilities.values()]),
            state=self.state,
            since=self.since,
            pause=self.pause,
            memory=tuple(judged.memory() for judged in self._capabilities.values()),
            live={name: live.baselines for name, live in self._live.items()},
        )

    def observe(self, capability: str, seen: Observation, *, is_scheduled: bool = False) -> None:
        """Take one piece of evidence about one capability; whether it is of a check that is no repetition."""
        if self.pause:
            return
        judged = self._capabilities.get(capability) or _fresh(capability, at=seen.at)
        before, support = judged.verdict, 0
        if seen.state is not _UP:
            support = self.around.support_of(seen.state, is_failing_live=ERRORS in judged.concerns)
        elif seen.evidence is _CHECK:
            self.around.proved_at = seen.at
        judged.observe(seen, self.policy, support=support, is_scheduled=is_scheduled)
        if judged.verdict is not before:
            self._capabilities = put(self._capabilities, capability, judged)
            self._settle_one(judged, before, at=seen.at)

    def weigh(self, capability: str, source: str, found: Finding | None, *, at: float) -> None:
        """Take what one look by `source` found about a capability, or that it found nothing."""
        judged = self._capabilities.get(capability)
        if self.pause or (judged is None and found is None):
            return
        judged = judged or _fresh(capability, at=at)
        before = judged.verdict
        if judged.weigh(source, found, at=at):
            self._capabilities = put(self._capabilities, capability, judged)
            self._settle_one(judged, before, at=at)

    def live(self, capability: str) -> LiveCalls:
        """The live calls of a capability, to count one."""
        live = self._live.get(capability)
        if live is None:
            # Replaced as a whole, so that the many without live calls share what is empty.
            self._live = {**self._live, capability: (live := LiveCalls())}
        return live

    def look(self, *, at: float, now: float, overdue: Mapping[str, float]) -> None:
        """Weigh what only time shows: live calls, quotas, webhooks that stay away. `now` is monotonic, `at`
        the same in UTC; `overdue` says for how many seconds nothing was heard of capabilities whose checks
        should have answered.
        """
        for name, live in self._live.items():
            errors, latency = live.look(at=at, now=now)
            self.weigh(name, ERRORS, errors, at=at)
            self.weigh(name, LATENCY, latency, at=at)
        for name in tuple(self._capabilities):
            if self.around.knows_quota(name):
                self.weigh(name, QUOTA, self.around.used_up(name, at=at), at=at)
            is_missed = name in overdue and self._capabilities[name].basis.judged
            self.weigh(name, NO_DATA, missing(overdue[name]) if is_missed else None, at=at)
        was_silent = self.has_concern(WEBHOOKS, SILENCE)
        self.weigh(WEBHOOKS, SILENCE, self.around.silence(now=now, was_silent=was_silent), at=at)

    def has_concern(self, capability: str, source: str) -> bool:
        """Whether there is a concern of this source, hard or soft."""
        judged = self._capabilities.get(capability)
        return judged is not None and source in judged.concerns

    def keep(self) -> None:
        """Have everything stored that is known, also what is no news."""
        self._note(self.saved(), ())

    def report(self, seen: Observation) -> None:
        """Take evidence that names no capability: it counts against all."""
        for capability in tuple(self._capabilities) or (UNNAMED,):
            self.observe(capability, seen)

    def succeed(self, capability: str, *, at: float) -> None:
        """Take a successful live call as evidence, for capabilities that no check would heal."""
        for name in (capability, UNNAMED):
            if name in self.healed_by_calls:
                reason = "A live call succeeded."
                self.observe(
                    name, Observation(at=at, state=Health.UP, evidence=Evidence.TRAFFIC, reason=reason)
                )

    def begin_pause(self, pause: Pause) -> None:
        """Lay a pause over the health, or replace the one that lies there."""
        reason = f"Paused by {pause.actor}: {pause.reason}"
        self.pause = pause
        self._turn(Health.PAUSED, at=pause.since, reason=reason)

    def end_pause(self, *, at: float, reason: str) -> None:
        """Take the pause away; health is again what the capabilities say."""
        if self.pause:
            self.pause = None
            deciding = worst(self._verdicts())
            self._turn(deciding.state if deciding else Health.UNKNOWN, at=at, reason=reason)

    def hear(self, word: VendorWord | None) -> None:
        """Take what the vendor's status page says, to tell it with the verdict; it decides nothing."""
        self.around.vendor_says = word

    @property
    def vendor_says(self) -> VendorWord | None:
        """What the vendor's status page says."""
        return self.around.vendor_says

    @property
    def bad_since(self) -> float | None:
        """Since when it is in a confirmed bad state, as UTC seconds; None while it is in none."""
        return self.since if self.state in _BAD else None

    @property
    def is_troubled(self) -> bool:
        """Whether it is in a bad state, or a change of its health is being confirmed."""
        return self.bad_since is not None or self.is_unconfirmed

    @property
    def is_unconfirmed(self) -> bool:
        """Whether a checked capability has evidence that is not confirmed yet."""
        return any(self._capabilities[name].basis.pending for name in self._checked)

    def is_steady(self, capability: str) -> bool:
        """Whether a capability is confirmed to be up, and no change of any is waiting to be confirmed."""
        judged = self._capabilities.get(capability)
        if judged is None or self.is_unconfirmed:
            return False
        return judged.verdict.judged and judged.verdict.state is Health.UP

    def health(self, *, coming: Mapping[str, tuple[float, str]] = nothing()) -> IntegrationHealth:
        """The verdict of now; `coming` says when each is checked next (UTC seconds), and why so late."""
        known = tuple(self._capabilities.values())
        deciding = worst([judged.verdict for judged in known])
        return IntegrationHealth(
            integration=self.integration,
            vendor=self.vendor,
            state=self.state,
            since=self.since,
            reason=self._with_word(self._reason(deciding), self.state, bad_since=self.bad_since),
            advice=advise(deciding, vendor=self.vendor_name) if deciding and not self.pause else "",
            capabilities=tuple([judged.told(coming.get(judged.verdict.capability)) for judged in known]),
            pause=self.pause,
            fault=self._faults.current(self.integration),
            vendor_says=self._word(),
        )

    def grounds(self, capability: str, *, at: float) -> tuple[Ground, ...]:
        """All evidence on a capability at the UTC second `at`, the heaviest first."""
        judged = self._capabilities.get(capability)
        if judged is None:
            return ()
        live = self._live.get(capability)
        return grounds(
            judged,
            self.around,
            self.policy,
            window=live.window if live else None,
            vendor=self.vendor_name,
            at=at,
        )

    def judged(self, name: str) -> Judged:
        """All that is known of a capability; KeyError for one of which nothing is."""
        return self._capabilities[name]

    def capability(self, name: str) -> CapabilityHealth:
        """The confirmed health of one capability."""
        known = self._capabilities.get(name)
        return known.told() if known else unjudged(name, at=self.since, reason="No evidence yet.")

    def samples(self) -> Iterable[Sample]:
        """Health and its since-times, of the whole and of each capability. They are made anew each time:
        kept, those of ten thousand integrations took 60 MiB, and saved a thirtieth of what a scrape takes.
        """
        told = [Shown(one.capability, one.state, one.since, one.flapping) for one in self._verdicts()]
        whole = Shown(WHOLE, self.state, self.since, any(one.flapping for one in told))
        return gauges(self.integration, self.vendor, (whole, *told))

    def _reason(self, deciding: CapabilityHealth | None) -> str:
        if self.pause:
            return f"Paused by {self.pause.actor}: {self.pause.reason}"
        if deciding:
            return deciding.reason
        return next((capability.reason for capability in self._verdicts()), "Nothing is checked.")

    def _word(self) -> VendorWord | None:
        word = self.vendor_says
        return word and msgspec.structs.replace(word, lag=lag(word, bad_since=self.bad_since))

    def _with_word(self, reason: str, state: Health, *, bad_since: float | None) -> str:
        """A reason with what the vendor says of itself."""
        word = None if self.pause else self.vendor_says
        return with_word(reason, word, vendor=self.vendor_name, state=state, bad_since=bad_since)

    def _changes(self, judged: Judged, before: CapabilityHealth, *, at: float) -> list[HealthChange]:
        """The capability's change, and the whole's when it follows. A first verdict of unknown is none."""
        after, name, found, changes = judged.verdict, judged.verdict.capability, judged.grounds, []
        if after.state is not before.state:
            changes.append(self._change(before.state, after, capability=name, at=at, grounds=found))
        deciding = worst(self._verdicts())
        if deciding and deciding.state is not self.state:
            cause = msgspec.structs.replace(deciding, since=after.since)
            found = found if deciding is after else self.grounds(deciding.capability, at=at)
            changes.append(self._change(self.state, cause, capability=WHOLE, at=at, grounds=found))
            self.state, self.since = deciding.state, after.since
        return changes

    def _change(
        self,
        before: Health,
        after: CapabilityHealth,
        *,
        capability: str,
        at: float,
        grounds: tuple[Ground, ...],
    ) -> HealthChange:
        return HealthChange(
            at=at,
            integration=self.integration,
            vendor=self.vendor,
            capability=capability,
            before=before,
            after=after.state,
            evidence=after.evidence,
            reason=marked(self._told(after), self._faults.current(self.integration)),
            since=min(after.since, at),
            kind=after.kind,
            flapping=after.flapping,
            grounds=grounds,
        )

    def _told(self, after: CapabilityHealth) -> str:
        bad_since = after.since if after.state in _BAD else None
        return self._with_word(after.reason, after.state, bad_since=bad_since)

    def _turn(self, state: Health, *, at: float, reason: str) -> None:
        """Change the whole by an operator's hand; the capabilities keep their states."""
        change = HealthChange(
            at=at,
            integration=self.integration,
            vendor=self.vendor,
            capability=WHOLE,
            before=self.state,
            after=state,
            evidence=Evidence.OPERATOR,
            reason=reason,
            since=at,
        )
        is_change = state is not self.state
        if is_change:
            self.state, self.since = state, at
        self._tell([change] if is_change else [])

    def _realign(self, at: float) -> None:
        """After the configuration took a capability away, the whole may be better than it was."""
        deciding = worst(self._verdicts())
        state = deciding.state if deciding else Health.UNKNOWN
        if not self.pause and state is not self.state:
            self._turn(state, at=at, reason="What decided the health so far is no longer checked.")
        self._settle()

    def _tell(self, changes: Sequence[HealthChange]) -> None:
        self._settle()
        self._note(self.saved(), changes)

    def _settle(self) -> None:
        self.healed_by_calls = tuple(
            name
            for name, judged in self._capabilities.items()
            if name not in self._checked and judged.basis.state is not Health.UP
        )

    def _verdicts(self) -> tuple[CapabilityHealth, ...]:
        return tuple([judged.verdict for judged in self._capabilities.values()])

    def _settle_one(self, judged: Judged, before: CapabilityHealth, *, at: float) -> None:
        """Tell what one capability's evidence changed."""
        after = judged.verdict
        if after.state is not before.state or after.judged is not before.judged:
            judged.grounds = self.grounds(after.capability, at=at)
            self._tell(self._changes(judged, before, at=at))
        elif is_news(before, after):
            self._tell(())


def _fresh(capability: str, *, at: float) -> Judged:
    return Judged(unjudged(capability, at=at, reason="No evidence yet."))
