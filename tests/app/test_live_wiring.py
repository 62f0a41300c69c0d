"""The live view within the whole Dialtone: the order of the bus, and an end that keeps nobody waiting."""

from pathlib import Path

import httpx

from app.live.selection import Selection
from app.server import HTTPServer
from app.settings import load_settings
from app.wiring import Dialtone
from integrations.signals import HealthChange

CONFIG = """
state_dir: {dir}/state
analytics: {{enabled: false}}
integrations:
  - {{id: web, vendor: http, config: {{url: "http://vendor.invalid/"}}}}
"""


def dialtone_in(tmp_path: Path) -> Dialtone:
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(dir=tmp_path))
    answer = httpx.MockTransport(lambda _: httpx.Response(200))
    return Dialtone(load_settings(config), transport=lambda _: answer)


async def test_signals_that_answer_others_come_after_them(tmp_path: Path) -> None:
    dialtone = dialtone_in(tmp_path)
    async with dialtone.running():
        await dialtone.monitor.check_integration_health("web")
        await dialtone.monitor.alert_integration_failure("web", "reported by hand")

    ring = dialtone.live.ring
    kept = [ring.signal(number) for number in range(ring.first, ring.end)]
    assert [one.seq for one in kept] == list(range(1, len(kept) + 1))
    assert any(isinstance(one, HealthChange) for one in kept)


async def test_stopping_the_server_ends_every_reader(tmp_path: Path) -> None:
    dialtone = dialtone_in(tmp_path)
    reader = dialtone.live.open(Selection())
    HTTPServer(dialtone.app, [], on_stop=dialtone.live.close).stop()

    sent = [await reader.read(), await reader.read(), await reader.read()]

    assert b"event: bye" in sent[1]
    assert sent[2] == b""
