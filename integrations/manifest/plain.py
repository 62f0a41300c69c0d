"""Strict YAML that remembers its lines: plain data only, one document, YAML 1.2 core scalars (so `on` and
`no` are text), no tags, no merge keys, no duplicate keys; size, depth, keys and alias expansion are bounded.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cached_property

import yaml

from integrations.manifest.quick import LOADER, UnusualError, scalar, value_of
from integrations.manifest.source import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_KEY,
    MAX_VALUES,
    Document,
    Path,
    Problem,
    SourceError,
    key_of,
)


def read_yaml(text: str, *, name: str) -> Document:
    """Read one YAML document.

    Raises:
        SourceError: where the text is no YAML, or YAML that is not plain data.
    """
    if len(text) > MAX_CHARACTERS:
        raise _error(name, 1, found=f"{len(text)} characters", expected=f"at most {MAX_CHARACTERS}")
    try:
        return Document(name=name, value=value_of(text), lines=_LaterLines(text))
    except UnusualError:
        return read_with_lines(text, name)


def read_with_lines(text: str, name: str) -> Document:
    """Read one YAML document together with its lines; what is wrong is told with the place where it stands.

    Raises:
        SourceError: as `read_yaml`.
    """
    reader = _Reader(name)
    try:
        reader.events = yaml.parse(text, Loader=LOADER)
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        raise _error(name, line, found="", expected=f"this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise _error(name, 1, found="characters that YAML does not allow", expected="YAML") from error
    return Document(name=name, value=value, lines=reader.lines)


class _LaterLines(Mapping[Path, int]):
    """The lines of a good text, which is read again when the first is asked for: mostly none ever is, and
    those of ten thousand integrations take 20 MiB.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        return read_with_lines(self._text, "").lines

    def __getitem__(self, path: Path) -> int:
        """The line of a key or item."""
        return self._lines[path]

    def __iter__(self) -> Iterator[Path]:
        """The paths of all keys and items."""
        return iter(self._lines)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lines)


def _error(name: str, line: int, *, key: str = "", found: str, expected: str) -> SourceError:
    return SourceError([Problem(file=name, line=line, key=key, found=found, expected=expected)])


class _Reader:
    """Builds plain data from YAML events, and notes the line of every key and item."""

    def __init__(self, name: str) -> None:
        self.events: Iterator[yaml.Event] = iter(())
        self.lines: dict[Path, int] = {}
        self._name = name
        self._anchors: dict[str, tuple[object, int, int]] = {}
        self._values = self._characters = 0

    def document(self) -> object:
        value: object = {}
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, (), "a second document", expected="one document")
                value = self._value(next(self.events), (), MAX_KEY)
        return value

    def _refuse(self, event: yaml.Event, path: Path, found: str, *, expected: str) -> SourceError:
        return _error(self._name, _line(event), key=key_of(path), found=found, expected=expected)

    def _count(self, event: yaml.Event, path: Path, *, values: int, characters: int) -> None:
        self._values += values
        self._characters += characters
        if self._values > MAX_VALUES:
            raise self._refuse(
                event, path, "too many values", expected=f"at most {MAX_VALUES}, aliases expanded"
            )
        if self._characters > MAX_CHARACTERS:
            raise self._refuse(
                event,
                path,
                "too much text",
                expected=f"at most {MAX_CHARACTERS} characters, aliases expanded",
            )

    def _value(self, event: yaml.Event, path: Path, room: int) -> object:
        """The value that begins with this event; `room` is how long a key in it may be."""
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._values, self._characters
        self._count(event, path, values=1, characters=len(getattr(event, "value", "")))
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, path[:3], "too deep a nesting", expected=f"at most {MAX_DEPTH} levels")
        if tag := getattr(event, "tag", None):
            raise self._refuse(event, path, f"the tag {tag[:80]}", expected="plain data without tags")
        value = self._content(event, path, room)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before[0], self._characters - before[1]
        return value

    def _alias(self, event: yaml.AliasEvent, path: Path) -> object:
        anchor = str(event.anchor)
        if anchor not in self._anchors:
            raise self._refuse(event, path, f"the alias *{anchor[:80]}", expected="an anchor before it")
        value, values, characters = self._anchors[anchor]
        self._count(event, path, values=max(1, values), characters=characters)
        return value

    def _content(self, event: yaml.Event, path: Path, room: int) -> object:
        if isinstance(event, yaml.ScalarEvent):
            return scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, room)
        return self._sequence(path, room)

    def _sequence(self, path: Path, room: int) -> list[object]:
        items: list[object] = []
        room -= len("[]") + (not path)
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            place = len(items)
            items.append(self._value(event, (*path, place), room - len(str(place))))
        return items

    def _mapping(self, path: Path, room: int) -> dict[str, object]:
        entries: dict[str, object] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise self._refuse(event, path, "a key that is no text", expected="text as key")
            # The same few keys stand in each of thousands of entries, and most are kept.
            key = sys.intern(str(event.value))
            self._count(event, path, values=0, characters=len(key))
            here = (*path, key)
            if len(key) > room:
                expected = f"at most {MAX_KEY} characters, with the keys around it"
                raise self._refuse(event, path, "too long a key", expected=expected)
            if key in entries:
                first = self.lines[here]
                raise self._refuse(event, here, "the key again", expected=f"it once (first on line {first})")
            self.lines[here] = _line(event)
            entries[key] = self._value(next(self.events), here, room - len(key) - 1)
        return entries


def _line(event: yaml.Event) -> int:
    return (event.start_mark.line if event.start_mark else 0) + 1
