"""The face of this package: registers integrations, runs their actions and checks, takes their webhooks."""

import importlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

import anyio

from integrations.actions import CodeAction
from integrations.answering import Answering, Asked
from integrations.canaries import check_canary
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.cost import check_cost
from integrations.credentials.store import CredentialStore
from integrations.endings import declares_endings
from integrations.errors import ConfigurationError, UnknownIntegration
from integrations.examination import Examination, concealing
from integrations.execution.executor import Executor
from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind, Origin, Outcome, RejectReason
from integrations.execution.trace import Trace
from integrations.execution.traced import ended
from integrations.execution.tracing import CallIDs, new_run_id, system_random, trace_of, trace_of_own
from integrations.fallback import check_fallback
from integrations.integration import Integration
from integrations.keeping import CredentialKeeper
from integrations.manifest.loading import Catalog
from integrations.manifest.paging import PAGES, pages_in
from integrations.manifest.plans import ActionPlan, Plans
from integrations.manifest.shape import Shape
from integrations.orders import Order
from integrations.probes import Check, Probe, checks_of, declaration, params_of
from integrations.remarks import shapes_of
from integrations.runs import ActionRun
from integrations.samples import Sample
from integrations.signals import Signal
from integrations.standing import IntegrationStatus, standing
from integrations.webhooks.dispatch import Handler
from integrations.webhooks.inbound import Inbound, Persistence, in_memory
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer

GRACE = 1.0
"""Seconds a run may take beyond its deadline before its line is closed."""

DRAIN_STEP = 0.02


class _Runs:
    """The runs of one integration that go on: how many, and until when the last one may (monotonic). There is
    one only while there are runs.
    """

    __slots__ = ("active", "until")

    def __init__(self) -> None:
        self.active = 0
        self.until = 0.0


class IntegrationFramework:
    """Everything third parties are asked goes through here, and on through the executor."""

    def __init__(
        self,
        *,
        executor: Executor,
        catalog: Catalog,
        clock: Clock,
        publish: Callable[[Signal], None],
        webhooks: Persistence | None = None,
        credentials: CredentialStore | None = None,
    ) -> None:
        self._executor = executor
        self.credentials = CredentialKeeper(calls=executor, clock=clock, store=credentials)
        self._catalog = catalog
        self._clock = clock
        self._publish = publish
        self._random = system_random()
        self._integrations: dict[str, Integration] = {}
        self._runs: dict[str, _Runs] = {}
        self._leaving: dict[str, Integration] = {}
        self._actions: dict[tuple[str, str], CodeAction] = {}
        self._plans: dict[str, Plans] = {}
        self._shapes: dict[str, Mapping[str, Shape]] = {}
        self.inbound = Inbound(
            webhooks or in_memory(), calls=executor, clock=clock, publish=publish, find=self._integrations.get
        )
        self._answering = Answering(
            live=self._live, find=self.integration, circuits=executor, clock=clock, publish=publish
        )

    async def run(self) -> None:
        """Own the runs that equal reads share, and the renewal of tokens, until cancelled. Without it no read
        is shared, and a call that needs a token buys it itself.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self.credentials.run)
            await self._answering.run()

    def register_integration(self, connection: Connection) -> None:
        """Open an integration, or replace the one of this id. In-process; nothing is stored.

        A run that has begun ends with the integration as it was; limits and their state go on, unless the
        vendor is another. When it raises, nothing has changed.

        Raises:
            ConfigurationError: naming key, what was found, what is expected, and the nearest valid word.
        """
        integration = self._integration(connection)
        endpoint = self.inbound.open(integration)
        self._executor.open_line(integration.line)
        self.credentials.adopt(integration)
        self._keep_what_was_seen(integration)
        self._answering.forget(connection.id)
        self._leaving.pop(connection.id, None)
        self._integrations[connection.id] = integration
        self.inbound.adopt(integration, endpoint)

    def examine(self, connection: Connection) -> None:
        """Hold a connection against its vendor's manifest, and keep nothing.

        Raises:
            ConfigurationError: as `register_integration`.
        """
        self.inbound.open(self._integration(connection))
        # Read and loaded here, in the thread that reads a configuration, not when the integration is opened:
        # what a proxy needs takes 0.15 s.
        self._catalog.lock(connection.vendor)
        if connection.network.proxy is not None:
            importlib.import_module("integrations.execution.proxied")

    def _integration(self, connection: Connection) -> Integration:
        vendors = self._catalog.vendors()
        if connection.vendor not in vendors:
            raise ConfigurationError(
                connection.id,
                key="vendor",
                found=repr(connection.vendor),
                expected=f"one of {', '.join(vendors)}",
                valid=vendors,
                word=connection.vendor,
            )
        manifest = self._catalog.manifest(connection.vendor)
        if manifest.vendor.lifecycle == "retired":
            found = f"{manifest.vendor.name}, which ended on {manifest.vendor.sunset}"
            raise ConfigurationError(connection.id, key="vendor", found=found, expected="a vendor in service")
        plans = self._plans.setdefault(manifest.id, Plans(manifest))
        integration = Integration(connection, manifest, clock=self._clock, publish=self._publish, plans=plans)
        check_fallback(connection, manifest)
        check_cost(connection, manifest)
        check_canary(connection, manifest, auth=integration.auth_name)
        return integration

    async def unregister_integration(self, integration_id: str) -> None:
        """Forget an integration at once, and close it once its runs have ended.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        await self.close_integration(self.withdraw_integration(integration_id))

    def withdraw_integration(self, integration_id: str) -> Integration:
        """Forget an integration: nothing new begins, what runs goes on. `close_integration` comes next.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        integration = self.integration(integration_id)
        del self._integrations[integration.id]
        self.inbound.close(integration.id)
        self._answering.forget(integration.id)
        self._executor.faults.end(integration.id)
        self._leaving[integration.id] = integration
        return integration

    async def close_integration(self, integration: Integration) -> None:
        """Let the runs of a withdrawn integration end, within their deadlines, and close its line.

        One that was registered again meanwhile keeps its line.
        """
        while (runs := self._runs.get(integration.id)) and self._clock.monotonic() < runs.until + GRACE:
            await self._clock.sleep(DRAIN_STEP)
        if self._leaving.get(integration.id) is integration:
            del self._leaving[integration.id]
            self._answering.close(integration.id)
            self.credentials.forget(integration.id)
            await self._executor.close_line(integration.id)

    def integrations(self) -> tuple[Integration, ...]:
        """All integrations, in the order they were registered."""
        return tuple(self._integrations.values())

    def integration(self, integration_id: str) -> Integration:
        """One integration.

        Raises:
            UnknownIntegration: naming the nearest id.
        """
        if integration_id not in self._integrations:
            raise UnknownIntegration(integration_id, known=self._integrations)
        return self._integrations[integration_id]

    def checks(self, integration_id: str) -> tuple[Check, ...]:
        """The checks that go with an integration's way to authenticate.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        return checks_of(self.integration(integration_id))

    def run_check(
        self, check: Probe, *, timeout: float, cold: bool = False, examination: Examination | None = None
    ) -> Coroutine[None, None, Outcome]:
        """Make a check's request and hold its answer against what the manifest expects. A `cold` one goes
        over a connection of its own, and its outcome tells the phases; an `examination` hears of everything.

        Raises:
            UnknownIntegration: when the integration is gone.
            LookupError: when its manifest has no such check.
        """
        integration = self.integration(check.integration)
        declared = declaration(integration, check)
        if examination is not None:
            examination.hide(concealing(integration))
        run_id = new_run_id(self._random)
        order = Order(
            capability=check.capability,
            deadline=self._clock.monotonic() + timeout,
            run_id=run_id,
            trace_id=trace_of_own(run_id),
            call_ids=CallIDs(run_id),
            origin=Origin.CHECK,
            certificate=True,
            cold=cold,
            cost=declared.cost,
            check=declared,
            examination=examination,
        )
        plan = integration.plan(check.action)
        params = plan.check(params_of(integration, declared))
        running = self._run(integration, plan=plan, params=params, order=order)
        return running if examination is None else examination.until_ended(running)

    async def execute_integration(
        self,
        integration_id: str,
        action: str,
        params: Mapping[str, object],
        *,
        caller: str = "",
        origin: Origin = Origin.TRAFFIC,
        timeout: float | None = None,  # noqa: ASYNC109 - it becomes the run's deadline
        idempotency_key: str | None = None,
        run_id: str = "",
        trace_id: str = "",
        parent_span_id: str = "",
        sampled: bool | None = None,
        trace_state: str = "",
        priority: Priority | None = None,
        traced: bool = False,
    ) -> Outcome:
        """Run an action. `timeout` is seconds for all its requests; None takes the policy's deadline. The
        outcome of a `traced` one tells all that happened on the way. `run_id` is one that no other run has;
        without one it gets its own.

        A paged action returns `{"items", "more", "next"}`: the first page, or as many as the param `_pages`
        says (1 to 100; it stops once it has 10,000 items).

        Raises:
            UnknownIntegration, UnknownAction: naming the nearest.
            InvalidParams: with all that is wrong.
        """
        integration = self.integration(integration_id)
        plan = integration.plan(action)
        paginate = integration.manifest.paginate.get(plan.action.paginate)
        run_id = run_id or new_run_id(self._random)
        order = Order(
            capability=integration.capability(action),
            deadline=integration.deadline(timeout),
            run_id=run_id,
            origin=origin,
            caller=caller,
            idempotency_key=idempotency_key or "",
            trace_id=trace_id or trace_of(run_id),
            parent_span_id=parent_span_id,
            sampled=sampled,
            trace_state=trace_state,
            pages=pages_in(params, paginate, action),
            priority=priority,
            trace=Trace(self._clock.monotonic) if traced else None,
        )
        rest = {name: value for name, value in params.items() if name != PAGES or paginate is None}
        outcome = await self._answering.answer(Asked(integration, plan, plan.check(rest), order, rest))
        return outcome if order.trace is None else ended(order.trace, outcome)

    def get_integration_status(self, integration_id: str) -> IntegrationStatus:
        """What an integration is and how its limits stand; health is the monitor's to tell.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        integration = self.integration(integration_id)
        line = self._executor.status(integration.id)
        return standing(integration, line, lock=self._catalog.lock(integration.vendor))

    async def handle_webhook(self, integration_id: str, payload: InboundWebhook) -> WebhookAnswer:
        """Take an inbound webhook: prove it, answer handshakes, know duplicates, store it, publish a receipt.

        Raises:
            UnknownIntegration: when there is none of this id, or its vendor sends no webhooks.
            Exception: what storage raised; then nothing was taken.
        """
        return await self.inbound.take(integration_id, payload)

    def on_webhook(self, handler: Handler, *, integration_id: str = "", vendor: str = "") -> None:
        """Let a handler have what an integration, or every integration of a vendor, receives: at least once.

        Raises:
            ValueError: when not exactly one is named, or it has a handler already.
        """
        self.inbound.register(handler, integration_id=integration_id, vendor=vendor)

    def samples(self) -> Iterable[Sample]:
        """One line an integration, with its labels; when its server's certificate ends, once seen; and where
        answers came from.
        """
        for integration in self.integrations():
            labels = integration.connection.labels
            names = (integration.id, integration.vendor, labels.team, labels.environment, labels.tier)
            yield Sample("dialtone_integration_info", names, 1.0)
            if (ends_at := integration.certificate_ends_at) is not None:
                yield Sample("dialtone_certificate_expiry_timestamp_seconds", (integration.id,), ends_at)
            if integration.has_remarks:
                yield from integration.remarks.samples()
        yield from self._answering.samples()
        yield from self.credentials.samples()

    def _live(self, asked: Asked) -> Awaitable[Outcome]:
        integration, plan, params, order = asked[:4]
        return self._run(integration, plan=plan, params=params, order=order)

    async def _run(
        self, integration: Integration, *, plan: ActionPlan, params: Mapping[str, object], order: Order
    ) -> Outcome:
        name = integration.id
        if name not in self._integrations and name not in self._leaving:
            return _overtaken(order)
        run = ActionRun(integration, plan, calls=self._executor, credentials=self.credentials, order=order)
        runs = self._runs.get(name)
        if runs is None:
            runs = self._runs[name] = _Runs()
        runs.active += 1
        runs.until = max(runs.until, order.deadline)
        try:
            if plan.action.code:
                return await run.code(self._code(integration.vendor, plan.name), params)
            return await run.data(params)
        except LookupError:
            if self._integrations.get(name) is integration:
                raise
            return _overtaken(order)
        finally:
            runs.active -= 1
            if not runs.active:
                del self._runs[name]

    def _keep_what_was_seen(self, integration: Integration) -> None:
        """What was seen of the server's certificate holds as long as the server is the same, and what was
        told of its endings as long as the vendor is.
        """
        before, vendor = self._integrations.get(integration.id), integration.vendor
        if vendor not in self._shapes:
            self._shapes[vendor] = shapes_of(integration.manifest, self._catalog.lock(vendor))
        has_told = before is not None and before.vendor == vendor and before.has_remarks
        if has_told or self._shapes[vendor] or declares_endings(integration.manifest):
            integration.remarks.begin(self._shapes[vendor], before.remarks if before and has_told else None)
        if before is not None and (before.vendor, before.config) == (integration.vendor, integration.config):
            integration.certificate = before.certificate

    def _code(self, vendor: str, action: str) -> CodeAction:
        code = self._actions.get((vendor, action))
        if code is None:
            module = importlib.import_module(f"integrations.catalog.{vendor}.actions")
            code = self._actions[vendor, action] = module.ACTIONS[action]()
        return code


def _overtaken(order: Order) -> Outcome:
    """What becomes of a run whose integration went to another vendor, or went away, between two requests."""
    return Outcome(
        kind=FailureKind.REJECTED,
        reason=RejectReason.SHUTDOWN,
        detail="the configuration took the integration away while the action ran",
        run_id=order.run_id,
    )
