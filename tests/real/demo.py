"""The demo under a real Prometheus, with the rules that are shipped."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from tests.dashboards.shipped import FOLDER
from tests.real.servers import answers, dialtone_command, eventually, free_port, program, running


class Demo:
    """The demo, and a Prometheus that scrapes it and evaluates the rules every two seconds."""

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
            "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
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


@contextmanager
def scraped_demo(folder: Path) -> Iterator[Demo]:
    """Start both, and go on when the rules record what is scraped."""
    demo = Demo(folder)
    with (
        running(demo.demo_command(), log=folder / "demo.log"),
        running(demo.prometheus_command(), log=folder / "prometheus.log"),
    ):
        eventually("the demo is ready", lambda: answers(f"{demo.dialtone}/readyz"), within=60)
        eventually("Prometheus is ready", lambda: answers(f"{demo.prometheus}/-/ready"))
        eventually("calls are recorded", lambda: demo.rows("fleet:dialtone_calls:rate5m > 0"), within=60)
        yield demo
