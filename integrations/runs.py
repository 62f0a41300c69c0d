"""Runs one action: its requests through the executor, its pages, its data. One deadline spans them all."""

import secrets
import uuid
from collections.abc import Awaitable, Mapping, MutableMapping
from typing import NamedTuple, Protocol

import httpx
import msgspec

from integrations.actions import CodeAction
from integrations.credentials.buying import unusable
from integrations.execution.call import Answer, Call
from integrations.execution.cold import COLD
from integrations.execution.outcome import FailureKind, Outcome
from integrations.integration import Integration
from integrations.manifest.hosts import ForeignHostError
from integrations.manifest.paging import Next, next_page, sized
from integrations.manifest.plans import ActionPlan
from integrations.manifest.schema import Paginate
from integrations.manifest.templates import UnfitValueError
from integrations.orders import Order
from integrations.sending import Credentials, Sending
from integrations.unsent import unsent_record

MAX_ITEMS = 10_000


class Calls(Protocol):
    """Who makes the requests."""

    async def execute(self, call: Call) -> Answer:
        """Make one request; a third party's failure is an Outcome."""
        ...


class _Page(NamedTuple):
    """One page's answer, its items, and where the next one is."""

    outcome: Outcome
    items: list[object]
    following: Next | None


class ActionRun:
    """One run of one action of one integration; to an action in code, its ActionContext."""

    __slots__ = (
        "_calls",
        "_given_key",
        "_outcomes",
        "credentials",
        "integration",
        "order",
        "params",
        "plan",
    )

    def __init__(
        self,
        integration: Integration,
        plan: ActionPlan,
        *,
        calls: Calls,
        credentials: Credentials,
        order: Order,
    ) -> None:
        self.integration = integration
        self.plan = plan
        self.order = order
        self.credentials = credentials
        self.params: Mapping[str, object] = {}
        self._calls = calls
        self._outcomes: list[Outcome] = []
        self._given_key = order.idempotency_key

    async def data(self, params: Mapping[str, object]) -> Outcome:
        """Run an action that is all data; `params` are checked.

        Raises:
            InvalidParams: when a value cannot stand where it is to go.
        """
        self.params = params
        paginate = self.integration.manifest.paginate.get(self.plan.action.paginate)
        if paginate is not None:
            return await self._paged(paginate, sized(paginate, params))
        return self.finish(await self.send(self.request(), idempotent=self._is_idempotent))

    def code(self, action: CodeAction, params: Mapping[str, object]) -> Awaitable[Outcome]:
        """Run an action in code; `params` are checked."""
        self.params = params
        return action.run(self)

    # What an action in code is given, beside its params.

    @property
    def config(self) -> Mapping[str, object]:
        """The connection's config."""
        return self.integration.config

    @property
    def kept(self) -> MutableMapping[str, object]:
        """What is kept between runs."""
        return self.integration.kept

    def request(self) -> httpx.Request:
        """The request that the manifest describes for its params, made anew."""
        return self._build(self.params, self._key)

    async def send(self, request: httpx.Request, *, step: str = "request", idempotent: bool) -> Answer:
        """Send a request, with the credential; what is good of its answer is learned."""
        integration, order = self.integration, self.order
        access = integration.access
        try:
            integration.origins.check(request.url)
            failed = None if access.tokens is None else await self._aim(request)
            if failed is None:
                access.credential.apply(request)
        except ForeignHostError as error:
            return Answer(outcome=self._foreign(error), reply=None)
        except UnfitValueError as error:
            failed = unusable(f"the credential cannot be sent: {error}")
        if failed is not None:
            return Answer(outcome=self._unsent(failed, step), reply=None)
        if order.cold:
            request.extensions[COLD] = True
        answer = await self._calls.execute(Sending(self, request, step).call(idempotent=idempotent))
        self._outcomes.append(answer.outcome)
        if order.examination is not None:
            order.examination.saw(request, answer, step=step)
        if answer.reply is not None:
            integration.learn(answer.reply, self.plan.name, kind=answer.outcome.kind)
        return answer

    def finish(self, answer: Answer) -> Outcome:
        """The run's Outcome so far: the last answer's, with the attempts and time of all its requests."""
        done, outcome, reply = self._outcomes, answer.outcome, answer.reply
        certificate = None if reply is None else reply.certificate
        if done != [outcome]:
            outcome = msgspec.structs.replace(
                outcome,
                attempts=tuple(each for one in done for each in one.attempts),
                duration=sum([one.duration for one in done]),
                run_id=self.order.run_id,
            )
        if reply is not None and outcome.kind is FailureKind.UNAUTHORIZED:
            outcome = msgspec.structs.replace(outcome, detail=self._advised(outcome))
        if reply is not None and (certificate is not None or reply.phases is not None):
            ends_at = None if certificate is None else certificate.not_after
            outcome = msgspec.structs.replace(outcome, phases=reply.phases, certificate_ends_at=ends_at)
        if reply is None or outcome.kind is not None or self.order.check is not None:
            return outcome
        data = self.integration.reader.output(reply, self.plan.action)
        return msgspec.structs.replace(outcome, data=data)

    # Pages.

    async def _paged(self, paginate: Paginate, params: dict[str, object]) -> Outcome:
        """Data of a paged action: `items` of all pages asked for, whether there is `more`, and the params
        that ask for the `next` page where the vendor counts or gives a cursor.
        """
        request = self._build(params, self._key)
        page = await self._page(request, step="request", paginate=paginate, params=params)
        items = page.items
        for number in range(2, self.order.pages + 1):
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
        answer = await self.send(request, step=step, idempotent=self._is_idempotent)
        outcome = self.finish(answer)
        if not outcome.ok or answer.reply is None:
            return _Page(outcome, [], None)
        items = list(outcome.data) if isinstance(outcome.data, list) else []
        following = next_page(paginate, answer.reply, params, items=items)
        leads_to_itself = following is not None and following.url == str(request.url)
        return _Page(outcome, items, None if leads_to_itself else following)

    def _next(self, following: Next, request: httpx.Request, params: Mapping[str, object]) -> httpx.Request:
        if following.url:
            return self.integration.requests(self.plan.name).follow(following.url, request)
        return self._build(params, str(uuid.uuid4()))

    # Requests.

    def _build(self, params: Mapping[str, object], key: str) -> httpx.Request:
        return self.integration.requests(self.plan.name).build(params, key=key)

    @property
    def _key(self) -> str:
        """The idempotency key, the same for all attempts; most actions send none."""
        if not self._given_key and self.plan.action.idempotency is not None:
            self._given_key = str(uuid.uuid4())
        return self._given_key

    @property
    def _is_idempotent(self) -> bool:
        return self.plan.idempotent or bool(self.plan.action.idempotency)

    async def _aim(self, request: httpx.Request) -> Outcome | None:
        """See that there is a token, and send the request to the host that came with it; return why there is
        none.

        Raises:
            ForeignHostError: when that would lead out of the allowed hosts.
        """
        integration = self.integration
        failed = await self.credentials.obtain(integration, deadline=self.order.deadline)
        if failed is None:
            integration.access.aim(request, base=integration.base)
            integration.origins.check(request.url)
        return failed

    def _unsent(self, failed: Outcome, step: str) -> Outcome:
        """The outcome of a request that could not be made for want of a credential, with its record."""
        integration, order = self.integration, self.order
        call_id = order.call_ids.take(order.run_id) or secrets.token_hex(8)
        outcome = msgspec.structs.replace(
            failed, run_id=order.run_id, call_id=call_id, detail=self._advised(failed)
        )
        record = unsent_record(
            integration, self.plan, order, outcome=outcome, at=integration.clock.time(), step=step
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
        return f"{outcome.detail}; {self.integration.access.remedy}"

    def _foreign(self, error: ForeignHostError) -> Outcome:
        return Outcome(kind=FailureKind.MALFORMED, detail=f"not followed: {error}", run_id=self.order.run_id)
