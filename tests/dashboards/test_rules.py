"""The committed Prometheus rules are the generated ones, ask only for what exists, and lead somewhere."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import promql_parser
import pytest
import yaml

from app.cli import main
from dashboards.build.rules.__main__ import FOLDER, files
from dashboards.build.rules.promql import pick
from exporters.catalogue import CATALOGUE, EXPOSED, Family
from monitors.burn import BURN_PAIRS
from tests.dashboards.promtool import promtool
from tests.dashboards.rule_labels import LabelReader, UnknownError

REPOSITORY = Path(__file__).parents[2]
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
SEVERITIES = {"critical", "warning", "info"}
WORDS = {"Means", "Look", "Do", "Ignore"}
"""The chapters of a runbook: what it means, what to look at, what to do, when to leave it."""


def rules(name: str) -> list[tuple[str, dict[str, object]]]:
    """Each rule with its group's name."""
    groups = yaml.safe_load((FOLDER / name).read_text())["groups"]
    return [(group["name"], rule) for group in groups for rule in group["rules"]]


RECORDED = {str(rule["record"]): str(rule["expr"]) for _, rule in rules("recording.yml")}
ALERTS = [rule for _, rule in rules("alerts.yml")]


def texts(alert: Mapping[str, object], part: str) -> Mapping[str, str]:
    found = alert[part]
    assert isinstance(found, dict)
    return found


def title(alert: Mapping[str, object]) -> str:
    labels = texts(alert, "labels")
    return f"{alert['alert']} {labels.get('windows', labels['severity'])}"


EXPRESSIONS = {**RECORDED, **{title(one): str(one["expr"]) for one in ALERTS}}
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=map(title, ALERTS))


def metrics(query: str) -> Iterator[str]:
    found: list[object] = []
    promql_parser.walk(promql_parser.parse(query), found.append)  # type: ignore[arg-type]  # the stubs say Expr, parse gives its kinds
    for node in found:
        if isinstance(node, promql_parser.VectorSelector):
            yield str(node.name)


def families(query: str) -> set[str]:
    bare = (re.sub("_(bucket|sum|count)$", "", name) for name in metrics(query))
    return {name for name in bare if name in CATALOGUE}


USED = sorted({family for query in EXPRESSIONS.values() for family in families(query)})


def test_generating_the_rules_again_changes_no_byte() -> None:
    generated = files()
    in_folder = {f"dashboards/rules/{path.name}" for path in FOLDER.iterdir()}
    assert {name for name in generated if name.startswith("dashboards/")} == in_folder
    for name, text in generated.items():
        assert (REPOSITORY / name).read_text() == text, "write them anew: make dashboards"


def test_kubernetes_is_given_the_same_rules() -> None:
    resource = yaml.safe_load((REPOSITORY / "deploy" / "kubernetes" / "prometheusrule.yaml").read_text())
    both = [yaml.safe_load((FOLDER / name).read_text())["groups"] for name in ("recording.yml", "alerts.yml")]
    assert resource["spec"]["groups"] == both[0] + both[1]


def test_promtool_finds_no_fault_in_the_rules() -> None:
    checked = subprocess.run(
        [promtool(), "check", "rules", "--lint=all", "--lint-fatal", *map(str, sorted(FOLDER.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("query", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_rule_uses_only_metrics_and_labels_that_exist(query: str) -> None:
    LabelReader(CATALOGUE, RECORDED).of(query)


@pytest.mark.parametrize("family", USED)
def test_a_metric_that_goes_is_missed(family: str) -> None:
    without = {name: row for name, row in CATALOGUE.items() if name != family}

    with pytest.raises(UnknownError, match=family):
        read_all(without)


def read_all(catalogue: Mapping[str, Family]) -> None:
    reader = LabelReader(catalogue, RECORDED)
    for query in EXPRESSIONS.values():
        reader.of(query)


def test_a_label_that_is_renamed_is_missed() -> None:
    with pytest.raises(UnknownError, match="no label state"):
        LabelReader(CATALOGUE, {}).of("sum without (state) (dialtone_quota_limit)")
    with pytest.raises(LookupError, match="has no label state"):
        pick("dialtone_quota_limit", 'state="up"')
    with pytest.raises(LookupError):
        pick("dialtone_nonsense")


def test_what_is_recorded_says_its_level_in_its_name_and_has_its_labels() -> None:
    levels = {
        "integration": {"integration"}, "integration_outcome": {"integration", "vendor", "outcome"},
        "integration_phase": {"integration", "phase"}, "integration_bucket": {"integration", "bucket"},
        "vendor": {"vendor"}, "fleet": set(),
        "fleet_outcome": {"outcome"}, "fleet_reason": {"reason"}, "fleet_phase": {"phase"},
        "fleet_state": {"state"}, "slo": {"slo"}, "fleet_verdict": {"verdict"}, "fleet_result": {"result"},
        "fleet_source": {"source"}, "fleet_event": {"event"},
    }  # fmt: skip
    reader = LabelReader(CATALOGUE, RECORDED)
    for name in RECORDED:
        level, metric, operation = name.split(":")
        found = reader.of(name)
        assert {"job", "instance", *levels[level]} <= found, name
        assert found <= {"job", "instance", *levels[level], "vendor", "capability", "le"}, name
        assert metric.startswith("dialtone_")
        assert operation


@each_alert
def test_an_alert_says_what_it_is_about(alert: Mapping[str, object]) -> None:
    labels, told = texts(alert, "labels"), texts(alert, "annotations")
    assert str(alert["alert"]).startswith("Dialtone")
    assert labels["severity"] in SEVERITIES or "critical" in labels["severity"]
    assert labels["dialtone_subject"] in {"integration", "objective", "dialtone"}
    assert set(told) == {"summary", "description", "runbook_url"}
    assert 10 < len(re.sub(r"{{.*?}}", "", told["summary"])) < 80
    assert told["description"].endswith(".")


@each_alert
def test_an_alert_names_only_labels_that_it_has(alert: Mapping[str, object]) -> None:
    has = LabelReader(CATALOGUE, RECORDED).of(str(alert["expr"]))
    every = " ".join((*texts(alert, "annotations").values(), *texts(alert, "labels").values()))
    assert set(re.findall(r"\$labels\.(\w+)", every)) <= has


@each_alert
def test_an_alert_about_an_integration_tells_whose_it_is(alert: Mapping[str, object]) -> None:
    has = LabelReader(CATALOGUE, RECORDED).of(str(alert["expr"]))
    subject = texts(alert, "labels")["dialtone_subject"]
    assert ("integration" in has) == (subject == "integration")
    if subject == "integration" and "heartbeat" not in has:
        assert {"vendor", "team", "environment", "tier"} <= has


@each_alert
def test_an_alert_leads_to_a_runbook_that_is_there(alert: Mapping[str, object]) -> None:
    page = RUNBOOKS / texts(alert, "annotations")["runbook_url"].rpartition("/")[2]
    text = page.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert set(re.findall(r"^## (\w+)", text, re.MULTILINE)) >= WORDS


def test_every_runbook_is_some_alerts() -> None:
    names = {str(alert["alert"]) for alert in ALERTS}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*names, "README"}
    index = (RUNBOOKS / "README.md").read_text()
    assert {name for name in names if f"({name}.md)" not in index} == set()


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("Dialtone*.md")), ids=lambda page: page.stem)
def test_the_queries_of_a_runbook_ask_for_what_exists(page: Path) -> None:
    queries = re.findall(r"^```promql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert queries
    reader = LabelReader(EXPOSED, RECORDED)
    for query in (line for block in queries for line in block.splitlines() if line):
        reader.of(query)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `dialtone` command of a runbook, up to the first that is a placeholder."""
    code = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", page.read_text(), re.DOTALL)
    for text in (part for pair in code for part in pair):
        for words in re.findall(r"(?:^|[;|] )dialtone ((?:[a-z-]+ ?)+)", text, re.MULTILINE):
            yield words.split()


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("Dialtone*.md")), ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_exist(page: Path) -> None:
    for words in commands(page):
        command: click.Command = main
        for word in words:
            if not isinstance(command, click.Group) or word.startswith("-") or word not in command.commands:
                break
            command = command.commands[word]
        assert command is not main, words


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("Dialtone*.md")), ids=lambda page: page.stem)
def test_the_settings_of_a_runbook_exist(page: Path) -> None:
    reference = (REPOSITORY / "docs" / "configuration.md").read_text()
    for key in re.findall(r"`((?:policy|check|alerts|webhooks)\.[a-z_.]+)`", page.read_text()):
        assert f"{key}`" in reference or f"`{key}." in reference, key


def test_the_burn_alerts_are_those_of_the_one_table() -> None:
    burning = [one for one in ALERTS if one["alert"] == "DialtoneErrorBudgetBurn"]
    assert [texts(one, "labels")["windows"] for one in burning] == [pair.name for pair in BURN_PAIRS]
    assert [texts(one, "labels")["severity"] for one in burning] == [pair.severity for pair in BURN_PAIRS]


def test_the_generator_of_rules_knows_the_catalogue_and_the_table_of_burn_rates_only() -> None:
    imported = {
        name
        for path in (REPOSITORY / "dashboards" / "build" / "rules").glob("*.py")
        for name in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
    }
    ours = {one for one in imported if one.split(".")[0] in {"app", "exporters", "monitors", "integrations"}}
    assert ours == {"exporters.catalogue", "monitors.burn"}


def test_the_address_of_the_runbooks_can_be_chosen() -> None:
    text = files("https://wiki.example/dialtone/")["dashboards/rules/alerts.yml"]
    assert "runbook_url: https://wiki.example/dialtone/DialtoneAbsent.md\n" in text
    assert "dialtone.example" not in text
