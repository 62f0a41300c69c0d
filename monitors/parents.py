"""Is it us? Says which one cause explains that an integration fails, before it is told of on its own.

After a cause is over, each child that still fails is checked once more, spread over 30 s, before anything is
said of it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Protocol

import anyio
import structlog
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import CallRecord, Signal, VendorNotice
from monitors.cause_evidence import CauseEvidence, Egress, NoEgress, Verdict
from monitors.causes import Causes, Now
from monitors.dependencies import DependencyGraph
from monitors.failing import FailingBoard
from monitors.members import Member
from monitors.parent import Certainty, Parent, ParentKind

TICK = 1.0
SOONEST = 0.25
"""Seconds between two looks, however often it is asked."""

MEMBERS_AGE = 5.0
"""Seconds after which it is asked again who is watched."""

AT_ONCE = 20
RECHECK_SECONDS = 30.0
SAVE_SECONDS = 15.0

log = structlog.get_logger("dialtone.parents")


class ParentStore(Protocol):
    """Where parents are kept; each call is one atomic unit."""

    async def save_parents(self, parents: Sequence[Parent], /) -> None:
        """Replace all that is stored."""
        ...

    async def load_parents(self) -> Sequence[Parent]:
        """Return all that is stored."""
        ...


class Parents:
    """Knows the parents of failing integrations. Subscribe it to the bus, `await load()`, `run()` in a task.

    `members` are all watched integrations, `recheck` checks one now. `tell` hears of each
    change: of a confirmed parent after it is stored, of one that is over before it is forgotten, so that a
    crash between them repeats a change and loses none. Called on the event loop; `parent_of` and `active`
    never wait.
    """

    def __init__(
        self,
        *,
        members: Callable[[], Mapping[str, Member]],
        verdicts: Callable[[str], Verdict | None],
        recheck: Callable[[str], Awaitable[object]],
        clock: Clock,
        graph: Callable[[], DependencyGraph] | None = None,
        egress: Egress | None = None,
        tell: Callable[[Parent], None] = lambda _: None,
        store: ParentStore | None = None,
        random: Random | None = None,
    ) -> None:
        undeclared = DependencyGraph(())
        self._members = members
        self._recheck = recheck
        self._clock = clock
        self._tell = tell
        self._untold: dict[str, Parent] = {}
        self._told: set[str] = set()
        self._store = store
        self._board = FailingBoard()
        self._causes = Causes(
            self._board,
            graph=graph or (lambda: undeclared),
            evidence=CauseEvidence(self._board, verdicts=verdicts, egress=egress or NoEgress()),
            random=random or Random(),  # noqa: S311 - it spreads checks, it guards nothing
        )
        self._known: Mapping[str, Member] = {}
        self._known_at = -MEMBERS_AGE
        self._is_dirty = False
        self._looked_at = -TICK
        self._saved: tuple[Parent, ...] = ()
        self._limit = anyio.CapacityLimiter(AT_ONCE)
        self._errors = 0

    async def load(self) -> None:
        """Read what is stored, so that a restart ends what was begun."""
        if self._store is not None:
            self._saved = tuple(await self._store.load_parents())
            self._causes.restore(self._saved, self._now())
            self._untold = {parent.key: parent for parent in self._saved}
            self._told = set(self._untold)

    async def run(self) -> None:
        """Look once a second, ask integrations afresh, and store parents, until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                self.look()
                self._start_checks(group)
                await self._save()
                self._tell_confirmed()
                await self._clock.sleep(TICK)

    def on_signal(self, signal: Signal) -> None:
        """Take evidence, before it is confirmed; one call alone is none."""
        if type(signal) is CallRecord:
            return
        integration = self._board.take(signal, now=self._clock.monotonic())
        if integration is not None:
            self._causes.heard(integration)
            self._is_dirty = self._is_dirty or self._board.fails(integration)
            if integration not in self._known:
                self._known_at = -MEMBERS_AGE
        elif type(signal) is VendorNotice:
            self._is_dirty = True

    def parent_of(self, integration: str) -> Parent | None:
        """The one cause that explains an integration's failing, the outermost there is; None: its own. Given
        the key of a region's or a vendor's cause, the outer one that explains all of it.

        While it is uncertain, hold what is to be said (45 s at most, then there is none any more); while it
        is confirmed, say it with the parent; while it is recovered, wait for the integration's fresh check.
        """
        if self._is_dirty and self._clock.monotonic() - self._looked_at >= SOONEST:
            self.look()
        return self._causes.explaining(integration)

    def active(self) -> tuple[Parent, ...]:
        """All causes that are suspected or confirmed, or whose children are being checked afresh."""
        return self._causes.known()

    def look(self) -> None:
        """Weigh what is known now, and tell what has changed."""
        now = self._now()
        self._is_dirty, self._looked_at = False, now.at
        for parent in self._causes.look(now):
            _note(parent)
            if parent.certainty is Certainty.CONFIRMED:
                self._untold[parent.key] = parent
            elif parent.certainty is Certainty.RECOVERED:
                self._untold.pop(parent.key, None)
                self._tell_over(parent)

    def samples(self) -> Iterable[Sample]:
        """How many causes there are, by kind and certainty, and failed attempts to check and to store."""
        known = self._causes.known()
        for kind in ParentKind:
            for certainty in Certainty:
                count = sum(1 for parent in known if (parent.kind, parent.certainty) == (kind, certainty))
                yield Sample("dialtone_parents", (kind.value, certainty.value), count)
        yield Sample("dialtone_parent_errors_total", (), self._errors)

    def _now(self) -> Now:
        at = self._clock.monotonic()
        if at - self._known_at >= MEMBERS_AGE:
            self._known, self._known_at = self._members(), at
            self._board.forget_others(self._known)
        return Now(at, self._clock.time(), self._known)

    def _tell_confirmed(self) -> None:
        untold, self._untold = self._untold, {}
        for parent in untold.values():
            self._told.add(parent.key)
            self._tell(parent)

    def _tell_over(self, parent: Parent) -> None:
        """Nobody is told of the end of what nobody was told of."""
        if parent.key in self._told:
            self._told.discard(parent.key)
            self._tell(parent)

    def _start_checks(self, group: TaskGroup) -> None:
        wanted = [*self._causes.wanted, *self._causes.due_releases(self._clock.monotonic())]
        self._causes.wanted.clear()
        for integration in dict.fromkeys(wanted):
            group.start_soon(self._check, integration)

    async def _check(self, integration: str) -> None:
        """Check one now; whatever comes of it, nobody waits for it any longer."""
        try:
            async with self._limit:
                with anyio.move_on_after(RECHECK_SECONDS):
                    await self._recheck(integration)
        except LookupError:
            log.debug("an integration that was to be checked is gone", integration=integration)
        except Exception:
            self._errors += 1
            log.exception("a fresh check failed", integration=integration)
        finally:
            self._causes.heard(integration)
            self._causes.release(integration)

    async def _save(self) -> None:
        """Store what is confirmed, when it has changed; what fails is tried again at the next look."""
        lasting = tuple(one for one in self._causes.known() if one.certainty is Certainty.CONFIRMED)
        if self._store is None or lasting == self._saved:
            return
        try:
            with anyio.fail_after(SAVE_SECONDS):
                await self._store.save_parents(lasting)
        except Exception as error:  # noqa: BLE001 - the store is kept trying, whatever it raises
            self._errors += 1
            log.warning("parents cannot be stored; it is tried again", error=type(error).__name__)
        else:
            self._saved = lasting


def _note(parent: Parent) -> None:
    log.info(
        "parent",
        key=parent.key,
        certainty=parent.certainty.value,
        reason=parent.reason,
        children=len(parent.children),
    )
