"""An application with real storage behind /v2/webhooks, asked in-process."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from app.storage.storage import Storage, open_storage
from app.webhooks import WebhookDesk
from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.framework import IntegrationFramework
from integrations.webhooks.inbound import Persistence
from tests.fakes.framework import CATALOG
from tests.fakes.parts import FakeDialtone, Token
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import KEY

TOKENS = tuple(
    Token(name=scope, sha256=hashlib.sha256(scope.encode()).hexdigest(), scopes=(scope,))
    for scope in ("read", "operate", "admin")
)


class WebhookServer:
    """`client` asks it; `seen` are the signals, `storage` what is kept."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.seen = RecordingSubscriber()
        self.storage: Storage = open_storage(None, state_dir=folder, clock=clock)
        executor = Executor(
            clock=clock,
            publish=self.seen,
            transport=lambda _: httpx.MockTransport(lambda _: httpx.Response(500)),
        )
        rows = self.storage.webhooks
        self.framework = IntegrationFramework(
            executor=executor,
            catalog=CATALOG,
            clock=clock,
            publish=self.seen,
            webhooks=Persistence(rows, self.storage.webhook_queue, rows),
        )
        self.desk = WebhookDesk(self.framework.inbound, storage=self.storage, clock=clock)
        self.dialtone = FakeDialtone(clock=clock)  # type: ignore[arg-type]  # any clock will do
        parts = replace(self.dialtone.parts(tokens=TOKENS), webhooks=self.desk)
        self.app = create_app(parts, lifespan=[self._running])
        self.framework.register_integration(
            Connection(
                id="gh", vendor="github", secrets={"token": Secret("ghp_1"), "webhook_secret": Secret(KEY)}
            )
        )

    @asynccontextmanager
    async def _running(self, _: Litestar) -> AsyncIterator[None]:
        await self.storage.start()
        await self.framework.inbound.load()
        async with anyio.create_task_group() as group:
            group.start_soon(self.desk.run)
            yield
            group.cancel_scope.cancel()
        await self.storage.aclose()

    @contextmanager
    def client(self, scope: str = "") -> Iterator[TestClient[Litestar]]:
        """Start, and ask with the token of this scope."""
        headers = {"authorization": f"Bearer {scope}"} if scope else {}
        with TestClient(self.app, base_url="http://us.example", raise_server_exceptions=False) as client:
            client.headers.update(headers)
            yield client
