"""Every query of every board, asked of a real Prometheus that scrapes the running demo, and of its API."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.dashboards.shipped import JSON, NAMES, infinity_targets, load, panels, prometheus_targets
from tests.real.demo import Demo, scraped_demo
from tests.real.servers import answers, eventually

BOARDS = {name: load(name) for name in NAMES}
FILLED = {
    "$__rate_interval": "20s",
    "$__range": "60s",
    "${__from:date:iso}": "-1h",
    "${__to:date:iso}": "now",
    "${integration:csv}": "*",
    "$bucket": "1m",
    "$team": ".*",
    "$environment": ".*",
}
"""What Grafana puts in place of its own variables; all else is chosen with `.+`."""
KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "timestamp": (str,)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with scraped_demo(tmp_path_factory.mktemp("boards")) as demo:
        # Somebody asks DuckDB, so that there is something to tell of it.
        assert answers(f"{demo.dialtone}/v2/analytics/queries/performance")
        yield demo


def filled(text: str) -> str:
    for name, value in FILLED.items():
        text = text.replace(name, value)
    return re.sub(r"\$\w+", ".+", text)


@pytest.mark.parametrize("name", NAMES)
def test_every_query_of_a_board_has_an_answer(demo: Demo, name: str) -> None:
    for title, target in prometheus_targets(BOARDS[name]):
        query = filled(target["expr"])
        eventually(
            f"{name}, {title}, {target['refId']}: {query}", lambda query=query: demo.rows(query), within=90
        )


@pytest.mark.parametrize("name", NAMES)
def test_every_query_over_time_is_one_that_prometheus_takes(demo: Demo, name: str) -> None:
    window = {"step": "15"}
    now = float(
        httpx.get(f"{demo.prometheus}/api/v1/query", params={"query": "time()"}).json()["data"]["result"][0]
    )
    window |= {"start": str(now - 60), "end": str(now)}
    for title, target in prometheus_targets(BOARDS[name]):
        query = {"query": filled(target["expr"]), **window}
        answer = httpx.get(f"{demo.prometheus}/api/v1/query_range", params=query, timeout=10)
        assert answer.json()["status"] == "success", f"{title}: {answer.text}"


@pytest.mark.parametrize("name", NAMES)
def test_what_happened_is_a_query_that_prometheus_takes(demo: Demo, name: str) -> None:
    for one in BOARDS[name]["annotations"]["list"]:
        rows = demo.rows(filled(one["expr"]))
        assert rows or one["name"] != "Configuration"


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_has_values_to_choose(demo: Demo, name: str) -> None:
    for variable in BOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None
            assert demo.label_values(found[2], filled(found[1])), variable["name"]


@pytest.mark.parametrize("title", [title for title, _ in infinity_targets(BOARDS["usage.json"])])
def test_every_question_to_duckdb_gives_its_columns(demo: Demo, title: str) -> None:
    (target,) = [one for name, one in infinity_targets(BOARDS["usage.json"]) if name == title]

    def rows() -> list[JSON]:
        params = {one["key"]: filled(one["value"]) for one in target["url_options"]["params"]}
        answer = httpx.get(f"{demo.dialtone}{target['url']}", params=params, timeout=10)
        assert answer.status_code == 200, answer.text
        found: list[JSON] = answer.json()
        return found

    found = eventually(f"{title}: rows", rows, within=120)
    assert isinstance(found, list)
    for column in target["columns"]:
        values = [row[column["selector"]] for row in found]
        assert all(isinstance(value, (*KINDS[column["type"]], type(None))) for value in values)
        assert any(value is not None for value in values) or column["selector"] == "status"
        if column["type"] == "timestamp":
            assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value) for value in values)


def test_no_board_was_left_out() -> None:
    assert sum(len(panels(board)) for board in BOARDS.values()) >= 90
