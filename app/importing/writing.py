"""Writes what was imported as a configuration file of ours, with comments."""

import re
import textwrap
from collections.abc import Iterator

import yaml

from app.importing.imported import Imported, Integration

_WIDTH = 110
_ENDLESS = 1_000_000
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a YAML reader could take for something else."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _represent)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign] # Our reader counts aliases as copies.


def write(imported: Imported, *, command: str, source: str) -> str:
    """The file's text; `command` and `source` say in its first line where it comes from."""
    lines = [f"# Written by `{command}` from {source}; `dialtone check-config` checks it."]
    lines += _header(imported)
    lines.append("integrations:" if imported.integrations else "integrations: []")
    for integration in imported.integrations:
        lines += ["", *_entry(integration)] if lines[-1] != "integrations:" else _entry(integration)
    return "\n".join(lines) + "\n"


def _header(imported: Imported) -> Iterator[str]:
    if imported.variables:
        yield from ("#", "# Secrets are not in this file. Set in the environment before the start:")
        for variable in imported.variables:
            yield from _comment(f"{variable.name}: {variable.holds}", indent="#   ")
    for note in imported.notes:
        yield "#"
        yield from _comment(note, indent="# ")
    entries = {integration.source for integration in imported.integrations}
    elsewhere = [each for each in imported.left_out if each.entry not in entries]
    if elsewhere:
        yield from ("#", "# Left out:")
        for each in elsewhere:
            yield from _comment(str(each), indent="#   ")
    yield ""


def _comment(text: str, *, indent: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), width=_WIDTH, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _entry(integration: Integration) -> list[str]:
    lines = _comment(integration.source, indent="  # ")
    for comment in integration.comments:
        lines += _comment(comment, indent="  # ")
    first = True
    for key, value in integration.settings.items():
        written = _section(key, value)
        lines += [("  - " if first else "    ") + written[0], *(f"    {line}" for line in written[1:])]
        first = False
    return lines


def _section(key: str, value: object) -> list[str]:
    """One key; small mappings stay on one line."""
    flat = _dumped({key: value}, flow=True)
    inner = flat.strip().removeprefix("{").removesuffix("}")
    if not isinstance(value, dict) or (len(inner) <= _WIDTH - 6 and key != "config"):
        return [inner]
    return [f"{key}:", *(line for name, item in value.items() for line in _item(name, item))]


def _item(name: str, item: object) -> list[str]:
    flat = _dumped({name: item}, flow=True).strip().removeprefix("{").removesuffix("}")
    if isinstance(item, dict) and list(item) == ["all"] and isinstance(item["all"], list):
        rules = [f"      - {_dumped(rule, flow=True).strip()}" for rule in item["all"]]
        return [f"  {name}:", "    all:", *rules]
    return [f"  {flat}"]


def _dumped(value: object, *, flow: bool) -> str:
    return yaml.dump(
        value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=_ENDLESS
    ).removesuffix("\n")
