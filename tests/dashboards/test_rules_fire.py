"""Each alert fires when it should, says what happened, and is silent otherwise: `promtool test rules`."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from dashboards.build.rules.__main__ import FOLDER
from tests.dashboards import firing_integrations, firing_itself
from tests.dashboards.firing import RULES, Case
from tests.dashboards.promtool import promtool

RECORDING, ALERTS = (
    [rule for group in yaml.safe_load((FOLDER / name).read_text())["groups"] for rule in group["rules"]]
    for name in ("recording.yml", "alerts.yml")
)
CASES = [*firing_integrations.cases(), *firing_itself.cases()]


@cache
def verdicts(alert: str) -> Mapping[str, str]:
    """What promtool says of each case of an alert, by the case's name."""
    with tempfile.TemporaryDirectory() as folder:
        of_alert = [case for case in CASES if case.alert == alert]
        paths = {str(write(Path(folder, f"{n}.yml"), case)): case.name for n, case in enumerate(of_alert)}
        command = [promtool(), "test", "rules", *paths]
        told = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    parts = re.split(r"^Unit Testing:\s+(\S+)$", told.stdout, flags=re.MULTILINE)[1:]
    return {paths[path]: verdict for path, verdict in zip(parts[::2], parts[1::2], strict=True)}


def write(path: Path, case: Case) -> Path:
    rules = path.with_suffix(".rules")
    rules.write_text(yaml.safe_dump({"groups": [{"name": "case", "rules": needed(case.alert)}]}))
    content = {"rule_files": [str(rules)], "evaluation_interval": case.every, "tests": [case.entry()]}
    path.write_text(yaml.safe_dump(content))
    return path


def needed(alert: str) -> list[dict[str, object]]:
    """The alert's rules, after the recording rules that they read, and those that these read; no others, so
    that it is quick.
    """
    wanted = [rule for rule in ALERTS if rule["alert"] == alert]
    for rule in reversed(RECORDING):
        if any(re.search(rf"(?<![\w:]){rule['record']}(?![\w:])", str(other["expr"])) for other in wanted):
            wanted.insert(0, rule)
    return wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_alert(case: Case) -> None:
    assert verdicts(case.alert)[case.name].strip() == "SUCCESS"


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    for wanted in (True, False):
        assert {case.alert for case in CASES if bool(case.fires) is wanted} == {rule.name for rule in RULES}


def test_every_rule_of_several_by_one_name_fires_somewhere() -> None:
    told = {
        (case.alert, firing.labels.get("windows", firing.labels.get("severity")))
        for case in CASES for firing in case.fires
    }  # fmt: skip
    for rule in RULES:
        if sum(other.name == rule.name for other in RULES) > 1:
            assert (rule.name, rule.labels.get("windows", rule.severity)) in told
