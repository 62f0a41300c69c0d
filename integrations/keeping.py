"""Keeps credentials good: buys tokens before they are needed, one for all who wait, and tells of ends.

A token request is a call of its own, of origin `credential` in the capability `credential`: when the token
endpoint fails, its own circuit opens. Who waits and leaves ends nothing; the purchase goes on in a task here.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import anyio
import structlog
from anyio.abc import TaskGroup
from msgspec.structs import replace

from integrations.clock import Clock
from integrations.credentials.buying import Purchase, unusable
from integrations.credentials.renewing import TokenCredential
from integrations.credentials.store import CredentialStore, SavedCredential
from integrations.execution.call import Answer, Call
from integrations.execution.outcome import FailureKind, Outcome, RejectReason
from integrations.integration import Integration
from integrations.samples import Sample

STEP = 1.0
TELL_EVERY = 60.0
_LAST_SAVE = 2.0

log = structlog.get_logger("dialtone.credentials")


class Calls(Protocol):
    """Who makes the requests."""

    async def execute(self, call: Call) -> Answer:
        """Make one request; a third party's failure is an Outcome."""
        ...


class _Flight:
    """One purchase under way. `outcome` is its failure; None: a token was bought, or it was cut off."""

    __slots__ = ("done", "integration", "is_claimed", "outcome", "tokens")

    def __init__(self, integration: Integration, tokens: TokenCredential) -> None:
        self.integration = integration
        self.tokens = tokens
        self.done = anyio.Event()
        self.is_claimed = False
        self.outcome: Outcome | None = None


class CredentialKeeper:
    """Holds what is known of all integrations' credentials. `run` must run for tokens to be bought behind
    calls; without it a call that needs one buys it itself.
    """

    def __init__(self, *, calls: Calls, clock: Clock, store: CredentialStore | None = None) -> None:
        self._calls = calls
        self._clock = clock
        self._store = store
        self._group: TaskGroup | None = None
        self._integrations: dict[str, Integration] = {}
        # Of ten thousand integrations few buy tokens, and only those have to be looked at all the time.
        self._buying: dict[str, TokenCredential] = {}
        self._flights: dict[str, _Flight] = {}
        self._saved: dict[str, SavedCredential] = {}
        self._unsaved: set[str] = set()
        self._refreshes: Counter[tuple[str, str]] = Counter()
        self._save_errors = self._errors = 0
        self._told_at = float("-inf")

    # Whose credentials.

    async def load(self) -> None:
        """Take up what was kept, for integrations that come later."""
        if self._store is not None:
            self._saved = {saved.integration: saved for saved in await self._store.load_credentials()}

    def adopt(self, integration: Integration) -> None:
        """Keep an integration's credential good; what is held or was kept for the same secrets goes on."""
        before = self._integrations.get(integration.id)
        saved = self._saved.pop(integration.id, None)
        access = integration.access
        if before is not None and before.access.identifies == access.identifies:
            access.inherit(before.access)
        elif saved is not None and (saved.kind, saved.fingerprint) == access.identifies:
            access.restore(saved)
        self._integrations[integration.id] = integration
        self._buying.pop(integration.id, None)
        if access.tokens is not None:
            self._buying[integration.id] = access.tokens
            access.tokens.due = lambda: self._start(integration.id)

    def forget(self, integration_id: str) -> None:
        """Keep it no longer; what is stored stays, for when it comes back."""
        integration = self._integrations.pop(integration_id, None)
        self._buying.pop(integration_id, None)
        self._unsaved.discard(integration_id)
        if integration is not None:
            self._saved[integration_id] = integration.access.saved()
        for key in [key for key in self._refreshes if key[0] == integration_id]:
            del self._refreshes[key]

    # Who needs one.

    async def obtain(self, integration: Integration, *, deadline: float) -> Outcome | None:
        """See that there is a token to use; return why there is none, at the `deadline` (monotonic) at the
        latest.
        """
        tokens = integration.access.tokens
        if tokens is None or tokens.is_usable():
            return None
        if tokens.failure is not None and tokens.held_for:
            return _held(tokens.failure, tokens.held_for)
        flight = self._begin(integration, tokens)
        await self._wait(flight, deadline - self._clock.monotonic())
        if tokens.is_usable():
            return None
        return flight.outcome or _unfinished(is_over=flight.done.is_set())

    async def refresh(self, integration: Integration, *, used: int) -> bool:
        """After a 401 to the token of generation `used`: whether there is another one, worth one more try."""
        tokens = integration.access.tokens
        if tokens is None:
            return await integration.access.reread(after_refusal=True)
        if tokens.generation != used:
            return True
        if tokens.is_fresh() or tokens.held_for:
            integration.access.refused()
            return False
        flight = self._begin(integration, tokens)
        await self._wait(flight, float("inf"))
        return tokens.generation != used

    async def renew(self, integration: Integration) -> Outcome:
        """Renew now, because an operator says so: buy a token, or read the secrets' files again."""
        tokens = integration.access.tokens
        if tokens is None:
            await integration.access.reread()
            return Outcome()
        flight = self._begin(integration, tokens)
        await self._wait(flight, integration.connection.policy.deadline)
        if flight.done.is_set() and flight.outcome is None:
            return Outcome()
        return flight.outcome or _unfinished(is_over=False)

    # What goes on.

    async def run(self) -> None:
        """Renew what is due, store what is new and tell of ends, until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                while True:
                    await self._clock.sleep(STEP)
                    await self._guarded(self._tend)
            finally:
                self._group = None
                with anyio.move_on_after(_LAST_SAVE, shield=True):
                    await self._guarded(self._save)

    def samples(self) -> Iterable[Sample]:
        """When credentials end, how tokens are renewed, and whether they can be kept."""
        for name, integration in tuple(self._integrations.items()):
            for credential, end in tuple(integration.access.known_ends.items()):
                yield Sample("dialtone_credential_expiry_timestamp_seconds", (name, credential), end)
            tokens = integration.access.tokens
            if tokens is not None and tokens.renewed_at is not None:
                yield Sample("dialtone_credential_refreshed_timestamp_seconds", (name,), tokens.renewed_at)
        for labels, count in tuple(self._refreshes.items()):
            yield Sample("dialtone_credential_refreshes_total", labels, count)
        yield Sample("dialtone_credential_save_errors_total", (), self._save_errors)
        yield Sample("dialtone_credential_errors_total", (), self._errors)

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:
            self._errors += 1
            log.exception("keeping credentials failed", error=type(error).__name__)

    async def _tend(self) -> None:
        for name, tokens in tuple(self._buying.items()):
            if tokens.is_due():
                self._start(name)
        if self._clock.monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = self._clock.monotonic()
            self._unsaved |= {one.id for one in self._integrations.values() if one.access.tell_ends()}
        await self._save()

    def _start(self, integration_id: str) -> None:
        """Buy behind the calls' backs, where there is a task to do it in."""
        integration = self._integrations.get(integration_id)
        tokens = integration.access.tokens if integration is not None else None
        if self._group is not None and integration is not None and tokens is not None:
            self._begin(integration, tokens)

    def _begin(self, integration: Integration, tokens: TokenCredential) -> _Flight:
        flight = self._flights.get(integration.id)
        if flight is not None and flight.tokens is tokens:
            return flight
        flight = self._flights[integration.id] = _Flight(integration, tokens)
        if self._group is not None:
            flight.is_claimed = True
            self._group.start_soon(self._buy, flight)
        return flight

    async def _wait(self, flight: _Flight, seconds: float) -> None:
        with anyio.move_on_after(max(0.0, seconds)):
            if flight.is_claimed:
                await flight.done.wait()
            else:
                flight.is_claimed = True
                await self._buy(flight)

    async def _buy(self, flight: _Flight) -> None:
        integration, tokens = flight.integration, flight.tokens
        try:
            await integration.access.reread()
            within = integration.connection.policy.deadline
            purchase = Purchase(integration.access, tokens, clock=self._clock, within=within)
            flight.outcome = await purchase.make(self._calls)
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told, and the next one tries again
            self._errors += 1
            flight.outcome = unusable(f"buying a token failed: {type(error).__name__}")
            tokens.fail(flight.outcome)
        finally:
            if self._flights.get(integration.id) is flight:
                del self._flights[integration.id]
            flight.done.set()
        await self._told(integration, flight.outcome)

    async def _told(self, integration: Integration, failure: Outcome | None) -> None:
        """Count and publish what became of a purchase, and store what was bought; nobody waits for it."""
        kind = failure.kind.value if failure is not None and failure.kind is not None else "ok"
        self._refreshes[integration.id, kind] += 1
        if failure is not None:
            is_refused = failure.kind is FailureKind.UNAUTHORIZED
            integration.access.not_renewed(failure.detail, is_refused=is_refused)
            return
        integration.access.renewed()
        self._unsaved.add(integration.id)
        await self._guarded(self._save)

    async def _save(self) -> None:
        """Store what is new; what cannot be stored is tried again a second later."""
        for name in tuple(self._unsaved):
            integration = self._integrations.get(name)
            self._unsaved.discard(name)
            if self._store is None or integration is None:
                continue
            try:
                await self._store.save_credential(integration.access.saved())
            except BaseException:
                self._unsaved.add(name)
                self._save_errors += 1
                raise


def _held(failure: Outcome, seconds: float) -> Outcome:
    """The last failure, for those who come while nothing is tried."""
    detail = f"{failure.detail} (tried a moment ago; next try in {seconds:.0f} s)"
    return replace(failure, detail=detail, retry_after=seconds, attempts=())


def _unfinished(*, is_over: bool) -> Outcome:
    if is_over:
        return Outcome(
            kind=FailureKind.REJECTED,
            reason=RejectReason.SHUTDOWN,
            detail="Dialtone was stopped before a token came",
        )
    return Outcome(
        kind=FailureKind.TIMEOUT,
        reason=RejectReason.CREDENTIAL,
        detail="no access token came before the deadline",
    )
