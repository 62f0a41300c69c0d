"""The executor: the only path for HTTP to a third party, and the face of this package.

A call goes through run.py, and pursuit.py where that has failed; what it passes belongs to its line
(line.py). This module opens and closes lines, publishes one CallRecord a call, and keeps what must survive a
restart.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import anyio.lowlevel
import httpx

from integrations.clock import Clock
from integrations.execution.call import Answer, Call, LineSpec
from integrations.execution.gauges import line_samples, line_status
from integrations.execution.hedging import attempt_hedged
from integrations.execution.injection import Faults
from integrations.execution.line import House, Line
from integrations.execution.outcome import Origin
from integrations.execution.pool import Pools
from integrations.execution.pursuit import pursue
from integrations.execution.record import tell, turn_away
from integrations.execution.run import Run
from integrations.execution.status import ExecutionStore, LineStatus, SavedLine
from integrations.execution.traced import TracedRun
from integrations.execution.tracing import Ids, Tracing, system_random
from integrations.execution.transport import HTTPTransport, close_all
from integrations.samples import Sample
from integrations.signals import BreakerState, Signal

TransportFactory = Callable[[LineSpec], httpx.AsyncBaseTransport]

_SAVE_EVERY = 0.5
_DRAIN = 10.0
_LAST_CALLS = 2.0
_STEP = 0.01
_AT_ONCE = 1_000
"""Lines that are looked after between two turns of the loop."""
_CHECK = Origin.CHECK


class Executor:
    """Makes calls under the limits of their integrations.

    `transport` opens the connections of an integration (default: a pool of its own); `drain` is how many
    seconds `aclose` waits for calls in flight. `faults` are what operators inject.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        publish: Callable[[Signal], None],
        store: ExecutionStore | None = None,
        transport: TransportFactory | None = None,
        random: random.Random | None = None,
        tracing: Tracing | None = None,
        drain: float = _DRAIN,
    ) -> None:
        self._clock = clock
        self._utc = clock.time
        self._publish = publish
        self._store = store
        self._open_transport = transport if transport is not None else Pools(clock).open
        self._random = random if random is not None else system_random()
        self._ids = Ids(self._random)
        self._tracing = tracing if tracing is not None else Tracing()
        self._drain = drain
        self._lines: dict[str, Line] = {}
        self._astir: set[Line] = set()
        self.faults = Faults(self._lines, clock=clock)
        self._saved: dict[str, SavedLine] = {}
        self._house = House(
            clock=clock, rng=self._random, publish=publish, shared={}, under_way={}, astir=self._astir
        )
        self._retired: list[HTTPTransport] = []
        self._replaced: list[Line] = []
        self._save_errors = 0
        self._is_closing = False

    # Lines.

    async def load(self) -> None:
        """Restore what was saved, for lines that are open and those that will be."""
        if self._store is None:
            return
        for saved in await self._store.load_lines():
            self._saved[saved.integration] = saved
            if saved.integration in self._lines:
                self._lines[saved.integration].restore(saved)

    def open_line(self, spec: LineSpec) -> None:
        """Make an integration callable; under a changed spec it goes on with the state it has.

        Under another vendor it starts afresh; calls in flight end on the line they began on.

        Raises:
            ValueError: when the spec cannot work, with key and reason.
            OSError: when the CA file cannot be read.
        """
        line = self._lines.get(spec.integration)
        if line is None:
            self._lines[spec.integration] = self._new_line(spec)
        elif line.spec.vendor != spec.vendor:
            self._replace(line, spec)
        elif line.spec != spec:
            self._change(line, spec)

    async def close_line(self, integration: str) -> None:
        """Forget an integration, wait for its calls in flight up to the limit, save, close its pool.

        It may be opened again at once, with the state it had.

        Raises:
            LookupError: when it is not open.
        """
        line = self._line(integration)
        del self._lines[integration]
        self._saved[integration] = line.saved()
        try:
            await self._drain_lines([line])
            if self._store is not None and integration not in self._lines:
                self._saved[integration] = line.saved()
                await self._store.save_lines([line.saved()])
        finally:
            await line.transport.aclose()

    # Calls.

    async def execute(self, call: Call) -> Answer:
        """Make a call; whatever the third party does is an Outcome.

        A cancellation passes through, after everything is released and recorded.

        Raises:
            LookupError: when the integration or its capability is not known.
        """
        line = self._lines.get(call.integration) or self._line(call.integration)
        is_check = call.origin is _CHECK
        key, first = (call.capability, call.action, call.bucket, call.effect, is_check), line.route
        is_first = first is not None and first.key == key
        route = (first if is_first else line.routes.get(key)) or line.new_route(key)
        breaker = route.breaker
        if breaker is not None and breaker.is_guarded and breaker.refuses(now := line.now()):
            record, answer = turn_away(
                call, line=line, route=route, breaker=breaker, now=now, utc=self._utc(), ids=self._ids
            )
            self._publish(record)
            return answer
        if self._tracing.is_sampling or line.policy.trace_context:
            call = self._tracing.begin(call, tells=line.policy.trace_context)
        run = Run(call, line, route) if call.trace is None else TracedRun(call, line, route)
        line.active += 1
        try:
            await (run.attempt() if line.policy.hedge_after is None else attempt_hedged(run))
            if run.kind is None:
                if line.spent is not None:
                    line.spent.earn()
            elif not run.is_barred:
                await pursue(run, rng=self._random)
        except asyncio.CancelledError:
            run.cancelled()
            self._publish(tell(run, self._ids, utc=self._utc())[0])
            raise
        finally:
            line.active -= 1
        record, answer = tell(run, self._ids, utc=self._utc())
        self._publish(record)
        return answer

    # What an operator, and a check, say.

    def force_open(
        self,
        integration: str,
        capability: str | None = None,
        *,
        actor: str,
        reason: str,
        expires_at: float | None = None,
    ) -> None:
        """Refuse all calls until reset, or until `expires_at` (UTC seconds).

        Raises:
            LookupError: when the integration or capability is not known.
        """
        self._hold(
            BreakerState.FORCED_OPEN,
            integration,
            capability,
            actor=actor,
            reason=reason,
            expires_at=expires_at,
        )

    def disable(
        self,
        integration: str,
        capability: str | None = None,
        *,
        actor: str,
        reason: str,
        expires_at: float | None = None,
    ) -> None:
        """Let all calls through, uncounted, until reset, or until `expires_at` (UTC seconds).

        Raises:
            LookupError: when the integration or capability is not known.
        """
        self._hold(
            BreakerState.DISABLED, integration, capability, actor=actor, reason=reason, expires_at=expires_at
        )

    def shadow(
        self,
        integration: str,
        capability: str | None = None,
        *,
        actor: str,
        reason: str,
        expires_at: float | None = None,
    ) -> None:
        """Count and refuse nothing until reset, or until `expires_at` (UTC seconds).

        Raises:
            LookupError: when the integration or capability is not known.
        """
        self._hold(
            BreakerState.SHADOW, integration, capability, actor=actor, reason=reason, expires_at=expires_at
        )

    def reset(self, integration: str, capability: str | None = None, *, actor: str, reason: str) -> None:
        """Close the breakers, with empty windows.

        Raises:
            LookupError: when the integration or capability is not known.
        """
        for breaker in self._line(integration).breakers(capability):
            breaker.reset(actor=actor, reason=reason)

    def check_succeeded(self, integration: str, capability: str) -> None:
        """A check got through: an open breaker goes half-open at once.

        Raises:
            LookupError: when the integration or capability is not known.
        """
        breaker = (self._lines.get(integration) or self._line(integration)).made_breaker(capability)
        if breaker is not None:
            breaker.check_succeeded(self._clock.monotonic())

    # Telling.

    def is_forced_open(self, integration: str, capability: str) -> bool:
        """Whether an operator holds the circuit open; False when there is none."""
        line = self._lines.get(integration)
        breaker = None if line is None else line.made_breaker(capability)
        return breaker is not None and breaker.state is BreakerState.FORCED_OPEN

    def status(self, integration: str) -> LineStatus:
        """Return all limits of an integration as they are now.

        Raises:
            LookupError: when it is not open.
        """
        return line_status(self._line(integration))

    def samples(self) -> Iterable[Sample]:
        """Gauges of all lines."""
        for line in tuple(self._lines.values()):
            yield from line_samples(line)
        yield Sample("dialtone_execution_save_errors_total", (), self._save_errors)

    # Keeping.

    async def run(self) -> None:
        """Save changed lines within a second and let held states expire, until cancelled."""
        while True:
            await self._clock.sleep(_SAVE_EVERY)
            for place, line in enumerate(tuple(self._astir)):
                line.tick()
                if place % _AT_ONCE == _AT_ONCE - 1:
                    await anyio.lowlevel.checkpoint()
            await self._close_retired()
            try:
                await self._save()
            except Exception:  # noqa: BLE001 - a store that is down must not end the loop; it is tried again
                self._save_errors += 1
            self._astir.difference_update([line for line in self._astir if not self._is_astir(line)])

    def _is_astir(self, line: Line) -> bool:
        return line.is_astir and self._lines.get(line.spec.integration) is line

    async def aclose(self) -> None:
        """Refuse new calls, wait for those in flight up to the limit, cut off the rest, save, close."""
        self._is_closing = True
        lines = (*self._lines.values(), *self._replaced)
        await self._drain_lines(lines)
        try:
            await self._save()
        finally:
            await close_all([*(line.transport for line in lines), *self._retired])
            self._retired.clear()

    async def _save(self) -> None:
        changed = [line for line in self._astir if line.is_changed and self._is_astir(line)]
        if self._store is None or not changed:
            return
        for line in changed:
            line.is_changed = False
        try:
            await self._store.save_lines([line.saved() for line in changed])
        except BaseException:
            for line in changed:
                line.is_changed = True
            raise

    async def _drain_lines(self, lines: Sequence[Line]) -> None:
        for line in lines:
            line.is_closing = True
        await self._until_idle(lines, self._drain)
        self._cut(lines)
        await self._until_idle(lines, _LAST_CALLS)

    def _cut(self, lines: Sequence[Line]) -> None:
        """Cancel what is still on its way or waits: one look at all that do, for both may be thousands."""
        active = {line for line in lines if line.active}
        for line in lines:
            line.is_cut = True
        waiting = self._house.under_way if active else {}
        for one in [one for one, line in waiting.items() if line in active]:
            one.cancel()

    async def _until_idle(self, lines: Sequence[Line], within: float) -> None:
        end = self._clock.monotonic() + within
        while any(line.active for line in lines) and self._clock.monotonic() < end:
            await self._clock.sleep(_STEP)

    async def _close_retired(self) -> None:
        for line in [line for line in self._replaced if not line.active]:
            self._replaced.remove(line)
            self._retired.append(line.transport)
        for idle in [transport for transport in self._retired if not transport.in_flight]:
            self._retired.remove(idle)
            await idle.aclose()

    def _new_line(self, spec: LineSpec) -> Line:
        line = Line(spec, self._transport(spec), self._house)
        line.is_closing = self._is_closing
        if spec.integration in self._saved:
            line.restore(self._saved[spec.integration])
        return line

    def _change(self, line: Line, spec: LineSpec) -> None:
        if _pool_of(line.spec) != _pool_of(spec):
            transport = self._transport(spec)
            self._retired.append(line.transport)
            line.transport = transport
        line.adopt(spec)

    def _replace(self, line: Line, spec: LineSpec) -> None:
        self._saved.pop(spec.integration, None)
        self._lines[spec.integration] = self._new_line(spec)
        self._lines[spec.integration].stir()
        self._replaced.append(line)

    def _transport(self, spec: LineSpec) -> HTTPTransport:
        return HTTPTransport(self._open_transport(spec), clock=self._clock)

    def _line(self, integration: str) -> Line:
        if integration not in self._lines:
            raise LookupError(f"no line is open to {integration!r}")
        return self._lines[integration]

    def _hold(
        self,
        state: BreakerState,
        integration: str,
        capability: str | None,
        *,
        actor: str,
        reason: str,
        expires_at: float | None,
    ) -> None:
        now = self._clock.monotonic()
        for breaker in self._line(integration).breakers(capability):
            breaker.hold(state, now, actor=actor, reason=reason, expires_at=expires_at)


def _pool_of(spec: LineSpec) -> tuple[object, ...]:
    """What a pool is made from: when it changes, the line gets another pool."""
    return spec.network, spec.socket, spec.identity, spec.guard, spec.policy.concurrency
