"""The canaries on our own way out: independent addresses and a name, asked all the time, and at once when
integrations begin to fail together.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from monitors.egress_settings import EgressSettings

DOWN_SHARE = 2 / 3
"""How many canaries fail when our way out does not work: two of three."""

FRESH_ROUNDS = 3
"""Rounds after which what was seen is no longer believed."""

log = structlog.get_logger("dialtone.egress")


class Probe(Protocol):
    """Asks canaries; whatever the network does is an answer."""

    async def reach(self, target: str, /, *, seconds: float) -> str:
        """Ask an address; return why it was not reached, empty when it was."""
        ...

    async def resolve(self, name: str, /, *, seconds: float) -> str:
        """Resolve a name; return why it was not resolved, empty when it was."""
        ...

    async def keep(self, targets: Iterable[str], /) -> None:
        """Forget all other addresses."""
        ...


class EgressStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the canaries showed last, at `seen_at` (UTC seconds; None: nothing yet): by host, why it was not
    reached, empty where it was; and the same of the name, None without one.
    """

    is_down: bool
    reason: str
    seen_at: float | None
    hosts: Mapping[str, str]
    name: str | None


class EgressWatch:
    """Asks the canaries that `settings` name, and says whether our way out works.

    Called on the event loop; `run` asks. `errors` counts faults of our own while asking.
    """

    def __init__(self, *, settings: Callable[[], EgressSettings], probe: Probe, clock: Clock) -> None:
        self._settings = settings
        self._probe = probe
        self._clock = clock
        self._hosts: dict[str, str] = {}
        self._name: str | None = None
        self._seen: float | None = None
        self._seen_at: float | None = None
        self._wake = anyio.Event()
        self.errors = 0

    async def run(self) -> None:
        """Ask them every `interval`, or when hurried, until cancelled."""
        while True:
            self._wake = anyio.Event()
            settings = self._settings()
            await self._round(settings)
            with anyio.move_on_after(settings.interval):
                await self._wake.wait()

    def hurry(self) -> None:
        """Ask them now."""
        self._wake.set()

    @property
    def is_down(self) -> bool:
        """Whether most canaries fail; False without any, and when nothing was seen lately."""
        return self._is_fresh and len(self._failing) >= math.ceil(DOWN_SHARE * len(self._hosts)) > 0

    @property
    def reason(self) -> str:
        """What they show, in one sentence; empty without any."""
        if not self._is_fresh:
            return ""
        failing = self._failing
        named = f": {_listed(failing)}" if failing else ""
        resolves = f" Names are not resolved ({self._name})." if self._name else ""
        return f"{len(failing)} of {len(self._hosts)} canaries on our way out fail{named}.{resolves}"

    def status(self) -> EgressStatus:
        """What they showed last."""
        return EgressStatus(
            is_down=self.is_down,
            reason=self.reason,
            seen_at=self._seen_at,
            hosts=dict(self._hosts),
            name=self._name,
        )

    def samples(self) -> Iterable[Sample]:
        """Whether each canary was reached, and whether our way out works."""
        for host, why in self._hosts.items():
            yield Sample("dialtone_egress_canary_up", (host,), float(not why))
        if self._name is not None:
            yield Sample("dialtone_egress_resolver_up", (), float(not self._name))
        if self._hosts:
            yield Sample("dialtone_egress_up", (), float(not self.is_down))

    @property
    def _failing(self) -> dict[str, str]:
        return {host: why for host, why in self._hosts.items() if why}

    @property
    def _is_fresh(self) -> bool:
        if self._seen is None or not self._hosts:
            return False
        return self._clock.monotonic() - self._seen <= FRESH_ROUNDS * self._settings().interval

    async def _round(self, settings: EgressSettings) -> None:
        was_down = self.is_down
        hosts: dict[str, str] = {}
        names: list[str] = []

        async def reach(target: str) -> None:
            hosts[urlsplit(target).hostname or target] = await self._asked(
                self._probe.reach, target, settings
            )

        async def resolve() -> None:
            names.append(await self._asked(self._probe.resolve, settings.name, settings))

        await self._probe.keep(settings.targets)
        async with anyio.create_task_group() as group:
            for target in settings.targets:
                group.start_soon(reach, target)
            if settings.name:
                group.start_soon(resolve)
        self._hosts, self._name = dict(sorted(hosts.items())), next(iter(names), None)
        self._seen, self._seen_at = self._clock.monotonic(), self._clock.time()
        if self.is_down is not was_down:
            log.warning("our way out", works=not self.is_down, reason=self.reason)

    async def _asked(self, ask: "_Ask", what: str, settings: EgressSettings) -> str:
        """Why it failed; it has an end, whatever the probe does."""
        try:
            with anyio.move_on_after(settings.timeout):
                return await ask(what, seconds=settings.timeout)
        except Exception as error:
            self.errors += 1
            log.exception("canary raised")
            return type(error).__name__
        return f"no answer within {settings.timeout:g} s"


class _Ask(Protocol):
    async def __call__(self, what: str, /, *, seconds: float) -> str:
        """Why it failed; empty when it did not."""
        ...


def _listed(failing: Mapping[str, str]) -> str:
    return ", ".join(f"{host} ({why.rstrip('.')})" for host, why in failing.items())
