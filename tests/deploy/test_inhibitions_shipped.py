"""The shipped configuration of Alertmanager holds a rule's alert back while Dialtone tells of the same."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from exporters.catalogue import CATALOGUE
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.condition import ALERT_NAME as RECEIVER_ALERT
from monitors.alerts.event_types import BY_ALERT
from monitors.alerts.matchers import all_match, parse_matcher
from monitors.alerts.rules import LABELS
from monitors.slo_report import ALERT as SLO_ALERT
from tests.dashboards.promtool import tool
from tests.dashboards.rule_labels import LabelReader

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "deploy" / "alertmanager.yml"
RULES = REPOSITORY / "dashboards" / "rules"
INHIBITIONS: list[Mapping[str, list[str]]] = yaml.safe_load(FILE.read_text())["inhibit_rules"]
CAUSES = {"EgressDown", "MassFailure", "RegionDown", "VendorDown"}
OWN = {rule.name for rule in BUILTIN_RULES} | CAUSES | {RECEIVER_ALERT, SLO_ALERT, "StorageFailing"}


def rules(name: str) -> list[dict[str, object]]:
    content = yaml.safe_load((RULES / name).read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


READER = LabelReader(CATALOGUE, {str(rule["record"]): str(rule["expr"]) for rule in rules("recording.yml")})
TOLD_TWICE = [rule for rule in rules("alerts.yml") if "dialtone_alert" in dict(rule["labels"])]  # type: ignore[call-overload]  # YAML has no types


def labels(rule: Mapping[str, object]) -> Mapping[str, str]:
    """A rule's alert as Alertmanager sees it: its fixed labels, and every label that its query gives."""
    fixed = rule["labels"]
    assert isinstance(fixed, dict)
    return {**dict.fromkeys(READER.of(str(rule["expr"])), "same"), **fixed, "alertname": str(rule["alert"])}


def holds(matchers: list[str], of: Mapping[str, str]) -> bool:
    return all_match([parse_matcher(one) for one in matchers], of)


def held_back(target: Mapping[str, str], source: Mapping[str, str]) -> bool:
    return any(
        holds(one["source_matchers"], source)
        and holds(one["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in one.get("equal", ()))
        for one in INHIBITIONS
    )


def own_alert(name: str, of: Mapping[str, str]) -> dict[str, str]:
    """Dialtone's own alert about the same: it has the same labels, but none of those of rules."""
    same = {label: value for label, value in of.items() if label in LABELS}
    return {**same, "alertname": name, "severity": "warning"}


each_told_twice = pytest.mark.parametrize(
    "rule", TOLD_TWICE, ids=[f"{number} {rule['alert']}" for number, rule in enumerate(TOLD_TWICE)]
)


def test_amtool_takes_the_file() -> None:
    checked = subprocess.run(
        [tool("amtool"), "check-config", FILE], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(INHIBITIONS)} inhibit rules" in checked.stdout


@each_told_twice
def test_a_rule_is_held_back_while_dialtone_tells_of_the_same(rule: Mapping[str, object]) -> None:
    target = labels(rule)
    own = target["dialtone_alert"]
    assert own in OWN

    assert held_back(target, own_alert(own, target))


@each_told_twice
def test_a_rule_is_told_while_dialtone_tells_of_something_else(rule: Mapping[str, object]) -> None:
    target = labels(rule)
    for label in ("integration", "slo", "receiver"):
        if label in target:
            other = {**own_alert(target["dialtone_alert"], target), label: "another"}
            assert not held_back(target, other), label
    assert not held_back(target, own_alert("VendorTrouble", target))


@each_told_twice
def test_no_rule_holds_itself_back(rule: Mapping[str, object]) -> None:
    assert not held_back(labels(rule), labels(rule))


@pytest.mark.parametrize("state", ["IntegrationDegraded", "IntegrationThrottled"])
def test_degraded_and_throttled_are_one_rule(state: str) -> None:
    (rule,) = (labels(one) for one in rules("alerts.yml") if one["alert"] == "DialtoneIntegrationDegraded")
    assert held_back(rule, own_alert(state, rule))


def test_a_cause_holds_back_what_it_explains_and_nothing_else() -> None:
    by_name = {str(rule["alert"]): labels(rule) for rule in rules("alerts.yml")}
    down, expiring = by_name["DialtoneIntegrationDown"], by_name["DialtoneCertificateExpiring"]
    for cause in ("EgressDown", "MassFailure"):
        assert held_back(down, {"alertname": cause, "severity": "critical"})
        assert not held_back(expiring, {"alertname": cause, "severity": "critical"})
    vendor = {"alertname": "VendorDown", "severity": "critical", "vendor": down["vendor"]}
    assert held_back(down, vendor)
    assert not held_back(down, {**vendor, "vendor": "another"})
    for name in ("DialtoneEventLoopLag", "DialtoneAbsent", "DialtoneExporterDropping"):
        assert not held_back(by_name[name], {"alertname": "MassFailure", "severity": "critical"})


def test_what_is_down_is_not_called_slow_or_open_too() -> None:
    by_name = {str(rule["alert"]): labels(rule) for rule in rules("alerts.yml")}
    own = own_alert("IntegrationDown", by_name["DialtoneBreakerOpen"])
    for name in ("DialtoneBreakerOpen", "DialtoneIntegrationDegraded", "DialtoneRetriesAddLoad"):
        assert held_back(by_name[name], own)
        assert held_back(by_name[name], by_name["DialtoneIntegrationDown"])
    assert not held_back(by_name["DialtoneWebhooksGivenUp"], own)


def test_every_inhibition_names_alerts_that_exist() -> None:
    names = {str(rule["alert"]) for rule in rules("alerts.yml")}
    for one in INHIBITIONS:
        for matcher in (*one["source_matchers"], *one["target_matchers"]):
            name, value = re.fullmatch(r'(\w+)[!=~]+"(.*)"', matcher).groups()  # type: ignore[union-attr]  # it is a matcher
            if name in {"alertname", "dialtone_alert"}:
                assert {part for part in value.split("|") if ".*" not in part} <= names | OWN, matcher


def test_the_causes_are_those_that_dialtone_tells_of() -> None:
    assert set(BY_ALERT) >= CAUSES
