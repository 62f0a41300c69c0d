"""The whole Dialtone, put together and taken apart."""

from pathlib import Path

import anyio
import httpx
import structlog

from app.settings import load_settings
from app.storage.signal_log import append
from app.storage.storage import open_storage
from app.wiring import Dialtone
from integrations.clock import SystemClock
from integrations.signals import OperatorAction

CONFIG = """
state_dir: {dir}/state
integrations:
  - {{id: web, vendor: http, config: {{url: "https://vendor.invalid/"}}}}
"""


class Stubborn(httpx.AsyncBaseTransport):
    """A pool that fails when it is closed."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, request=request)

    async def aclose(self) -> None:
        raise RuntimeError("the pool does not close")


async def test_a_part_that_cannot_stop_keeps_no_other_from_storing_what_it_has(tmp_path: Path) -> None:
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(dir=tmp_path))
    dialtone = Dialtone(load_settings(config), transport=lambda _: Stubborn())

    with structlog.testing.capture_logs() as logs:
        async with dialtone.running():
            pass

    assert dialtone.analytics.status().reason.startswith("Dialtone is shutting down")
    assert dialtone.storage.healthy() == "storage is not open"
    assert [(entry["event"], entry["part"]) for entry in logs if entry["log_level"] == "error"] == [
        ("stopping failed", "executor")
    ]


async def test_stored_signals_of_long_ago_are_forgotten_also_when_nobody_copies_them(tmp_path: Path) -> None:
    storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await storage.start()
    old = [
        OperatorAction(at=float(number), actor="ann", action="pause", integration="web")
        for number in range(10_500)
    ]
    await storage.signals._units.run(lambda connection: append(connection, old))
    await storage.aclose()
    config = tmp_path / "dialtone.yaml"
    config.write_text(f"state_dir: {tmp_path}\nanalytics: {{enabled: false}}\n")

    dialtone = Dialtone(load_settings(config))
    async with dialtone.running():
        with anyio.fail_after(8):
            while await dialtone.storage.operators.recent(1):
                pass
