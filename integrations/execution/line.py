"""A line: everything the executor holds for one integration."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager

import anyio
import msgspec

from integrations.clock import Clock
from integrations.execution.adaptive import ConcurrencyLimit, first_limit, new_limit
from integrations.execution.breaker import CircuitBreaker, Transition
from integrations.execution.buckets import Buckets
from integrations.execution.call import LineSpec, QuotaReading
from integrations.execution.concurrency import Bulkhead
from integrations.execution.injection import Injection, Injector
from integrations.execution.patience import UnderWay, cuttable
from integrations.execution.quota import Allowance, VendorQuota
from integrations.execution.retry import RetryBudget
from integrations.execution.route import Route, RouteKey, free_route
from integrations.execution.status import BreakerStatus, SavedLine, unused_breaker
from integrations.execution.telling import Teller, quota_told, transition_told
from integrations.execution.transport import HTTPTransport
from integrations.manifest.schema import Limit
from integrations.signals import BreakerState, Signal
from integrations.sparing import alike, nothing, put

_CHECK_SLOTS = 2
_CHECK_QUEUE = 64

SharedLimits = MutableMapping[tuple[str, str], Allowance]
"""Declared limits that all integrations of a vendor share, by vendor and limit."""


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What all lines of an executor share: `under_way` holds all that can be cancelled, and whose it is;
    `astir` the lines that must be saved or looked after.
    """

    clock: Clock
    rng: random.Random
    publish: Callable[[Signal], None]
    shared: SharedLimits
    under_way: UnderWay
    astir: set["Line"]


class Line:
    """The breakers, quotas, slots, retry tokens and pool of one integration.

    There may be ten thousand, and of most nothing is ever called but their check. So what only other calls
    need, or a limit that the vendor tells of, is made with the first of these: until then `slots`, `spent`
    (the retry budget) and `buckets` are None, breakers are closed, and checks share their route with those of
    other integrations. `injector` is what strikes calls, `was_injected` whether anything has: attributes, for
    each call looks at both. Of most, `route` is the only one; `routes` are those after it.
    """

    __slots__ = (
        "_allowances",
        "_breakers",
        "_entered",
        "_house",
        "_since",
        "_strikes",
        "active",
        "buckets",
        "check_slots",
        "errors",
        "injector",
        "is_changed",
        "is_closing",
        "is_cut",
        "now",
        "policy",
        "route",
        "routes",
        "slots",
        "spec",
        "spent",
        "transport",
        "under_way",
        "was_injected",
    )

    def __init__(self, spec: LineSpec, transport: HTTPTransport, house: House) -> None:
        self._house = house
        self.spec = spec
        self.policy = spec.policy
        self.transport = transport
        self.now = house.clock.monotonic
        self.under_way = house.under_way
        self._since, self._entered = house.clock.time(), house.clock.monotonic()
        self.spent: RetryBudget | None = None
        self.slots: Bulkhead | None = None
        self.check_slots = Bulkhead(_CHECK_SLOTS, queue=_CHECK_QUEUE)
        self.active = 0
        self.errors = 0
        self.is_closing = self.is_cut = self.is_changed = self.was_injected = False
        self.injector: Injector | None = None
        self._strikes: dict[str, int] | None = None
        self._breakers: Mapping[str, CircuitBreaker] = nothing()
        self.buckets: Buckets | None = None
        self._allowances: tuple[tuple[Limit, Allowance], ...] = ()
        self.route: Route | None = None
        self.routes: Mapping[RouteKey, Route] = nothing()
        self._fit()

    def adopt(self, spec: LineSpec) -> None:
        """Go on under another spec: state is kept, limits are the new ones."""
        if self.slots is not None:
            self.slots.adopt(self._limit_under(spec, self.slots.rule), queue=spec.policy.queue)
        self.spec, self.policy = spec, spec.policy
        if self.spent is not None:
            self.spent.adopt(spec.policy.retry.budget)
        for breaker in self._breakers.values():
            breaker.adopt(spec.policy.breaker)
        if self.buckets is not None:
            self.buckets.adopt(spec.policy.queue)
        self._fit()

    # What calls pass.

    def new_route(self, key: RouteKey) -> Route:
        """Return what calls with this key pass, and keep it.

        Raises:
            LookupError: when the integration has no such capability.
        """
        capability, action, bucket, _, is_check = key = alike(key)
        declared = {
            limit.id: allowance
            for limit, allowance in self._allowances
            if not limit.actions or action in limit.actions
        }
        breaker = self.made_breaker(capability) if is_check else self.breaker(capability)
        quota = self.quotas.get(bucket) if is_check else self._quota(bucket)
        if breaker is None and quota is None and not declared:
            route = free_route(key, self.spec.vendor)
        else:
            route = Route(
                key,
                vendor=self.spec.vendor,
                breaker=breaker,
                quota=quota,
                declared=declared.values(),
                queue=self._kept_buckets().queue(bucket, tuple(declared)) if quota or declared else None,
            )
        if self.route is None:
            self.route = route
        else:
            self.routes = {**self.routes, key: route}
        return route

    def route_now(self, route: Route) -> Route:
        """What a call passes that goes on: what was made since, such as a quota, holds for it too."""
        known = self.route if self.route is not None and self.route.key == route.key else None
        if known is None and route.key[0] in self.spec.capabilities:
            known = self.routes.get(route.key) or self.new_route(route.key)
        return known or route

    @property
    def budget(self) -> RetryBudget:
        """What retries are paid from."""
        if self.spent is None:
            self.spent = RetryBudget(self.policy.retry.budget)
        return self.spent

    @property
    def quotas(self) -> Mapping[str, VendorQuota]:
        """What is known of the vendor's buckets."""
        return nothing() if self.buckets is None else self.buckets.quotas

    def new_slots(self) -> Bulkhead:
        """Make `slots`, for the first call that is no check; of most there never is one."""
        limit = new_limit(self.policy.adaptive, self.spec.concurrency)
        self.slots = Bulkhead(limit, queue=self.policy.queue)
        return self.slots

    def made_breaker(self, capability: str) -> CircuitBreaker | None:
        """Return the breaker of one capability, if it was ever needed: else it is closed.

        Raises:
            LookupError: when the integration has no such capability.
        """
        breaker = self._breakers.get(capability)
        if breaker is None and capability not in self.spec.capabilities:
            known = ", ".join(self.spec.capabilities)
            raise LookupError(f"{self.spec.integration} has no capability {capability!r}, only {known}")
        return breaker

    def breaker(self, capability: str) -> CircuitBreaker:
        """Return the breaker of one capability, made when it is not there yet.

        Raises:
            LookupError: when the integration has no such capability.
        """
        return self.made_breaker(capability) or self._new_breaker(capability)

    def breakers(self, capability: str | None) -> Iterable[CircuitBreaker]:
        """Return one breaker, or all for None.

        Raises:
            LookupError: when the integration has no such capability.
        """
        names = self.spec.capabilities if capability is None else (capability,)
        return tuple([self.breaker(name) for name in names])

    def breaker_status(self, capability: str) -> BreakerStatus:
        """The breaker of one capability now."""
        breaker = self._breakers.get(capability)
        if breaker is None:
            return unused_breaker(capability, self.policy.breaker, since=self._since)
        return breaker.status(capability)

    def learn(self, readings: Sequence[QuotaReading]) -> None:
        """Take what an answer said of the vendor's buckets."""
        for reading in readings:
            quota = self._quota(reading.bucket)
            quota.learn(reading)
            self._learned(quota)

    def throttle(self, route: Route, seconds: float | None) -> float:
        """Keep quiet in one bucket as the vendor asks; return for how long."""
        retry = self.policy.retry
        quota = self._quota(route.key[2])
        quota.throttle(seconds, base=retry.throttle_base, cap=retry.cap)
        pause = quota.wait(self.now(), 1.0)
        self._learned(quota, tell_at_once=True)
        return pause

    def give_back(self, route: Route, cost: float) -> None:
        """Undo what a call took of its quota: its request was never made."""
        for part in route.parts:
            part.give_back(cost)
        if self.buckets is not None:
            self.buckets.wake(route.key[2])

    def _learned(self, quota: VendorQuota, *, tell_at_once: bool = False) -> None:
        buckets = self._kept_buckets()
        self.stir()
        buckets.wake(quota.bucket)
        if buckets.must_tell(quota.bucket, at_once=tell_at_once):
            self._house.publish(quota_told(self.spec, quota.saved(), at=self._house.clock.time()))

    def stir(self) -> None:
        """It has changed: it must be saved, and looked after as long as it holds something with an end."""
        self.is_changed = True
        self._house.astir.add(self)

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
            await self._house.clock.sleep(seconds)

    def cuttable(self, within: float) -> AbstractContextManager[anyio.CancelScope]:
        """A wait that ends after `within` seconds, or when the line is cut."""
        return cuttable(self.under_way, self, within)

    def inject(self, injector: Injector | None) -> None:
        """Let it strike calls from now on; None: nothing does any longer."""
        self.injector = injector
        self.was_injected = self.was_injected or injector is not None
        self._house.astir.add(self)

    @property
    def rng(self) -> random.Random:
        """What faults are drawn from."""
        return self._house.rng

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
        queued = 0 if self.buckets is None else self.buckets.waiting
        return queued + self.check_slots.waiting + (0 if self.slots is None else self.slots.waiting)

    @property
    def concurrency(self) -> int:
        """How many calls that are no checks may hold a slot."""
        if self.slots is None:
            return first_limit(self.policy.adaptive, self.spec.concurrency)
        return self.slots.limit

    def saved(self) -> SavedLine:
        """Return what must survive a restart."""
        breakers = (breaker.saved(name) for name, breaker in self._breakers.items())
        return SavedLine(
            integration=self.spec.integration,
            breakers=tuple(saved for saved in breakers if saved is not None),
            quotas=tuple(quota.saved() for quota in self.quotas.values()),
        )

    def restore(self, saved: SavedLine) -> None:
        """Take up what survived."""
        for breaker in saved.breakers:
            if breaker.capability in self.spec.capabilities:
                self.breaker(breaker.capability).restore(breaker)
        for quota in saved.quotas:
            self._quota(quota.bucket).restore(quota)
        self._house.astir.add(self)

    def _fit(self) -> None:
        """Make what the spec names and is not there yet."""
        self._forget_routes()
        kept = [one for one in self._breakers.items() if one[0] in self.spec.capabilities]
        self._breakers = dict(kept) if kept else nothing()
        self._allowances = tuple((limit, self._allowance(limit)) for limit in self.spec.limits if limit.rate)

    def _allowance(self, limit: Limit) -> Allowance:
        clock = self._house.clock
        if limit.scope == "vendor":
            return self._house.shared.setdefault((self.spec.vendor, limit.id), Allowance(limit, clock))
        return next((known for old, known in self._allowances if old == limit), Allowance(limit, clock))

    def _new_breaker(self, capability: str) -> CircuitBreaker:
        house, tell = self._house, Teller(self, capability)
        breaker = CircuitBreaker(self.policy.breaker, clock=house.clock, rng=house.rng, on_transition=tell)
        breaker.began(self._since, self._entered)
        self._breakers = put(self._breakers, capability, breaker)
        self._forget_routes()
        return breaker

    def tell_transition(self, capability: str, transition: Transition) -> None:
        """Publish what became of the breaker of one capability."""
        self.stir()
        self._house.publish(transition_told(self.spec, capability, transition, at=self._house.clock.time()))

    def _quota(self, bucket: str) -> VendorQuota:
        if bucket not in self.quotas:
            self._forget_routes()
        return self._kept_buckets().quota(bucket)

    def _kept_buckets(self) -> Buckets:
        if self.buckets is None:
            self.buckets = Buckets(self._house.clock, bound=self.policy.queue)
        return self.buckets

    def _forget_routes(self) -> None:
        """Those that are made anew lead past what has been made since."""
        self.route, self.routes = None, nothing()

    def state_seconds(self, capability: str) -> Mapping[BreakerState, float]:
        """How long the breaker of one capability was in each state that it was in."""
        breaker = self._breakers.get(capability)
        return (
            {BreakerState.CLOSED: self.now() - self._entered} if breaker is None else breaker.state_seconds()
        )

    @property
    def retry_tokens(self) -> float:
        """What is left of the retry budget."""
        return self.policy.retry.budget if self.spent is None else self.spent.tokens

    def _limit_under(self, spec: LineSpec, limit: ConcurrencyLimit) -> ConcurrencyLimit:
        if spec.policy.adaptive is not self.policy.adaptive:
            return new_limit(spec.policy.adaptive, spec.concurrency)
        limit.adopt(spec.concurrency)
        return limit
