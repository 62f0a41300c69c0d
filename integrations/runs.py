"""Runs one action: its requests through the executor, its pages, its data. One deadline spans them all."""

import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import httpx
import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.credentials.buying import unusable
from integrations.examination import PLAIN, Examination
from integrations.execution.call import Answer, Call, Verdict
from integrations.execution.cold import COLD
from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind, Origin, Outcome
from integrations.execution.trace import Stage, Trace
from integrations.execution.tracing import CallIDs
from integrations.execution.transport import Reply
from integrations.integration import Integration
from integrations.manifest.hosts import ForeignHostError
from integrations.manifest.paging import Next, next_page, sized
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Paginate
from integrations.manifest.templates import UnfitValueError
from integrations.unsent import unsent_record

MAX_PAGES = 100
MAX_ITEMS = 10_000

_CREDENTIAL_IS_GOOD = frozenset({None, FailureKind.FORBIDDEN})


class Calls(Protocol):
    """Who makes the requests."""

    async def execute(self, call: Call) -> Answer:
        """Make one request; a third party's failure is an Outcome."""
        ...


class Credentials(Protocol):
    """Who keeps credentials good."""

    async def obtain(self, integration: Integration, *, deadline: float) -> Outcome | None:
        """See that there is a token to use; return why there is none."""
        ...

    async def refresh(self, integration: Integration, *, used: int) -> bool:
        """After a 401 to the credential of generation `used`: whether there is another one."""
        ...


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How an action is to be run. `deadline` is a value of the clock's `monotonic`.

    `priority` says who goes first of those that must wait; None takes the origin's. A `trace` is told all
    that happens, an `examination` what was asked and answered. `certificate` looks at the server's
    certificate, `cold` sends each request over a connection of its own.
    `judge` makes a verdict of the manifest's own; a check adds its expectations there. `call_ids`
    are those of its calls, wherever they are made.
    """

    capability: str
    deadline: float
    run_id: str
    caller: str = ""
    origin: Origin = Origin.TRAFFIC
    idempotency_key: str = ""
    trace_id: str = ""
    parent_span_id: str = ""
    sampled: bool | None = None
    trace_state: str = ""
    certificate: bool = False
    cold: bool = False
    cost: float | None = None
    pages: int = 1
    priority: Priority | None = None
    trace: Trace | None = None
    examination: Examination | None = None
    judge: Callable[[Verdict, Reply], Verdict] = lambda verdict, _: verdict
    call_ids: CallIDs = msgspec.field(default_factory=CallIDs)


class _Page(NamedTuple):
    """One page's answer, its items, and where the next one is."""

    outcome: Outcome
    items: list[object]
    following: Next | None


class ActionRun:
    """One run of one action of one integration."""

    def __init__(
        self,
        integration: Integration,
        plan: RequestPlan,
        *,
        calls: Calls,
        credentials: Credentials,
        order: Order,
    ) -> None:
        self._integration = integration
        self._plan = plan
        self._calls = calls
        self._credentials = credentials
        self._order = order
        self._reader = integration.reader
        self._outcomes: list[Outcome] = []
        self._given_key = order.idempotency_key

    @property
    def _key(self) -> str:
        """The idempotency key, the same for all attempts; most actions send none."""
        if not self._given_key and self._plan.action.idempotency is not None:
            self._given_key = str(uuid.uuid4())
        return self._given_key

    async def data(self, params: Mapping[str, object]) -> Outcome:
        """Run an action that is all data; `params` are checked.

        Raises:
            InvalidParams: when a value cannot stand where it is to go.
        """
        paginate = self._integration.manifest.paginate.get(self._plan.action.paginate)
        if paginate is not None:
            return await self._paged(paginate, sized(paginate, params))
        request = self._plan.build(params, key=self._key)
        answer = await self._send(request, step="request", idempotent=self._is_idempotent)
        return self._finish(answer)

    async def code(self, action: CodeAction, params: Mapping[str, object]) -> Outcome:
        """Run an action in code; `params` are checked."""
        context = ActionContext(
            params=params,
            config=self._integration.config,
            kept=lambda: self._integration.kept,
            build=lambda: self._plan.build(params, key=self._key),
            send=self._send,
            finish=self._finish,
        )
        try:
            return await action.run(context)
        except ForeignHostError as error:
            return self._foreign(error)

    async def _paged(self, paginate: Paginate, params: dict[str, object]) -> Outcome:
        """Data of a paged action: `items` of all pages asked for, whether there is `more`, and the params
        that ask for the `next` page where the vendor counts or gives a cursor.
        """
        request = self._plan.build(params, key=self._key)
        page = await self._page(request, step="request", paginate=paginate, params=params)
        items = page.items
        for number in range(2, self._order.pages + 1):
            if page.following is None or len(items) >= MAX_ITEMS:
                break
            params = {**params, **page.following.params}
            try:
                request = self._next(page.following, request, params)
            except ForeignHostError as error:
                return self._foreign(error)
            page = await self._page(request, step=f"page-{number}", paginate=paginate, params=params)
            items += page.items
        if not page.outcome.ok:
            return page.outcome
        following = dict(page.following.params) if page.following is not None else {}
        data = {"items": items, "more": page.following is not None, "next": following}
        return msgspec.structs.replace(page.outcome, data=data)

    async def _page(
        self, request: httpx.Request, *, step: str, paginate: Paginate, params: Mapping[str, object]
    ) -> _Page:
        answer = await self._send(request, step=step, idempotent=self._is_idempotent)
        outcome = self._finish(answer)
        if not outcome.ok or answer.reply is None:
            return _Page(outcome, [], None)
        items = list(outcome.data) if isinstance(outcome.data, list) else []
        following = next_page(paginate, answer.reply, params, items=items)
        leads_to_itself = following is not None and following.url == str(request.url)
        return _Page(outcome, items, None if leads_to_itself else following)

    def _next(self, following: Next, request: httpx.Request, params: Mapping[str, object]) -> httpx.Request:
        if following.url:
            return self._plan.follow(following.url, request)
        return self._plan.build(params, key=str(uuid.uuid4()))

    @property
    def _is_idempotent(self) -> bool:
        return self._plan.idempotent or bool(self._plan.action.idempotency)

    async def _send(self, request: httpx.Request, *, step: str, idempotent: bool) -> Answer:
        self._integration.origins.check(request.url)
        if self._order.cold:
            request.extensions[COLD] = True
        access = self._integration.access
        if (failed := await self._authenticate(request)) is not None:
            return Answer(outcome=self._unsent(failed, step), reply=None)
        answer = await self._calls.execute(self._call(request, step, idempotent=idempotent))
        self._outcomes.append(answer.outcome)
        if self._order.examination is not None:
            self._order.examination.saw(request, answer, step=step)
        if answer.outcome.ok:
            access.accepted()
        if answer.reply is not None and answer.outcome.kind in _CREDENTIAL_IS_GOOD:
            access.learn(answer.reply, self._plan.name)
        if answer.reply is not None:
            self._integration.remarks.see(self._plan.name, answer.reply, is_good=answer.outcome.ok)
        if answer.reply is not None and answer.reply.certificate is not None:
            self._integration.certificate = answer.reply.certificate
        return answer

    async def _authenticate(self, request: httpx.Request) -> Outcome | None:
        """Put the credential in, once there is one; return why there is none.

        Raises:
            ForeignHostError: when what came with a token would lead out of the allowed hosts.
        """
        access = self._integration.access
        if access.tokens is not None:
            failed = await self._credentials.obtain(self._integration, deadline=self._order.deadline)
            if failed is not None:
                return failed
            access.aim(request, base=self._integration.base)
            self._integration.origins.check(request.url)
        try:
            access.credential.apply(request)
        except UnfitValueError as error:
            return unusable(f"the credential cannot be sent: {error}")
        return None

    def _unsent(self, failed: Outcome, step: str) -> Outcome:
        """The outcome of a request that could not be made for want of a credential, with its record."""
        integration, order = self._integration, self._order
        call_id = order.call_ids.take(order.run_id) or secrets.token_hex(8)
        outcome = msgspec.structs.replace(
            failed, run_id=order.run_id, call_id=call_id, detail=self._advised(failed)
        )
        record = unsent_record(
            integration, self._plan, order, outcome=outcome, at=integration.clock.time(), step=step
        )
        is_sampled = True if order.sampled is None else order.sampled
        integration.publish(
            msgspec.structs.replace(record, parent_span_id=order.parent_span_id, sampled=is_sampled)
        )
        return outcome

    def _advised(self, outcome: Outcome) -> str:
        """Its detail, with what to do about a refused credential."""
        if outcome.kind is not FailureKind.UNAUTHORIZED:
            return outcome.detail
        return f"{outcome.detail}; {self._integration.access.remedy}"

    def _call(self, request: httpx.Request, step: str, *, idempotent: bool) -> Call:
        integration, action, order = self._integration, self._plan.action, self._order

        hedges = integration.connection.policy.hedge_after is not None
        used = 0

        def prepare() -> httpx.Request:
            # Attempts that follow one another may share the request; the credential is put in anew.
            sent = _copy(request) if hedges else request
            nonlocal used
            if (tokens := integration.access.tokens) is not None:
                used = tokens.generation
            integration.access.credential.apply(sent)
            return sent

        # More than 15 keywords cost 1.5 µs, as in execution/record.py; hence a second step for the rest.
        call = Call(
            integration=integration.id,
            action=self._plan.name,
            capability=order.capability,
            effect=action.effect,
            idempotent=idempotent,
            prepare=prepare,
            classify=lambda reply: self._judge(reply, step),
            refresh=lambda: self._credentials.refresh(integration, used=used),
            bucket=action.bucket,
            cost=action.cost if order.cost is None else order.cost,
            deadline=order.deadline,
            origin=order.origin,
            run_id=order.run_id,
            call_id=order.call_ids.take(order.run_id),
            trace_id=order.trace_id,
        )
        return call if self._is_plain(step) else self._unusual(call, step)

    def _is_plain(self, step: str) -> bool:
        """Whether there is nothing to a call but what every call has."""
        order = self._order
        is_untold = not (order.caller or order.parent_span_id or order.trace_state)
        is_as_ever = order.sampled is None and order.priority is None and order.trace is None
        is_asked_as_ever = step == "request" and self._plan.action.timeout is None
        return is_untold and is_as_ever and is_asked_as_ever and not order.certificate

    def _unusual(self, call: Call, step: str) -> Call:
        order = self._order
        return msgspec.structs.replace(
            call,
            timeout=self._plan.action.timeout,
            caller=order.caller,
            step=step,
            parent_span_id=order.parent_span_id,
            sampled=order.sampled,
            trace_state=order.trace_state,
            priority=order.priority,
            certificate=order.certificate,
            trace=order.trace,
        )

    def _judge(self, reply: Reply, step: str) -> Verdict:
        """The verdict on an answer, told to whoever asked how it came about."""
        order = self._order
        if order.trace is None and order.examination is None:
            return order.judge(self._reader.verdict(reply, self._plan.action), reply)
        if order.examination is not None:
            order.examination.judging()
        verdict = order.judge(self._reader.verdict(reply, self._plan.action), reply)
        if order.examination is not None:
            order.examination.judged(verdict)
        if order.trace is not None:
            decision = "success" if verdict.kind is None else verdict.kind.value
            detail = f"by {verdict.rule or PLAIN}, status {reply.status}"
            order.trace.note(Stage.VERDICT, decision, detail, step=step)
        return verdict

    def _finish(self, answer: Answer) -> Outcome:
        """The run's Outcome so far: the last answer's, with the attempts and time of all its requests."""
        done = self._outcomes
        attempts = (
            done[0].attempts if len(done) == 1 else tuple(each for one in done for each in one.attempts)
        )
        data, reply = None, answer.reply
        if answer.outcome.ok and reply is not None:
            data = self._reader.output(reply, self._plan.action)
        certificate = reply.certificate if reply is not None else None
        return msgspec.structs.replace(
            answer.outcome,
            data=data,
            detail=self._advised(answer.outcome) if reply is not None else answer.outcome.detail,
            attempts=attempts,
            duration=done[0].duration if len(done) == 1 else sum([one.duration for one in done]),
            run_id=self._order.run_id,
            phases=reply.phases if reply is not None else None,
            certificate_ends_at=certificate.not_after if certificate is not None else None,
        )

    def _foreign(self, error: ForeignHostError) -> Outcome:
        return Outcome(kind=FailureKind.MALFORMED, detail=f"not followed: {error}", run_id=self._order.run_id)


def _copy(request: httpx.Request) -> httpx.Request:
    return httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
