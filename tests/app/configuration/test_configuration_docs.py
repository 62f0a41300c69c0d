import re
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec

from app.configuration.structure import File, IntegrationSettings
from monitors.alerts.receivers import Receiver

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
ONCE = (
    "defaults.policy",
    "defaults.check",
    "defaults.labels",
    "alerts.maintenance[].time_intervals",
    "alerts.heartbeats[].labels",
)
"""What is explained elsewhere already."""


def struct_in(type_: object) -> tuple[type[msgspec.Struct] | None, str]:
    """The Struct that a key holds, and how its place is written."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_, ""
    for argument in typing.get_args(type_):
        if isinstance(argument, type) and issubclass(argument, msgspec.Struct):
            return argument, "" if type(None) in typing.get_args(type_) else "[]"
    return None, ""


def keys(
    struct: type[msgspec.Struct], prefix: str = "", around: tuple[type[msgspec.Struct], ...] = ()
) -> Iterator[tuple[str, object]]:
    """Every key with a default that can be written in a table (the rest: None); routes hold routes."""
    for field in msgspec.structs.fields(struct):
        name = prefix + field.encode_name
        inner, mark = (IntegrationSettings, "[]") if name == "integrations" else struct_in(field.type)
        yield name, field.default if inner is None else None
        if inner is not None and name not in ONCE and inner not in (*around, struct):
            yield from keys(inner, f"{name}{mark}.", (*around, struct))


def receiver_keys() -> Iterator[tuple[str, object]]:
    """The keys of receivers of all types; a default that differs between them cannot be written."""
    found: dict[str, set[object]] = {"type": set()}
    for type_ in typing.get_args(Receiver):
        for key, default in keys(type_):
            written = default if isinstance(default, bool | int | float | str) else None
            found.setdefault(key, set()).add(written)
    for key, defaults in found.items():
        yield f"alerts.receivers[].{key}", defaults.pop() if len(defaults) == 1 else None


def rows() -> dict[str, list[str]]:
    """Key to its cells: type, default, meaning, example."""
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    return {key: [cell.strip() for cell in cells.split("|")] for key, cells in found}


def known() -> dict[str, object]:
    sections = {"integrations[].policy.retry", "integrations[].policy.breaker"}
    return {key: default for key, default in (*keys(File), *receiver_keys()) if key not in sections}


def test_every_key_is_documented_and_no_other() -> None:
    references = {"${NAME}", "${NAME:-default}", "${file:/run/secrets/x}", "$$"}

    assert set(rows()) - references == set(known())


def test_every_row_says_type_and_meaning() -> None:
    assert [key for key in known() if not rows()[key][0] or not rows()[key][2]] == []


def test_the_documented_defaults_are_those_that_hold() -> None:
    wrong = []
    for key, default in known().items():
        told = rows()[key][1].strip("`")
        if isinstance(default, bool):
            wrong += [key] if told != str(default).lower() else []
        elif isinstance(default, int | float):
            wrong += [key] if float(told) != default else []
        elif isinstance(default, str) and default:
            wrong += [key] if told != default else []

    assert wrong == []
