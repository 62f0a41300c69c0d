"""An incident of a whole Dialtone, from the failure that is reported to New Relic's Event API."""

import gzip
import json
from pathlib import Path

import anyio
import httpx

from app.settings import load_settings
from app.wiring import Dialtone

CONFIG = """
state_dir: {dir}/state
analytics: {{enabled: false}}
alerts: {{external_url: "https://dialtone.example.com"}}
exporters:
  newrelic: {{license_key: "${{NR_KEY}}", account_id: 42}}
integrations:
  - {{id: web, vendor: http, config: {{url: "https://vendor.invalid/"}}, labels: {{team: core}}}}
"""
CANARY = "canary-4417"


class World(httpx.AsyncBaseTransport):
    """New Relic takes everything; everyone else is down."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.heard = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "metric-api.newrelic.com":
            return httpx.Response(202, request=request)
        if request.url.host != "insights-collector.newrelic.com":
            return httpx.Response(503, request=request)
        self.events += json.loads(gzip.decompress(await request.aread()))
        if any(event["eventType"] == "DialtoneIncident" for event in self.events):
            self.heard.set()
        return httpx.Response(200, request=request)


async def test_an_incident_is_told_as_an_event_with_a_link(tmp_path: Path) -> None:
    config = tmp_path / "dialtone.yaml"
    config.write_text(CONFIG.format(dir=tmp_path))
    world = World()
    settings = load_settings(config, environment={"NR_KEY": CANARY})
    dialtone = Dialtone(settings, transport=lambda _: world)

    async with dialtone.running():
        await dialtone.monitor.alert_integration_failure("web", "an operator saw it fail")
        with anyio.fail_after(30):
            await world.heard.wait()

    health = next(event for event in world.events if event["eventType"] == "DialtoneHealthChange")
    incident = next(event for event in world.events if event["eventType"] == "DialtoneIncident")
    assert (health["integration"], health["state"]) == ("web", "down")
    assert (incident["action"], incident["state"]) == ("opened", "down")
    assert incident["link"] == f"https://dialtone.example.com/incidents/{incident['incident']}"
    assert CANARY not in json.dumps(world.events)
