"""The JSON Schemas of events, made from the structs that are sent, one file a documented type.

    python -m monitors.alerts.formats.schemas docs/events

writes them; a test fails when they differ.
"""

import sys
from pathlib import Path

import msgspec

from monitors.alerts.event_types import TYPES
from monitors.alerts.formats.standard_webhooks import SCHEMA_VERSION, Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Each type's file name and schema."""
    return {f"{name}.json": _document(name) for name in TYPES}


def _document(name: str) -> str:
    _, components = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    event = dict(components.pop("Event"))
    properties = {**event["properties"], "type": {"const": name}}
    schema = {
        "$schema": DIALECT,
        "title": name,
        "x-schema-version": SCHEMA_VERSION,
        **{key: value for key, value in event.items() if key not in {"title", "properties"}},
        "properties": properties,
        "$defs": components,
    }
    encoded = msgspec.json.format(msgspec.json.encode(schema, order="deterministic"), indent=2)
    return encoded.decode() + "\n"


def main() -> None:
    """Write all of them into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
