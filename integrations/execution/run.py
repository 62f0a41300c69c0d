"""One call on its way through the pipeline: its attempts, what it holds meanwhile, and how it ended.

An attempt passes, in this order: breaker (peek), quota, slot, breaker (permit), the wire, the verdict. Quota
comes before the slot because waiting for quota must not occupy one; the permit comes last because a trial
call must not age in a queue. Each stage that refuses gives back what the earlier ones gave. The fast way
through is plain calls; only who must wait takes the asynchronous way.
"""

import asyncio
from collections.abc import Callable, Coroutine
from math import inf

import httpx
from msgspec.structs import replace

from integrations.execution.breaker import REFUSED, CircuitBreaker
from integrations.execution.call import Call, Verdict, body_bytes
from integrations.execution.concurrency import Bulkhead
from integrations.execution.effect import is_failure, is_overload, record
from integrations.execution.failure import OutOfTime, TransportFailure
from integrations.execution.line import Line
from integrations.execution.outcome import Attempt, FailureKind, RejectReason
from integrations.execution.patience import PATIENCE, Patience, in_time
from integrations.execution.quota import QuotaLine
from integrations.execution.retry import is_retryable
from integrations.execution.route import Route
from integrations.execution.trace import Stage
from integrations.execution.transport import Reply
from integrations.signals import BreakerState

_K = FailureKind
_CLOSED = BreakerState.CLOSED


class Run:
    """A call and all that happens to it.

    `ended` is when its last attempt did. `is_barred`: a local limit stands against another attempt. `sent`:
    bytes of the last one may have left. `is_struck`: an injected fault struck it.
    """

    __slots__ = (
        "_began",
        "_has_left",
        "_holds_quota",
        "_is_short",
        "_permit",
        "_slots",
        "_was_cut_short",
        "attempts",
        "call",
        "code",
        "deadline",
        "detail",
        "ended",
        "has_refreshed",
        "is_barred",
        "is_check",
        "is_struck",
        "kind",
        "line",
        "queued",
        "reason",
        "reply",
        "request_bytes",
        "retry_after",
        "retryable",
        "route",
        "sent",
        "stale",
        "started",
        "state",
        "status",
    )

    def __init__(self, call: Call, line: Line, route: Route) -> None:
        self.call = call
        self.line = line
        self.route = route
        self.started = started = line.now()
        self.deadline = started + line.policy.deadline if call.deadline is None else call.deadline
        self.is_check = route.key[-1]
        watched = route.watched
        self.state = _CLOSED if watched is None else watched.state
        self.kind: FailureKind | None = None
        self.status: int | None = None
        self.detail = self.code = ""
        self.reason: RejectReason | None = None
        self.retry_after: float | None = None
        self.retryable: bool | None = None
        self.reply: Reply | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self.queued = 0.0
        self.request_bytes = 0
        self.sent = self.stale = self.is_barred = self.has_refreshed = self.is_struck = False
        self._was_cut_short = self._has_left = self._holds_quota = False
        self._slots: Bulkhead | None = None
        self._permit = REFUSED

    def note(self, stage: Stage, decision: str, detail: str = "", *, waited: float | None = None) -> None:
        """Tell the trace; this run has none."""

    def remaining(self) -> float:
        """Seconds until its deadline."""
        return self.deadline - self.line.now()

    def may_go_on(self) -> bool:
        """Whether another attempt may follow: the failure is retryable, and nothing local bars it."""
        if self.kind is None or self.is_barred or self.line.is_closing:
            return False
        if not is_retryable(self, idempotent=self.call.idempotent):
            return False
        breaker = self.route.breaker
        return breaker is None or not breaker.refuses(self.line.now())

    async def attempt_with_fresh_credential(self) -> None:
        """After a 401: ask once for another credential, and if there is one, make an attempt with it."""
        refresh = self.call.refresh
        if refresh is None or self.has_refreshed:
            return
        self.has_refreshed = True
        fresh = False
        with self.line.cuttable(self.remaining()):
            try:
                fresh = await refresh()
            except Exception:  # noqa: BLE001 - fetching a credential fails in its own ways; the 401 stands
                self.line.errors += 1
        if fresh:
            await self.attempt()

    async def attempt(self) -> None:
        """Make one attempt, or note why there is none. Never raises for the vendor; lets go of everything."""
        try:
            if not (self._enter() or await self._wait_in()):
                return
            for may_repeat in (self.call.idempotent, False):
                sending = self._begin()
                try:
                    self._judge(await sending)
                except OutOfTime:
                    self._end_early()
                except TransportFailure as failure:
                    self._fail(failure)
                except asyncio.CancelledError:
                    self.kind = _K.CANCELLED
                    raise
                finally:
                    self._end()
                if not (self.stale and may_repeat):
                    break
                # The server's keep-alive had ended: no failure of the vendor's, so the next try is free.
            self._settle()
        finally:
            self._let_go()

    # The way in.

    def _enter(self) -> bool:
        """Take quota, slot and permit, if they are to be had at once; False: refused, or has to wait."""
        line, now = self.line, self.started
        if self.attempts:
            now, self.route = line.now(), line.route_now(self.route)
            self.state = self.route.state
        breaker, queue = self.route.breaker, self.route.queue
        if line.is_closing or now >= self.deadline:
            return self._refuse_late(now)
        if breaker is not None and breaker.is_guarded and breaker.refuses(now):
            return self._refuse_open(breaker, now)
        if queue is not None:
            if not queue.try_take(self.route.parts, self.call.cost, now):
                return False
            self._holds_quota = True
        slots = line.check_slots if self.is_check else line.slots or line.new_slots()
        if not slots.try_enter():
            return False
        self._slots = slots
        if breaker is not None and breaker.is_guarded:
            return self._take_permit(breaker, now)
        self._permit = REFUSED if breaker is None else breaker.generation
        return True

    async def _wait_in(self) -> bool:
        if self.is_barred:
            return False
        began, queue = self.line.now(), self.route.queue
        entered = False
        with self.line.cuttable(inf) as scope:
            through = queue is None or self._holds_quota or await self._wait_for_quota(queue)
            entered = through and await self._wait_for_slot()
        now = self.line.now()
        self.queued += now - began
        if scope.cancelled_caught or self.line.is_cut:
            return self._refuse(RejectReason.SHUTDOWN, "Dialtone was stopped while the call waited in line")
        if entered and now >= self.deadline:
            return self._refuse(RejectReason.DEADLINE, "the deadline passed while the call waited in line")
        breaker = self.route.breaker
        return entered and (breaker is None or self._take_permit(breaker, now))

    async def _wait_for_quota(self, queue: QuotaLine) -> bool:
        parts, cost = self.route.parts, self.call.cost
        caller, priority = self.call.caller, self.call.urgency
        if self.is_check:
            return self._skip_check(queue.expected(parts, cost, self.line.now(), priority=priority))
        wait = await queue.take(parts, cost, self.remaining(), caller=caller, priority=priority)
        self._holds_quota = wait <= 0.0
        if self._holds_quota:
            return True
        if wait == inf:
            return self._refuse(RejectReason.QUOTA, "too many calls wait for the vendor's quota")
        detail = f"the vendor's quota allows the next call in {wait:.0f} s, after the deadline"
        return self._refuse(RejectReason.QUOTA, detail, retry_after=wait)

    async def _wait_for_slot(self) -> bool:
        slots = self.line.check_slots if self.is_check else self.line.slots or self.line.new_slots()
        reason = await slots.enter(self.remaining(), caller=self.call.caller, priority=self.call.urgency)
        if reason is None:
            self._slots = slots
            return True
        detail = "too many calls run and wait at once"
        if reason is RejectReason.DEADLINE:
            detail = "the deadline passed while other calls held all slots"
        return self._refuse(reason, detail)

    def _take_permit(self, breaker: CircuitBreaker, now: float) -> bool:
        self._permit = breaker.acquire(now)
        if self._permit == REFUSED:
            return self._refuse_open(breaker, now)
        self.state = breaker.state
        return True

    def _refuse_late(self, now: float) -> bool:
        if self.line.is_closing:
            return self._refuse(RejectReason.SHUTDOWN, "Dialtone is closing this line")
        late = now - self.deadline
        return self._refuse(RejectReason.DEADLINE, f"the deadline had passed {late:.1f} s before the request")

    def _refuse_open(self, breaker: CircuitBreaker, now: float) -> bool:
        breaker.rejected += 1
        return self._refuse(RejectReason.OPEN_CIRCUIT, breaker.refusal, retry_after=breaker.retry_after(now))

    def _refuse(self, reason: RejectReason, detail: str, *, retry_after: float | None = None) -> bool:
        """Bar the way; a live failure before stays the call's result."""
        self.is_barred = True
        if not self.attempts:
            self.kind, self.reason, self.detail = _K.REJECTED, reason, detail
            self.retry_after = retry_after
        return False

    def _skip_check(self, wait: float) -> bool:
        self.is_barred = True
        if not self.attempts:
            self.kind, self.retry_after = _K.THROTTLED, None if wait == inf else wait
            self.detail = "the check was not sent: the vendor asked for quiet, or its quota is used up"
        return False

    # The wire.

    def _begin(self) -> Coroutine[None, None, Reply]:
        """The sending that is to be awaited. It ends as OutOfTime when the attempt's time is up."""
        line, call = self.line, self.call
        request = call.prepare()
        if self.attempts:
            self._forget()
        self.request_bytes += body_bytes(request)
        self._began = began = line.now()
        patience = line.policy.timeout if call.timeout is None else call.timeout
        left = self.deadline - began
        self._is_short = is_short = left < patience
        self.sent = self._has_left = True
        return self._send(request, left if is_short else patience)

    def _send(
        self, request: httpx.Request, within: float, *, heard: Callable[[int], None] | None = None
    ) -> Coroutine[None, None, Reply]:
        """The sending itself; no timer on single reads, for they lie within the attempt's deadline."""
        line, policy = self.line, self.line.policy
        transport, injector = line.transport, line.injector
        is_timed = within != inf
        if is_timed and injector is None and transport.keeps_time:
            request.extensions[PATIENCE] = Patience(seconds=within, under_way=line.under_way, owner=line)
            is_timed = False
        sending = (transport.send if injector is None else injector.sender(self, transport))(
            request,
            connect=policy.connect,
            timeout=inf,
            max_body=policy.max_body,
            certificate=self.call.certificate,
            heard=heard,
        )
        return (
            in_time(Patience(seconds=within, under_way=line.under_way, owner=line), sending)
            if is_timed
            else sending
        )

    def _end(self) -> None:
        """Note the attempt that has ended."""
        self.ended = ended = self.line.now()
        began = self._began
        attempt = Attempt(
            start=began - self.started, duration=ended - began, kind=self.kind, status=self.status
        )
        self.attempts += (replace(attempt, injected=True) if self.is_struck else attempt,)

    # The verdict.

    def _forget(self) -> None:
        """Drop what an earlier attempt left."""
        self.kind = self.status = self.retry_after = self.retryable = self.reply = None
        self.detail = self.code = ""
        self.stale = self._was_cut_short = self.is_struck = False

    def _fail(self, failure: TransportFailure) -> None:
        self.kind, self.detail, self.status = failure.kind, failure.detail, failure.status
        self.sent, self.stale = failure.sent, failure.stale
        if not failure.known:
            self.line.errors += 1

    def _end_early(self) -> None:
        if self.line.is_cut:
            self.kind, self.detail = _K.CANCELLED, "Dialtone was stopped before the answer came"
            return
        self.kind, self.detail, self._was_cut_short = _K.TIMEOUT, "no answer in time", self._is_short

    def _judge(self, reply: Reply) -> None:
        self.reply, self.status = reply, reply.status
        try:
            verdict = self.call.classify(reply)
        except Exception as error:  # noqa: BLE001 - a classifier must be total; one that is not must not leak a slot
            self.line.errors += 1
            detail = f"the answer could not be judged: {type(error).__name__}"
            verdict = Verdict(kind=_K.MALFORMED, detail=detail)
        if verdict.kind is not None:
            self.kind, self.detail, self.code = verdict.kind, verdict.detail, verdict.code
            self.retry_after, self.retryable = verdict.retry_after, verdict.retryable
        if verdict.readings:
            self._settle_quota()
            self.line.learn(verdict.readings)

    # The reckoning.

    def _settle(self) -> None:
        """Tell quota, limit and breaker how it went."""
        self._has_left = self.sent
        now, seconds = self.ended, self.attempts[-1].duration
        if self.kind is not None:
            self._settle_failure(self.kind, now - seconds)
            return
        breaker, quota, slots = self.route.breaker, self.route.quota, self._slots
        if quota is not None:
            quota.streak = 0
        if slots is not None and slots.is_learning:
            slots.succeeded(now - seconds, now)
        if breaker is not None and self._permit != REFUSED:
            permit, self._permit = self._permit, REFUSED
            breaker.record_success(permit, now, seconds)

    def _settle_failure(self, kind: FailureKind, began: float) -> None:
        status, was_cut_short, now = self.status, self._was_cut_short, self.ended
        breaker, quota = self.route.breaker, self.route.quota
        if kind is _K.THROTTLED:
            self._settle_quota()
            self.retry_after = self.line.throttle(self.route, self.retry_after)
        elif quota is not None:
            quota.streak = 0
        if self._slots is not None and is_overload(kind, status=status, was_cut_short=was_cut_short):
            self._slots.overloaded(began, now)
        if breaker is not None and self._permit != REFUSED:
            permit, self._permit = self._permit, REFUSED
            failed = is_failure(kind, status=status, sent=self.sent, was_cut_short=was_cut_short)
            record(breaker, permit, now, seconds=now - began, failed=failed)

    def _settle_quota(self) -> None:
        if self._holds_quota:
            self._holds_quota = False
            if self.route.quota is not None:
                self.route.quota.settle(self.call.cost)

    def _let_go(self) -> None:
        """Give back whatever is still held."""
        if self._holds_quota:
            if not self._has_left:
                self._holds_quota = False
                self.line.give_back(self.route, self.call.cost)
            self._settle_quota()
        slots = self._slots
        if slots is not None:
            self._slots = None
            slots.leave()
        breaker = self.route.breaker
        if breaker is not None and self._permit != REFUSED:
            permit, self._permit = self._permit, REFUSED
            breaker.release(permit)
        self._has_left = False

    # The end.

    def cancelled(self) -> None:
        """The caller went away."""
        self.kind, self.detail, self.reason = _K.CANCELLED, "the caller went away", None
