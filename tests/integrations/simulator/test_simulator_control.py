"""Faults can be set, shown and taken away over HTTP."""

import httpx
import pytest

from integrations.simulator.simulator import Simulator
from tests.fakes.clock import FakeClock


async def test_a_fault_is_set_shown_and_taken_away(
    client: httpx.AsyncClient, simulator: Simulator, clock: FakeClock
) -> None:
    made = await client.post(
        "/_simulator/faults", json={"kind": "reset", "vendor": "slack", "share": 0.5, "duration": 30}
    )
    clock.advance(10)
    shown = (await client.get("/_simulator/faults")).json()["faults"]

    assert made.status_code == 201
    assert [(entry["fault"]["kind"], entry["fault"]["vendor"], entry["left"]) for entry in shown] == [
        ("reset", "slack", 20.0)
    ]

    gone = await client.delete(f"/_simulator/faults/{made.json()['id']}")

    assert gone.status_code == 204
    assert simulator.faults.standing() == ()


async def test_all_faults_are_taken_away_at_once(client: httpx.AsyncClient, simulator: Simulator) -> None:
    for kind in ("reset", "latency"):
        await client.post("/_simulator/faults", json={"kind": kind})

    answer = await client.delete("/_simulator/faults")

    assert answer.status_code == 204
    assert simulator.faults.standing() == ()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"kind": "explode"}',
        b'{"kind": "reset", "shares": 0.5}',
        b'{"kind": "reset", "share": 7}',
        b'{"kind": "reset", "duration": -1}',
        b'{"kind": "reset", "duration": "long"}',
    ],
    ids=["no JSON", "no object", "unknown kind", "unknown key", "share", "duration", "duration's type"],
)
async def test_a_fault_that_is_none_is_refused_with_the_reason(
    client: httpx.AsyncClient, simulator: Simulator, body: bytes
) -> None:
    answer = await client.post("/_simulator/faults", content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert simulator.faults.standing() == ()


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/_simulator/faults/99"), ("DELETE", "/_simulator/faults/x"), ("PUT", "/_simulator/faults")],
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 404


async def test_the_overview_names_mounts_and_counts_requests_but_shows_no_secret(
    github: httpx.AsyncClient, simulator: Simulator
) -> None:
    await github.get("/user")

    answer = await github.get("http://simulator/_simulator")

    assert answer.json()["github"] == {"path": "/github", "accounts": ["main"], "requests": 1}
    assert answer.json()["slack"]["path"] == "/slack/api"
    assert simulator.secrets("github")["token"] not in answer.text
