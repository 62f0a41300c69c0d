"""What ten thousand integrations take of memory and time: that what is thrown away is gone at once."""

import gc
import weakref

import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.integration import Integration
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG

CONNECTIONS = [
    Connection(id="site", vendor="http", config={"url": "https://site.example/"}),
    Connection(id="github-prod", vendor="github", secrets={"token": Secret("ghp_abc")}),
]


@pytest.mark.parametrize("connection", CONNECTIONS, ids=lambda one: one.vendor)
def test_an_integration_that_was_only_examined_is_freed_without_a_collection(connection: Connection) -> None:
    clock = FakeClock()
    manifest = CATALOG.manifest(connection.vendor)
    gc.disable()
    try:
        integration = Integration(connection, manifest, clock=clock, publish=lambda _: None)
        gone = weakref.ref(integration)
        del integration
        assert gone() is None
    finally:
        gc.enable()
