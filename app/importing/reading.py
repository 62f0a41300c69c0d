"""Reads the files of peers: YAML with anchors and merge keys, and JSON, within limits.

YAML scalars stay text, because the peers give them a type by the key that they stand at; only a plain null is
None. Size, depth and the values that aliases expand to are bounded.
"""

from collections.abc import Iterator

import msgspec
import yaml

from integrations.manifest.source import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_VALUES,
    Document,
    Path,
    Problem,
    SourceError,
    key_of,
)

MAX_JSON_CHARACTERS = 4 * MAX_CHARACTERS

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_STANDARD_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"


def wrong(name: str, line: int, *, key: str = "", found: str, expected: str) -> SourceError:
    """The error for a file that is not what it should be."""
    return SourceError([Problem(file=name, line=line, key=key, found=found, expected=expected)])


def read_peer_yaml(text: str, *, name: str) -> Document:
    """Read one YAML document.

    Raises:
        SourceError: where the text is no YAML, or exceeds a limit.
    """
    _check_size(text, name, MAX_CHARACTERS)
    reader = _Reader(name)
    try:
        reader.events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        line = min(
            line, text.count("\n") + 1
        )  # The end of a text without a last newline is one line further.
        raise wrong(name, line, found=f"no YAML ({error.problem})", expected="YAML") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise wrong(name, 1, found="characters that YAML does not allow", expected="YAML") from error
    return Document(name=name, value=value, lines=reader.lines)


def read_peer_json(text: str, *, name: str) -> object:
    """Read a JSON document.

    Raises:
        SourceError: where the text is no JSON, or exceeds a limit.
    """
    _check_size(text, name, MAX_JSON_CHARACTERS)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        line = _line_of(str(error), text)
        raise wrong(name, line, found=f"no JSON ({error})", expected="JSON") from error
    except RecursionError as error:
        raise wrong(name, 1, found="too deep a nesting", expected="a backup's JSON") from error


def _check_size(text: str, name: str, limit: int) -> None:
    if len(text) > limit:
        raise wrong(name, 1, found=f"{len(text)} characters", expected=f"at most {limit}")


def _line_of(message: str, text: str) -> int:
    """The line of the byte that msgspec's message names, or the last one where the text is cut short."""
    _, _, place = message.rpartition("(byte ")
    offset = place.removesuffix(")")
    content = text.encode(errors="replace")
    end = int(offset) if offset.isdigit() else len(content)
    return content[:end].count(b"\n") + 1


class _Reader:
    """Builds plain data from YAML events, and notes the line of every key and item."""

    def __init__(self, name: str) -> None:
        self.events: Iterator[yaml.Event] = iter(())
        self.lines: dict[Path, int] = {}
        self._name = name
        self._anchors: dict[str, tuple[object, int]] = {}
        self._values = 0

    def document(self) -> object:
        value: object = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, (), "a second document", expected="one document")
                value = self._value(next(self.events), ())
        return value

    def _refuse(self, event: yaml.Event, path: Path, found: str, *, expected: str) -> SourceError:
        return wrong(self._name, _line(event), key=key_of(path), found=found, expected=expected)

    def _count(self, event: yaml.Event, path: Path, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            expected = f"at most {MAX_VALUES}, aliases expanded"
            raise self._refuse(event, path[:3], "too many values", expected=expected)

    def _value(self, event: yaml.Event, path: Path) -> object:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._values
        self._count(event, path, 1)
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, path[:3], "too deep a nesting", expected=f"at most {MAX_DEPTH} levels")
        value = self._content(event, path)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before
        return value

    def _alias(self, event: yaml.AliasEvent, path: Path) -> object:
        anchor = str(event.anchor)
        if anchor not in self._anchors:
            raise self._refuse(event, path, f"the alias *{anchor}", expected="an anchor before it")
        value, size = self._anchors[anchor]
        self._count(event, path, size)
        return value

    def _content(self, event: yaml.Event, path: Path) -> object:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!" and not tag.startswith(_STANDARD_TAG):
            raise self._refuse(event, path, f"the tag {tag}", expected="plain data")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, path, "nothing", expected="a value")
        is_null = tag is None and event.implicit[0] and event.value in _NULL
        return None if is_null else str(event.value)

    def _sequence(self, path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, object]:
        entries: dict[str, object] = {}
        merged: dict[str, object] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse(event, path, "a key that is no text", expected="text as key")
            key = str(event.value)
            here = (*path, key)
            if key == _MERGE and event.implicit[0]:
                value = self._value(next(self.events), here)
                merged = self._merged(event, value, here) | merged
                continue
            if key in entries:
                raise self._refuse(event, here, "the key again", expected="it once")
            self.lines[here] = _line(event)
            entries[key] = self._value(next(self.events), here)
        return merged | entries

    def _merged(self, event: yaml.Event, value: object, path: Path) -> dict[str, object]:
        """What a merge key brings in: of several mappings the earlier one wins."""
        merged: dict[str, object] = {}
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                raise self._refuse(event, path, "something else", expected="a mapping, or a list of them")
            merged = one | merged
        return merged


def _line(event: yaml.Event) -> int:
    return (event.start_mark.line if event.start_mark else 0) + 1
