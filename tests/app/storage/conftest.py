from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.storage.storage import Storage, open_storage
from integrations.clock import SystemClock


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await storage.start()
    yield storage
    await storage.aclose()
