"""What Dialtone ships for Grafana and Prometheus: boards, rules and provisioning files."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

_FOLDERS = ("", "rules", "provisioning/dashboards", "provisioning/datasources")
_KINDS = (".json", ".yml")

Board = dict[str, object]


def shipped_files() -> dict[str, bytes]:
    """Return every file by its path, such as `overview.json` or `rules/alerts.yml`."""
    return {path: one.read_bytes() for path, one in sorted(_found())}


def shipped_boards() -> dict[str, Board]:
    """Return the boards, decoded, by their uid."""
    decoded = [
        msgspec.json.decode(content, type=Board)
        for path, content in shipped_files().items()
        if path.endswith(".json")
    ]
    return {str(board["uid"]): board for board in decoded}


def _found() -> Iterator[tuple[str, Traversable]]:
    root = files("dashboards")
    for folder in _FOLDERS:
        for one in root.joinpath(folder).iterdir():
            if one.is_file() and one.name.endswith(_KINDS):
                yield f"{folder}/{one.name}".removeprefix("/"), one
