"""A framework with the real catalogue and executor over a transport that a function answers for."""

import datetime as dt
from collections.abc import Callable

import httpx

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Manifest
from tests.fakes.clock import FakeClock
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.tokens import certificate, pem, rsa_key

Handler = Callable[[httpx.Request], httpx.Response]

CATALOG = Catalog.bundled()
SECRET = "s3cr3t-that-must-never-be-seen"


class RecordingVendor:
    """Answers requests by a function, or with the given responses in turn, and keeps the requests."""

    def __init__(self, *answers: httpx.Response, handler: Handler | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        self._handler = handler

    def __call__(self, request: httpx.Request) -> httpx.Response:
        # A copy, because a request may be sent again with another credential.
        self.requests.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        )
        if self._handler is not None:
            return self._handler(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def framework_for(
    vendor: Handler,
    *,
    clock: FakeClock | None = None,
    publish: RecordingSubscriber | None = None,
    catalog: Catalog = CATALOG,
) -> IntegrationFramework:
    """A framework whose every request is answered by `vendor`."""
    clock = clock or FakeClock()
    publish = publish or RecordingSubscriber()
    executor = Executor(clock=clock, publish=publish, transport=lambda _: httpx.MockTransport(vendor))
    return IntegrationFramework(executor=executor, catalog=catalog, clock=clock, publish=publish)


def connection_for(
    manifest: Manifest, *, auth: str = "", config: dict[str, object] | None = None
) -> Connection:
    """A connection that fits the manifest, by its examples; every secret holds SECRET, but for keys and
    certificates, which are real ones.
    """
    auth = auth or next(iter(manifest.auth))
    given = {name: field.example for name, field in manifest.config.items() if field.required}
    secrets = {
        name: Secret(_secret(manifest, auth, name, next(iter(field.prefix), "")))
        for name, field in manifest.auth[auth].secrets.items()
    }
    if manifest.webhooks is not None and manifest.webhooks.verify.secret:
        secrets[manifest.webhooks.verify.secret] = Secret(SECRET)
    return Connection(
        id=f"{manifest.id}-test",
        vendor=manifest.id,
        auth=auth,
        config={**given, **(config or {})},
        secrets=secrets,
    )


def _secret(manifest: Manifest, auth: str, name: str, prefix: str) -> str:
    field, kind = f"{{secret.{name}}}", manifest.auth[auth]
    if field in (getattr(kind, "private_key", ""), getattr(kind, "key", "")):
        return pem(rsa_key())
    if field == getattr(kind, "certificate", ""):
        return certificate(rsa_key(), ends=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    if any(field in action.base_url for action in manifest.actions.values()):
        host = next(iter(manifest.host_suffixes), "hook.example").lstrip(".")
        return f"https://{host}/hooks/{SECRET}?sig={SECRET}"
    return prefix + SECRET
