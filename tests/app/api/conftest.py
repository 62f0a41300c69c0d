"""The application over fake parts, asked in-process."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from tests.fakes.parts import FakeDialtone

LOCAL = "http://127.0.0.1:4350"


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


@pytest.fixture
def client(dialtone: FakeDialtone) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(dialtone.parts()), base_url=LOCAL, raise_server_exceptions=False) as client:
        yield client
