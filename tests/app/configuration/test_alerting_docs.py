"""What docs/alerting.md shows can be used as it stands."""

import re
from pathlib import Path
from typing import get_args

import pytest

from app.settings import load_settings
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.decisions import Verdict
from monitors.alerts.receivers import Receiver

PAGE = (Path(__file__).parents[3] / "docs" / "alerting.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_a_good_configuration(tmp_path: Path, example: str) -> None:
    path = tmp_path / "dialtone.yaml"
    path.write_text(example)

    settings = load_settings(path, environment={"PAGERDUTY_KEY": "k", "SLACK_BOT_TOKEN": "t"})

    assert settings.warnings == ()


def test_every_decision_type_and_built_in_rule_is_explained() -> None:
    decisions = {f"| {verdict.value} |" for verdict in Verdict}
    types = {f"| `{type_.__struct_config__.tag}` |" for type_ in get_args(Receiver)}
    rules = {f"`{rule.name}`" for rule in BUILTIN_RULES}

    assert {word for word in decisions | types | rules if word not in PAGE} == set()
