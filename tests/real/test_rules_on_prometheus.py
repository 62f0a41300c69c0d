"""The shipped rules on a real Prometheus that scrapes the running demo: all evaluate, and none cries wolf."""

from collections.abc import Iterator

import httpx
import pytest
import yaml

from dashboards.build.rules.__main__ import FOLDER
from tests.real.demo import Demo, scraped_demo
from tests.real.servers import eventually

ALERTS = [
    (group["name"], rule["alert"], rule["expr"])
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with scraped_demo(tmp_path_factory.mktemp("rules")) as demo:
        yield demo


def result(demo: Demo, query: str) -> list[dict[str, object]]:
    answer = httpx.post(f"{demo.prometheus}/api/v1/query", data={"query": query}, timeout=10).json()
    assert answer["status"] == "success", (query, answer)
    found: list[dict[str, object]] = answer["data"]["result"]
    return found


def test_every_recording_rule_evaluates(demo: Demo) -> None:
    def rules() -> list[dict[str, str]]:
        data = httpx.get(f"{demo.prometheus}/api/v1/rules", timeout=10).json()["data"]
        return [rule for group in data["groups"] for rule in group["rules"]]

    eventually("all were evaluated", lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert [(rule["name"], rule.get("lastError")) for rule in rules() if rule["health"] != "ok"] == []
    assert len(rules()) > 50


@pytest.mark.parametrize(
    "query", [query for _, _, query in ALERTS], ids=[f"{n} {name}" for n, (_, name, _) in enumerate(ALERTS)]
)
def test_every_alert_can_be_asked_of_what_is_really_scraped(demo: Demo, query: str) -> None:
    result(demo, query)


def test_an_integration_that_is_down_is_told_with_its_owner(demo: Demo) -> None:
    (query,) = (query for _, name, query in ALERTS if name == "DialtoneIntegrationDown")
    down = 'dialtone_health{capability="",state="down"} == 1'

    # The demo breaks its vendors now and then.
    found = eventually(
        "something is down, and told", lambda: result(demo, down) and result(demo, query), within=120
    )

    assert isinstance(found, list)
    assert {"integration", "vendor", "team", "environment"} <= set(found[0]["metric"])


def test_nothing_is_wrong_with_a_dialtone_that_runs_well(demo: Demo) -> None:
    itself = [(name, query) for group, name, query in ALERTS if group == "dialtone-alerts-itself"]

    # A queue of the demo's own receivers may drop, and its lines may lag where the machine has much to do.
    firing = {name for name, query in itself if result(demo, query)}

    assert firing <= {"DialtoneEventLoopLag", "DialtoneChecksLate", "DialtoneDeliveriesGivenUp"}
