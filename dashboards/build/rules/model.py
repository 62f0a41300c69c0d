"""Rules as data, and the YAML that Prometheus reads."""

from collections.abc import Mapping, Sequence

import msgspec
import yaml

Fields = dict[str, object]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A query whose result is kept as a series, named `level:metric:operation` as Prometheus advises
    (https://prometheus.io/docs/practices/rules).
    """

    record: str
    expr: str

    def fields(self) -> Fields:
        """The rule as Prometheus reads it."""
        return {"record": self.record, "expr": self.expr}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. `wait` is how long the query must give a result first, `keep` how long it fires on after,
    both as Prometheus writes durations. The runbook is the page of the alert's name.
    """

    name: str
    expr: str
    severity: str
    summary: str
    description: str
    wait: str = ""
    keep: str = ""
    labels: Mapping[str, str] = {}

    def fields(self) -> Fields:
        """The rule as Prometheus reads it, without the address of its runbook."""
        times = {"for": self.wait, "keep_firing_for": self.keep}
        return {
            "alert": self.name,
            "expr": self.expr,
            **{name: time for name, time in times.items() if time},
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.description},
        }


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are evaluated one after the other; `interval` only where it is not Prometheus' own."""

    name: str
    rules: Sequence[Recording] | Sequence[Alert]
    interval: str = ""


class _Dumper(yaml.SafeDumper):
    """Writes lists indented below their key, queries as blocks, and no aliases."""

    def increase_indent(self, *, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's own parameter
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:
        return data is not None


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def rendered(groups: Sequence[Group], *, runbooks: str) -> str:
    """Return a file of rules; `runbooks` is the address that the pages of the alerts lie below."""
    return _written(_groups(groups, runbooks))


def rendered_resource(name: str, groups: Sequence[Group], *, runbooks: str) -> str:
    """Return the same rules as the Prometheus Operator takes them: one resource of Kubernetes."""
    return _written(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name},
            "spec": _groups(groups, runbooks),
        }
    )


def _written(content: Fields) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1_000)
    return f"# Written by make dashboards from dashboards/build/rules; do not edit it by hand.\n{text}"


def _groups(groups: Sequence[Group], runbooks: str) -> Fields:
    return {"groups": [_group(group, runbooks.rstrip("/")) for group in groups]}


def _group(group: Group, runbooks: str) -> Fields:
    rules = [rule.fields() for rule in group.rules]
    for rule in rules:
        if isinstance(told := rule.get("annotations"), dict):
            told["runbook_url"] = f"{runbooks}/{rule['alert']}.md"
    return {
        "name": group.name,
        **({"interval": group.interval} if group.interval else {}),
        "rules": rules,
    }
