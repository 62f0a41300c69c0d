"""Reads server-sent events as a browser does (WHATWG HTML §9.2.6), for tests."""

import json
from typing import Any, NamedTuple


class Event(NamedTuple):
    kind: str
    data: Any
    id: str


class Browser:
    """Remembers the last id, also of a block that dispatches nothing."""

    def __init__(self) -> None:
        self.last_id = ""

    def events(self, chunk: bytes) -> list[Event]:
        assert not chunk or chunk.endswith(b"\n\n")
        return [event for block in chunk.decode().split("\n\n") if (event := self._event(block))]

    def _event(self, block: str) -> Event | None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        return Event(fields["event"], json.loads(fields["data"]), self.last_id)
