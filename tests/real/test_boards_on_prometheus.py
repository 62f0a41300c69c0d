"""Every query of every board, asked of a real Prometheus that scrapes the running demo, and of its API."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.dashboards.shipped import FOLDER, JSON, NAMES, infinity_targets, load, panels, prometheus_targets
from tests.real.servers import answers, dialtone_command, eventually, free_port, program, running

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


class Demo:
    """The demo, and a Prometheus that scrapes it and evaluates the rules every second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dialtone, self.prometheus = (f"http://127.0.0.1:{free_port()}" for _ in range(2))

    def demo_command(self) -> list[str]:
        listen = self.dialtone.removeprefix("http://")
        return dialtone_command("demo", "--listen", listen, "--state-dir", str(self.folder / "demo"))

    def prometheus_command(self) -> list[str]:
        self._write_rules()
        scraped = {"job_name": "dialtone", "static_configs": [{"targets": [self.dialtone.split("//")[1]]}]}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [f"{self.folder}/recording.yml"],
            "scrape_configs": [scraped],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        return [
            program("prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address={self.prometheus.split('//')[1]}",
        ]

    def _write_rules(self) -> None:
        """The rules as they are shipped; those that look far back are evaluated as often as the others."""
        rules = yaml.safe_load((FOLDER / "rules" / "recording.yml").read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
        (self.folder / "recording.yml").write_text(yaml.safe_dump(rules))

    def rows(self, query: str) -> list[object]:
        """The result of a query now."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": query}, timeout=10)
        assert answer.json()["status"] == "success", f"{query}: {answer.text}"
        found: list[object] = answer.json()["data"]["result"]
        return found

    def label_values(self, label: str, selector: str) -> list[str]:
        answer = httpx.get(
            f"{self.prometheus}/api/v1/label/{label}/values", params={"match[]": selector}, timeout=10
        )
        values: list[str] = answer.json()["data"]
        return values


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("boards")
    demo = Demo(folder)
    with (
        running(demo.demo_command(), log=folder / "demo.log"),
        running(demo.prometheus_command(), log=folder / "prometheus.log"),
    ):
        eventually("the demo is ready", lambda: answers(f"{demo.dialtone}/readyz"), within=60)
        eventually("Prometheus is ready", lambda: answers(f"{demo.prometheus}/-/ready"))
        eventually("calls are recorded", lambda: demo.rows("fleet:dialtone_calls:rate5m > 0"), within=60)
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
