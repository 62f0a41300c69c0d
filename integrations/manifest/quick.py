"""The values of a YAML text without their lines, which takes half as long as plain.py takes with them: most
texts are good, and nobody asks for a line. What is unusual is left to plain.py, which says what is wrong with
it, and where.
"""

import math
import re
from collections.abc import Callable
from sys import intern

import yaml

from integrations.manifest.source import MAX_CHARACTERS, MAX_DEPTH, MAX_KEY, MAX_VALUES

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_FIRST = frozenset("+-.0123456789~nNtTfF")
"""What a plain scalar that is no text begins with."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""What makes events of a text: libyaml, where PyYAML was built with it."""


class UnusualError(ValueError):
    """The text is no plain data within its bounds, or it is hard to say."""


def value_of(text: str) -> object:
    """The value of a text.

    Raises:
        UnusualError: plain.py says what is wrong, if anything is.
    """
    try:
        return _Values(text).document()
    except yaml.YAMLError as error:
        raise UnusualError from error


class _Values:
    """Builds plain data from YAML events. `_values` and `_characters` count them with aliases expanded."""

    def __init__(self, text: str) -> None:
        self._take: Callable[[], yaml.Event | None] = LOADER(text).get_event
        self._anchors: dict[str, tuple[object, int, int]] = {}
        self._values = self._characters = 0

    def document(self) -> object:
        value: object = None
        documents = 0
        while (event := self._take()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                value = self._value(self._take(), MAX_KEY, 0)
        if documents != 1 or self._is_too_much():
            raise UnusualError
        return value

    def _is_too_much(self) -> bool:
        return self._values > MAX_VALUES or self._characters > MAX_CHARACTERS

    def _value(self, event: yaml.Event | None, room: int, depth: int) -> object:
        """The value that begins with this event; `room` is how long a key in it may be."""
        if depth > MAX_DEPTH:
            raise UnusualError
        before = self._values, self._characters
        value: object
        if isinstance(event, yaml.ScalarEvent):
            text = event.value
            self._characters += len(text)
            value = scalar(text) if event.implicit[0] else text
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(room, depth + 1)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(room - len("[]") - (not depth), depth + 1)
        else:
            return self._alias(event)
        self._values += 1
        if event.tag or self._values > MAX_VALUES:
            raise UnusualError
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before[0], self._characters - before[1]
        return value

    def _alias(self, event: yaml.Event | None) -> object:
        if not isinstance(event, yaml.AliasEvent) or event.anchor not in self._anchors:
            raise UnusualError
        value, values, characters = self._anchors[event.anchor]
        self._values += values
        self._characters += characters
        # Nothing is copied, but with each alias of an alias the counts alone grow by a bit, and all are kept.
        if self._is_too_much():
            raise UnusualError
        return value

    def _sequence(self, room: int, depth: int) -> list[object]:
        items: list[object] = []
        take = self._take
        while not isinstance(event := take(), yaml.SequenceEndEvent):
            items.append(self._value(event, room - len(str(len(items))), depth))
        return items

    def _mapping(self, room: int, depth: int) -> dict[str, object]:
        entries: dict[str, object] = {}
        take = self._take
        while not isinstance(event := take(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise UnusualError
            # The same few keys stand in each of thousands of entries, and most are kept.
            key = intern(event.value)
            size = len(key)
            if size > room or key in entries:
                raise UnusualError
            self._characters += size
            entries[key] = self._value(take(), room - size - 1, depth)
        return entries


def scalar(text: str) -> object:
    """A plain scalar by YAML 1.2's core schema, without its infinities."""
    return _typed(text) if not text or text[0] in _FIRST else text


def _typed(text: str) -> object:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if len(text) > 300:  # Longer digits are no number anyone means, and slow to convert.
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return number if math.isfinite(number) else text
