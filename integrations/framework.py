"""The face of this package: registers integrations, runs their actions and checks, takes their webhooks."""

import importlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from integrations.actions import CodeAction
from integrations.answering import Answering, Asked
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.errors import ConfigurationError, InvalidParams, UnknownIntegration
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Origin, Outcome, RejectReason
from integrations.expectations import Expectation
from integrations.fallback import check_fallback
from integrations.integration import Integration
from integrations.manifest.evidence import HealthCheck
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Paginate
from integrations.runs import MAX_PAGES, ActionRun, Order
from integrations.samples import Sample
from integrations.signals import Signal, WebhookReceipt
from integrations.standing import IntegrationStatus, standing
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer
from integrations.webhooks.receive import Verdict, receive, secrets_of
from integrations.webhooks.replay import ReplayWindow

GRACE = 1.0
"""Seconds a run may take beyond its deadline before its line is closed."""

DRAIN_STEP = 0.02
PAGES = "_pages"
"""The param that says how many pages a paged action may take, 1 to 100; without it one page is taken."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic probe of one capability. `asks` says in words what it asks, `cost` is what it draws on the
    `bucket` of the vendor's quota.
    """

    integration: str
    capability: str
    action: str
    asks: str = ""
    cost: float = 1.0
    bucket: str = ""


class Probe(Protocol):
    """What names a check: a Check, or a monitor's own."""

    @property
    def integration(self) -> str:
        """The integration's id."""
        ...

    @property
    def capability(self) -> str:
        """The capability it stands for."""
        ...

    @property
    def action(self) -> str:
        """The action it runs."""
        ...


class _Runs:
    """The runs of one integration that go on: how many, and until when the last one may (monotonic)."""

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
    ) -> None:
        self._executor = executor
        self._catalog = catalog
        self._clock = clock
        self._publish = publish
        self._integrations: dict[str, Integration] = {}
        self._runs: dict[str, _Runs] = {}
        self._leaving: dict[str, Integration] = {}
        self._actions: dict[str, Mapping[str, type[CodeAction]]] = {}
        self._replay = ReplayWindow()
        self._answering = Answering(
            live=self._run, find=self.integration, circuits=executor, clock=clock, publish=publish
        )

    async def run(self) -> None:
        """Own the runs that equal reads share, until cancelled; without it no read is shared."""
        await self._answering.run()

    def register_integration(self, connection: Connection) -> None:
        """Open an integration, or replace the one of this id. In-process; nothing is stored.

        A run that has begun ends with the integration as it was; limits and their state go on, unless the
        vendor is another. When it raises, nothing has changed.

        Raises:
            ConfigurationError: naming key, what was found, what is expected, and the nearest valid word.
        """
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
        integration = Integration(connection, manifest, clock=self._clock, publish=self._publish)
        check_fallback(connection, manifest)
        self._executor.open_line(integration.line)
        self._keep_certificate(integration)
        self._answering.forget(connection.id)
        self._leaving.pop(connection.id, None)
        self._runs.setdefault(connection.id, _Runs())
        self._integrations[connection.id] = integration

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
        self._replay.forget(integration.id)
        self._answering.forget(integration.id)
        self._executor.faults.end(integration.id)
        self._leaving[integration.id] = integration
        return integration

    async def close_integration(self, integration: Integration) -> None:
        """Let the runs of a withdrawn integration end, within their deadlines, and close its line.

        One that was registered again meanwhile keeps its line.
        """
        runs = self._runs[integration.id]
        while runs.active and self._clock.monotonic() < runs.until + GRACE:
            await self._clock.sleep(DRAIN_STEP)
        if self._leaving.get(integration.id) is integration:
            del self._leaving[integration.id]
            del self._runs[integration.id]
            self._answering.close(integration.id)
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
        integration = self.integration(integration_id)
        return tuple(
            Check(
                integration=integration.id,
                capability=one.capability,
                action=one.action,
                asks=integration.asked(one),
                cost=one.cost,
                bucket=integration.manifest.actions[one.action].bucket,
            )
            for one in integration.manifest.health
            if not one.auth or integration.auth_name in one.auth
        )

    async def run_check(
        self,
        check: Probe,
        *,
        timeout: float,  # noqa: ASYNC109 - it becomes the run's deadline
        cold: bool = False,
    ) -> Outcome:
        """Make a check's request and hold its answer against what the manifest expects. A `cold` one goes
        over a connection of its own, and its outcome tells the phases.

        Raises:
            UnknownIntegration: when the integration is gone.
            LookupError: when its manifest has no such check.
        """
        integration = self.integration(check.integration)
        declared = _declared(integration, check)
        expectation = Expectation(declared, config=integration.config, redact=integration.redact)
        order = Order(
            capability=check.capability,
            deadline=self._clock.monotonic() + timeout,
            run_id=uuid.uuid4().hex,
            origin=Origin.CHECK,
            certificate=True,
            cold=cold,
            cost=declared.cost,
            judge=expectation.judge,
        )
        plan = integration.plan(check.action)
        return await self._run(Asked(integration, plan, plan.check(declared.params), order))

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
        trace_id: str = "",
        parent_span_id: str = "",
        sampled: bool | None = None,
    ) -> Outcome:
        """Run an action. `timeout` is seconds for all its requests; None takes the policy's deadline.

        A paged action returns `{"items", "more", "next"}`: the first page, or as many as the param `_pages`
        says (1 to 100; it stops once it has 10,000 items).

        Raises:
            UnknownIntegration, UnknownAction: naming the nearest.
            InvalidParams: with all that is wrong.
        """
        integration = self.integration(integration_id)
        plan = integration.plan(action)
        paginate = integration.manifest.paginate.get(plan.action.paginate)
        seconds = integration.connection.policy.deadline if timeout is None else timeout
        order = Order(
            capability=integration.capability(action),
            deadline=self._clock.monotonic() + seconds,
            run_id=uuid.uuid4().hex,
            origin=origin,
            caller=caller,
            idempotency_key=idempotency_key or "",
            trace_id=trace_id,
            parent_span_id=parent_span_id,
            sampled=sampled,
            pages=_pages(action, params, paginate),
        )
        rest = {name: value for name, value in params.items() if name != PAGES or paginate is None}
        return await self._answering.answer(Asked(integration, plan, plan.check(rest), order, rest))

    def get_integration_status(self, integration_id: str) -> IntegrationStatus:
        """What an integration is and how its limits stand; health is the monitor's to tell.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        integration = self.integration(integration_id)
        line = self._executor.status(integration.id)
        return standing(integration, line, lock=self._catalog.lock(integration.vendor))

    async def handle_webhook(self, integration_id: str, payload: InboundWebhook) -> WebhookAnswer:
        """Judge an inbound webhook: prove it, answer handshakes, refuse replays, publish a receipt.

        Raises:
            UnknownIntegration: when there is none of this id.
        """
        integration = self.integration(integration_id)
        webhooks = integration.manifest.webhooks
        if webhooks is None:
            verdict = Verdict("malformed", 404, detail=f"{integration.vendor} sends no webhooks here")
        else:
            secrets = secrets_of(webhooks, integration.connection.secrets)
            verdict = receive(
                webhooks, payload, integration=integration.id, secrets=secrets, replay=self._replay
            )
        receipt = WebhookReceipt(
            at=payload.received_at,
            integration=integration.id,
            vendor=integration.vendor,
            event_type=verdict.event_type,
            verdict=verdict.verdict,
            webhook_id=verdict.webhook_id,
            detail=verdict.detail,
            body_bytes=len(payload.body),
        )
        self._publish(receipt)
        return WebhookAnswer(status=verdict.status, body=verdict.body, receipt=receipt)

    def samples(self) -> Iterable[Sample]:
        """One line an integration, with its labels; when its server's certificate ends, once seen; and where
        answers came from.
        """
        for integration in self._integrations.values():
            labels = integration.connection.labels
            names = (integration.id, integration.vendor, labels.team, labels.environment, labels.tier)
            yield Sample("dialtone_integration_info", names, 1.0)
            if (ends_at := integration.certificate_ends_at) is not None:
                yield Sample("dialtone_certificate_expiry_timestamp_seconds", (integration.id,), ends_at)
        yield from self._answering.samples()

    async def _run(self, asked: Asked) -> Outcome:
        integration, plan, params, order = asked[:4]
        run = ActionRun(integration, plan, calls=self._executor, order=order)
        runs = self._runs.get(integration.id)
        if runs is None:
            return _overtaken(order)
        runs.active += 1
        runs.until = max(runs.until, order.deadline)
        try:
            if plan.action.code:
                return await run.code(self._code(integration.vendor, plan.name), params)
            return await run.data(params)
        except LookupError:
            if self._integrations.get(integration.id) is integration:
                raise
            return _overtaken(order)
        finally:
            runs.active -= 1

    def _keep_certificate(self, integration: Integration) -> None:
        """What was seen of the server's certificate holds as long as the server is the same."""
        before = self._integrations.get(integration.id)
        if before is not None and (before.vendor, before.config) == (integration.vendor, integration.config):
            integration.certificate = before.certificate

    def _code(self, vendor: str, action: str) -> CodeAction:
        if vendor not in self._actions:
            module = importlib.import_module(f"integrations.catalog.{vendor}.actions")
            self._actions[vendor] = module.ACTIONS
        return self._actions[vendor][action]()


def _declared(integration: Integration, check: Probe) -> HealthCheck:
    for one in integration.manifest.health:
        if (one.capability, one.action) == (check.capability, check.action):
            return one
    raise LookupError(f"{integration.vendor} has no check of {check.capability} by {check.action}")


def _overtaken(order: Order) -> Outcome:
    """What becomes of a run whose integration went to another vendor, or went away, between two requests."""
    return Outcome(
        kind=FailureKind.REJECTED,
        reason=RejectReason.SHUTDOWN,
        detail="the configuration took the integration away while the action ran",
        run_id=order.run_id,
    )


def _pages(action: str, params: Mapping[str, object], paginate: Paginate | None) -> int:
    pages = params.get(PAGES, 1)
    if paginate is None:
        return 1
    if isinstance(pages, bool) or not isinstance(pages, int) or not 1 <= pages <= MAX_PAGES:
        raise InvalidParams(action, {PAGES: f"must be a whole number from 1 to {MAX_PAGES}"})
    return pages
