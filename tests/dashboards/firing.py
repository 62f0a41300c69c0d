"""Cases for `promtool test rules`: what is scraped, and which alerts then fire with which words."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dashboards.build.rules.__main__ import ALERTS
from dashboards.build.rules.model import Alert

AT = {"job": "dialtone", "instance": "d:4350"}
SHOP = {"integration": "shop", "vendor": "http"}
OWNED = {**SHOP, "team": "web", "environment": "prod", "tier": "1"}

RULES: Sequence[Alert] = [rule for group in ALERTS for rule in group.rules if isinstance(rule, Alert)]


class Firing(NamedTuple):
    """An alert that is to fire: `labels` beside those of its rule, and `values` as its texts show them."""

    labels: Mapping[str, str]
    values: tuple[str, ...] = ()


class Case(NamedTuple):
    """What is scraped, by series; `at` is when to look, as Prometheus writes durations."""

    alert: str
    why: str
    series: Mapping[str, str]
    at: str = "30m"
    fires: tuple[Firing, ...] = ()
    every: str = "1m"

    @property
    def name(self) -> str:
        """What the test is called."""
        return f"{self.alert} {'fires' if self.fires else 'is silent'} {self.why}"

    def entry(self) -> dict[str, object]:
        """The case as promtool reads it."""
        expected = [self._expected(firing) for firing in self.fires]
        return {
            "interval": self.every,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "alert_rule_test": [{"eval_time": self.at, "alertname": self.alert, "exp_alerts": expected}],
        }

    def _expected(self, firing: Firing) -> dict[str, object]:
        rule = self._rule(firing.labels)
        labels = {"severity": rule.severity, **rule.labels, **firing.labels}
        texts = {"summary": rule.summary, "description": rule.description}
        told = {name: rendered(text, labels, firing.values) for name, text in texts.items()}
        return {
            "exp_labels": labels,
            "exp_annotations": {**told, "runbook_url": f"https://dialtone.example/runbooks/{rule.name}.md"},
        }

    def _rule(self, labels: Mapping[str, str]) -> Alert:
        """The rule of this name; of several, the one whose windows or severity are given."""
        of_name = [rule for rule in RULES if rule.name == self.alert]
        if len(of_name) == 1:
            return of_name[0]
        (rule,) = (
            rule for rule in of_name
            if labels.get("windows", rule.severity) == rule.labels.get("windows", rule.severity)
            and labels.get("severity", rule.severity) == rule.severity
        )  # fmt: skip
        return rule


def rendered(template: str, labels: Mapping[str, str], values: Sequence[str]) -> str:
    """The text as Prometheus writes it: labels and their stand-ins by the labels given, values as given."""
    text = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], template)
    text = re.sub(
        r"{{ or \$labels\.(\w+) `(.*?)` }}", lambda found: labels.get(found[1], "") or found[2], text
    )
    for value in values if "{{ $value" in text else ():
        text = re.sub(r"{{ \$value .*? }}", value, text, count=1)
    return text


def series(metric: str, **labels: str) -> str:
    """A series of the Dialtone that is scraped."""
    inside = ", ".join(f'{name}="{value}"' for name, value in {**AT, **labels}.items())
    return f"{metric}{{{inside}}}"


INFO = {series("dialtone_integration_info", **OWNED): "1x10000"}
UP = {series("dialtone_build_info", version="1"): "1x10000"}
