"""Framework and executor whose vendors are the simulator's: what a test needs to call the whole catalogue."""

import random
from typing import NamedTuple

import httpx

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import Outcome
from integrations.framework import IntegrationFramework
from integrations.manifest.evidence import NAMED
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Action, Manifest
from integrations.simulator.faults import FaultBoard
from integrations.simulator.simulator import Simulator
from tests.fakes.clock import LoopClock
from tests.fakes.signals import RecordingSubscriber

CATALOG = Catalog.bundled()
ORIGIN = "http://127.0.0.1:9"


class Way(NamedTuple):
    """A vendor and one of its authentication kinds."""

    vendor: str
    auth: str

    @property
    def manifest(self) -> Manifest:
        return CATALOG.manifest(self.vendor)

    def __str__(self) -> str:
        return f"{self.vendor} {self.auth}"


WAYS = [Way(vendor, auth) for vendor in CATALOG.vendors() for auth in CATALOG.manifest(vendor).auth]


class _Recording(httpx.AsyncBaseTransport):
    """Keeps every answer, with its request, as the vendor gave it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, answers: list[httpx.Response]) -> None:
        self._inner = inner
        self._answers = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        answer.request = request
        self._answers.append(answer)
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


class World:
    """A framework whose vendors are the simulator's."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response] = []
        self.signals = RecordingSubscriber()
        clock = self.clock = LoopClock()
        self.faults = FaultBoard(clock=clock, seed=1)
        self.simulator = Simulator(CATALOG, clock=clock, faults=self.faults)
        self.executor = Executor(
            clock=clock,
            publish=RecordingSubscriber(),
            transport=lambda _: _Recording(httpx.ASGITransport(self.simulator), self.answers),
            random=random.Random(1),
        )
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=CATALOG, clock=clock, publish=self.signals
        )

    def register(self, way: Way, *, spoilt: bool = False) -> str:
        """Open an integration; `spoilt` gives it secrets that are wrong."""
        secrets = self.simulator.add_account(way.vendor, "main", auth=way.auth)
        wanted = way.manifest.auth[way.auth].secrets
        end = "x" if spoilt else ""
        base = self.simulator.base_url(way.vendor, ORIGIN)
        config = self.simulator.addresses(way.vendor, ORIGIN) or {"url": f"{base}/main/health"}
        config |= asked_by_checks(way.manifest)
        given = {name: secrets[name] + end for name in wanted}
        given |= {name: f"{base}/hooks/{given[name]}" for name in wanted if is_address(way.manifest, name)}
        self.framework.register_integration(
            Connection(
                id=way.vendor,
                vendor=way.vendor,
                config=config,
                auth=way.auth,
                secrets={name: Secret(text) for name, text in given.items()},
            )
        )
        return way.vendor

    async def call(self, integration: str, action: str) -> Outcome:
        params = example_params(CATALOG.manifest(integration), action)
        return await self.framework.execute_integration(integration, action, params)


def asked_by_checks(manifest: Manifest) -> dict[str, object]:
    """Examples of the config values that the manifest's checks ask with."""
    texts = [value for check in manifest.health for value in check.params.values() if isinstance(value, str)]
    names = [found[1] for text in texts if (found := NAMED.fullmatch(text))]
    return {name: manifest.config[name].example for name in names}


def is_address(manifest: Manifest, secret: str) -> bool:
    """Whether a secret is the whole address of some actions."""
    return any(action.base_url == f"{{secret.{secret}}}" for action in manifest.actions.values())


def example_params(manifest: Manifest, name: str) -> dict[str, object]:
    """The params the manifest gives as examples, without those that stand for a place within pages."""
    action: Action = manifest.actions[name]
    paging = manifest.paginate[action.paginate] if action.paginate else None
    places = {paging.cursor, paging.page, paging.offset} if paging else set()
    return {
        key: declared.example
        for key, declared in action.input.items()
        if declared.example is not None and key not in places
    }
