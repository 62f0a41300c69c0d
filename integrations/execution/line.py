"""A line: everything the executor holds for one integration."""

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager

import anyio

from integrations.clock import Clock
from integrations.deadlines import Cancellable
from integrations.execution.adaptive import ConcurrencyLimit, first_limit, new_limit
from integrations.execution.breaker import CircuitBreaker, Transition
from integrations.execution.call import LineSpec, QuotaReading
from integrations.execution.concurrency import Bulkhead
from integrations.execution.gauges import breaker_samples, quota_samples
from integrations.execution.injection import Injection, Injector, fault_samples
from integrations.execution.quota import Allowance, QuotaLine, VendorQuota
from integrations.execution.retry import RetryBudget
from integrations.execution.route import Route, RouteKey
from integrations.execution.status import LineStatus, SavedLine
from integrations.execution.telling import Teller, quota_told, transition_told
from integrations.execution.transport import HTTPTransport
from integrations.manifest.schema import Limit
from integrations.samples import Sample
from integrations.signals import Signal
from integrations.sparing import alike, compact, nothing, put

_CHECK_SLOTS = 2
_CHECK_QUEUE = 64
_SAMPLE_EVERY = 10.0

SharedLimits = MutableMapping[tuple[str, str], Allowance]
"""Declared limits that all integrations of a vendor share, by vendor and limit."""


class Line:
    """The breakers, quotas, slots, retry tokens and pool of one integration.

    It puts itself into `astir` when it has changed, or holds something that has an end. `injector` is what
    strikes calls, `was_injected` whether anything ever did: attributes, because each call looks at both. Of
    most, `route` is the only one; `routes` are those after it. `slots` are for calls that are no checks.
    """

    __slots__ = (
        "__weakref__",
        "_allowances",
        "_astir",
        "_breakers",
        "_queues",
        "_quotas",
        "_sampled",
        "_shared",
        "_strikes",
        "active",
        "budget",
        "check_slots",
        "clock",
        "errors",
        "injector",
        "is_changed",
        "is_closing",
        "is_cut",
        "now",
        "policy",
        "publish",
        "rng",
        "route",
        "routes",
        "scopes",
        "slots",
        "spec",
        "transport",
        "was_injected",
    )

    def __init__(
        self,
        spec: LineSpec,
        transport: HTTPTransport,
        *,
        clock: Clock,
        rng: random.Random,
        publish: Callable[[Signal], None],
        shared: SharedLimits,
        astir: set["Line"],
    ) -> None:
        self._astir = astir
        self.spec = spec
        self.policy = spec.policy
        self.transport = transport
        self.clock = clock
        self.now = clock.monotonic
        self.rng = rng
        self.publish = publish
        self.budget = RetryBudget(spec.policy.retry.budget)
        self.slots: Bulkhead | None = None
        self.check_slots = Bulkhead(_CHECK_SLOTS, queue=_CHECK_QUEUE)
        self.active = 0
        self.errors = 0
        self.is_closing = self.is_cut = self.is_changed = self.was_injected = False
        # A list, because an empty set takes four times as much, and a few wait at once.
        self.scopes: list[Cancellable] = []
        self.injector: Injector | None = None
        self._strikes: dict[str, int] | None = None
        self._shared = shared
        self._breakers: Mapping[str, CircuitBreaker] = nothing()
        self._quotas: Mapping[str, VendorQuota] = nothing()
        self._queues: tuple[QuotaLine, ...] = ()
        self._allowances: tuple[tuple[Limit, Allowance], ...] = ()
        self.route: Route | None = None
        self.routes: Mapping[RouteKey, Route] = nothing()
        self._sampled: dict[str, float] | None = None
        self._fit()

    def adopt(self, spec: LineSpec) -> None:
        """Go on under another spec: state is kept, limits are the new ones."""
        if self.slots is not None:
            self.slots.adopt(self._limit_under(spec, self.slots.rule), queue=spec.policy.queue)
        self.spec, self.policy = spec, spec.policy
        self.budget.adopt(spec.policy.retry.budget)
        for breaker in self._breakers.values():
            breaker.adopt(spec.policy.breaker)
        for queue in self._queues:
            queue.adopt(spec.policy.queue)
        self._fit()

    def new_route(self, key: RouteKey) -> Route:
        """Return what calls with this key pass, and keep it.

        Raises:
            LookupError: when the integration has no such capability.
        """
        capability, action, bucket, _ = key = alike(key)
        declared = {
            limit.id: allowance
            for limit, allowance in self._allowances
            if not limit.actions or action in limit.actions
        }
        route = Route(
            key,
            self.breaker(capability),
            quota=self._quota(bucket),
            queue=self._queue(bucket, tuple(declared)),
            declared=declared.values(),
            vendor=self.spec.vendor,
        )
        if self.route is None:
            self.route = route
        else:
            self.routes = {**self.routes, key: route}
        return route

    def new_slots(self) -> Bulkhead:
        """Make `slots`, for the first call that is no check; of most there never is one."""
        limit = new_limit(self.policy.adaptive, _concurrency(self.spec))
        self.slots = Bulkhead(limit, queue=self.policy.queue)
        return self.slots

    def breaker(self, capability: str) -> CircuitBreaker:
        """Return the breaker of one capability.

        Raises:
            LookupError: when the integration has no such capability.
        """
        if capability not in self._breakers:
            known = ", ".join(self._breakers)
            raise LookupError(f"{self.spec.integration} has no capability {capability!r}, only {known}")
        return self._breakers[capability]

    def breakers(self, capability: str | None) -> Iterable[CircuitBreaker]:
        """Return one breaker, or all for None.

        Raises:
            LookupError: when the integration has no such capability.
        """
        return tuple(self._breakers.values()) if capability is None else (self.breaker(capability),)

    def learn(self, readings: Sequence[QuotaReading]) -> None:
        """Take what an answer said of the vendor's buckets."""
        for reading in readings:
            quota = self._quota(reading.bucket)
            quota.learn(reading)
            self.stir()
            self.wake(reading.bucket)
            self._tell(quota)

    def throttle(self, route: Route, seconds: float | None) -> float:
        """Keep quiet in one bucket as the vendor asks; return for how long."""
        retry = self.policy.retry
        route.quota.throttle(seconds, base=retry.throttle_base, cap=retry.cap)
        pause = route.quota.wait(self.now(), 1.0)
        self.stir()
        self.wake(route.quota.bucket)
        if self._sampled is not None:
            self._sampled.pop(route.quota.bucket, None)
        self._tell(route.quota)
        return pause

    def give_back(self, route: Route, cost: float) -> None:
        """Undo what a call took of its quota: its request was never made."""
        for part in route.parts:
            part.give_back(cost)
        self.wake(route.quota.bucket)

    def wake(self, bucket: str) -> None:
        """Let those look again who wait for a bucket."""
        for queue in self._queues_of(bucket):
            queue.wake()

    def stir(self) -> None:
        """It has changed: it must be saved, and looked after as long as it holds something with an end."""
        self.is_changed = True
        self._astir.add(self)

    @property
    def is_astir(self) -> bool:
        """Whether it must be looked after."""
        timed = any(breaker.is_timed for breaker in self._breakers.values())
        return self.is_changed or timed or self.injector is not None

    def tick(self) -> None:
        """Let end what has an end, also when no call comes by."""
        now = self.now()
        for breaker in self._breakers.values():
            breaker.tick(now)
        if self.fault is None:
            self.injector = None

    async def sleep(self, seconds: float) -> None:
        """Wait between attempts; ends early when the line is cut."""
        with self.cuttable(math.inf):
            await self.clock.sleep(seconds)

    @contextmanager
    def cuttable(self, within: float) -> Iterator[anyio.CancelScope]:
        """A wait that ends after `within` seconds, or when the line is cut."""
        scope = anyio.CancelScope(deadline=asyncio.get_running_loop().time() + within)
        self.scopes.append(scope)
        try:
            with scope:
                yield scope
        finally:
            self.scopes.remove(scope)

    def cut(self) -> None:
        """Cancel what is still on its way or waits."""
        self.is_cut = True
        for scope in tuple(self.scopes):
            scope.cancel()

    def inject(self, injector: Injector | None) -> None:
        """Let it strike calls from now on; None: nothing does any longer."""
        self.injector = injector
        self.was_injected = self.was_injected or injector is not None
        self._astir.add(self)

    @property
    def strikes(self) -> dict[str, int]:
        """How often a fault struck, by its kind; who injects faults counts here."""
        if self._strikes is None:
            self._strikes = {}
        return self._strikes

    @property
    def fault(self) -> Injection | None:
        """What an operator injects now."""
        return None if self.injector is None else self.injector.injection

    @property
    def in_flight(self) -> int:
        """Calls that hold a slot."""
        return self.check_slots.running + (0 if self.slots is None else self.slots.running)

    @property
    def waiting(self) -> int:
        """Calls that wait for quota or a slot."""
        queued = sum(queue.waiting for queue in self._queues)
        return queued + self.check_slots.waiting + (0 if self.slots is None else self.slots.waiting)

    @property
    def concurrency(self) -> int:
        """How many calls that are no checks may hold a slot."""
        if self.slots is None:
            return first_limit(self.policy.adaptive, _concurrency(self.spec))
        return self.slots.limit

    def status(self) -> LineStatus:
        """Return all limits as they are now."""
        return LineStatus(
            integration=self.spec.integration,
            in_flight=self.in_flight,
            waiting=self.waiting,
            concurrency=self.concurrency,
            concurrency_maximum=_concurrency(self.spec),
            retry_tokens=self.budget.tokens,
            retry_budget=int(self.budget.capacity),
            breakers=tuple(breaker.status(name) for name, breaker in self._breakers.items()),
            quotas=tuple(
                quota.status(sum(queue.waiting for queue in self._queues_of(bucket)))
                for bucket, quota in self._quotas.items()
            ),
            fault=self.fault,
        )

    def saved(self) -> SavedLine:
        """Return what must survive a restart."""
        breakers = (breaker.saved(name) for name, breaker in self._breakers.items())
        return SavedLine(
            integration=self.spec.integration,
            breakers=tuple(saved for saved in breakers if saved is not None),
            quotas=tuple(quota.saved() for quota in self._quotas.values()),
        )

    def restore(self, saved: SavedLine) -> None:
        """Take up what survived."""
        for breaker in saved.breakers:
            if breaker.capability in self._breakers:
                self._breakers[breaker.capability].restore(breaker)
        for quota in saved.quotas:
            self._quota(quota.bucket).restore(quota)
        self._astir.add(self)

    def samples(self) -> Iterable[Sample]:
        """Gauges of this integration."""
        name = self.spec.integration
        only = (name,)
        yield Sample("dialtone_calls_in_flight", only, self.in_flight)
        yield Sample("dialtone_calls_waiting", only, self.waiting)
        yield Sample("dialtone_concurrency_limit", only, self.concurrency)
        yield Sample("dialtone_retry_budget_tokens", only, self.budget.tokens)
        yield Sample("dialtone_pool_orphans", only, self.transport.orphans)
        yield Sample("dialtone_executor_errors_total", only, self.errors)
        for capability, breaker in tuple(self._breakers.items()):
            yield from breaker_samples(name, breaker.status(capability), breaker.state_seconds())
        for quota in tuple(self._quotas.values()):
            yield from quota_samples(name, quota.status(0))
        yield from fault_samples(name, is_on=self.fault is not None, strikes=self._strikes or {})

    def _fit(self) -> None:
        """Make what the spec names and is not there yet."""
        self.route, self.routes = None, nothing()
        known = self._breakers
        self._breakers = compact(
            {name: known.get(name) or self._new_breaker(name) for name in self.spec.capabilities}
        )
        self._allowances = tuple((limit, self._allowance(limit)) for limit in self.spec.limits if limit.rate)

    def _allowance(self, limit: Limit) -> Allowance:
        if limit.scope == "vendor":
            return self._shared.setdefault((self.spec.vendor, limit.id), Allowance(limit, self.clock))
        return next((known for old, known in self._allowances if old == limit), Allowance(limit, self.clock))

    def _new_breaker(self, capability: str) -> CircuitBreaker:
        tell = Teller(self, capability)
        return CircuitBreaker(self.policy.breaker, clock=self.clock, rng=self.rng, on_transition=tell)

    def tell_transition(self, capability: str, transition: Transition) -> None:
        """Publish what became of the breaker of one capability."""
        self.stir()
        self.publish(transition_told(self.spec, capability, transition, at=self.clock.time()))

    def _quota(self, bucket: str) -> VendorQuota:
        if bucket not in self._quotas:
            self._quotas = put(self._quotas, bucket, VendorQuota(bucket, self.clock))
        return self._quotas[bucket]

    def _queue(self, bucket: str, declared: tuple[str, ...]) -> QuotaLine:
        """One line for calls under the same limits: none waits behind one that a limit of its own holds."""
        for queue in self._queues_of(bucket):
            if queue.declared == declared:
                return queue
        made = QuotaLine(self.clock, bound=self.policy.queue, bucket=bucket, declared=declared)
        self._queues = (*self._queues, made)
        return made

    def _queues_of(self, bucket: str) -> Iterator[QuotaLine]:
        return (queue for queue in self._queues if queue.bucket == bucket)

    def _limit_under(self, spec: LineSpec, limit: ConcurrencyLimit) -> ConcurrencyLimit:
        if spec.policy.adaptive is not self.policy.adaptive:
            return new_limit(spec.policy.adaptive, _concurrency(spec))
        limit.adopt(_concurrency(spec))
        return limit

    def _tell(self, quota: VendorQuota) -> None:
        """Publish a bucket's level, at most every ten seconds: the gauge is sampled anyway."""
        now = self.now()
        if self._sampled is None:
            self._sampled = {}
        if now - self._sampled.get(quota.bucket, -_SAMPLE_EVERY) < _SAMPLE_EVERY:
            return
        self._sampled[quota.bucket] = now
        self.publish(quota_told(self.spec, quota.saved(), at=self.clock.time()))


def _concurrency(spec: LineSpec) -> int:
    declared = [limit.concurrency for limit in spec.limits if limit.concurrency]
    return min([spec.policy.concurrency, *declared])
