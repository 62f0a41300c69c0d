"""Strict YAML that remembers its lines, and errors that say where, what was found and what was meant.

`read_yaml` reads plain data only: one document, YAML 1.2 core scalars (so `on` and `no` are text), no tags,
no merge keys, no duplicate keys; size, depth and alias expansion are bounded. `decode` turns a document into
msgspec types and reports all problems at once.
"""

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
import yaml

Path = tuple[str | int, ...]
DecodeHook = Callable[[type, object], object]

T = typing.TypeVar("T")

MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 200_000

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_RADIX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<type>[^`]*)`(?P<limit>(?: .*?)?)(?:, got `[^`]*`)?$")
_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing",
    "object": "a mapping", "array": "a list",
}  # fmt: skip
_HIDDEN = re.compile(r"secret|token|password|key|credential|authorization", re.IGNORECASE)
_SHOWN_CHARACTERS = 40


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a source: where (`line` counts from 1), what stands there, what should.

    `found` is empty where the values are right one by one but not together; `nearest` is the valid word that
    was perhaps meant.
    """

    file: str
    line: int
    key: str
    found: str
    expected: str
    nearest: str = ""

    def __str__(self) -> str:
        what = f"found {self.found}, expected {self.expected}" if self.found else self.expected
        where = f"{self.file}:{self.line}: {self.key}: " if self.key else f"{self.file}:{self.line}: "
        return where + what + (f"; did you mean {self.nearest}?" if self.nearest else "")


class SourceError(ValueError):
    """A source cannot be used; `problems` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A source read: `value` is plain data (mappings, lists, text, numbers, booleans, None)."""

    name: str
    value: object
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of the key or item at `path`, or of the nearest thing around it that the text holds."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, *, found: str, expected: str, nearest: str = "") -> Problem:
        """A problem at `path`, for a caller that checks more than types."""
        return Problem(
            file=self.name,
            line=self.line(path),
            key=key_of(path),
            found=found,
            expected=expected,
            nearest=nearest,
        )


def key_of(path: Path) -> str:
    """A path as people write it: `integrations[0].policy.timeout`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def nearest(word: str, valid: Iterable[str]) -> str:
    """The valid word that looks most like `word`, or nothing."""
    return next(iter(difflib.get_close_matches(word, list(valid), n=1, cutoff=0.6)), "")


def read_yaml(text: str, *, name: str) -> Document:
    """Read one YAML document.

    Raises:
        SourceError: where the text is no YAML, or YAML that is not plain data.
    """
    if len(text) > MAX_CHARACTERS:
        raise _error(name, 1, found=f"{len(text)} characters", expected=f"at most {MAX_CHARACTERS}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(name)
    try:
        reader.events = yaml.parse(text, Loader=loader)
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        raise _error(name, line, found="", expected=f"this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise _error(name, 1, found="characters that YAML does not allow", expected="YAML") from error
    return Document(name=name, value=value, lines=reader.lines)


def _error(name: str, line: int, *, key: str = "", found: str, expected: str) -> SourceError:
    return SourceError([Problem(file=name, line=line, key=key, found=found, expected=expected)])


class _Reader:
    """Builds plain data from YAML events, and notes the line of every key and item."""

    def __init__(self, name: str) -> None:
        self.events: Iterator[yaml.Event] = iter(())
        self.lines: dict[Path, int] = {}
        self._name = name
        self._anchors: dict[str, tuple[object, int]] = {}
        self._values = 0

    def document(self) -> object:
        value: object = {}
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, (), "a second document", expected="one document")
                value = self._value(next(self.events), ())
        return value

    def _refuse(self, event: yaml.Event, path: Path, found: str, *, expected: str) -> SourceError:
        return _error(self._name, _line(event), key=key_of(path), found=found, expected=expected)

    def _count(self, event: yaml.Event, path: Path, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._refuse(
                event, path, "too many values", expected=f"at most {MAX_VALUES}, aliases expanded"
            )

    def _value(self, event: yaml.Event, path: Path) -> object:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        before = self._values
        self._count(event, path, 1)
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, path[:3], "too deep a nesting", expected=f"at most {MAX_DEPTH} levels")
        if tag := getattr(event, "tag", None):
            raise self._refuse(event, path, f"the tag {tag}", expected="plain data without tags")
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
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        scalar = typing.cast("yaml.ScalarEvent", event)
        return _scalar(scalar.value) if scalar.implicit[0] else scalar.value

    def _sequence(self, path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, object]:
        entries: dict[str, object] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise self._refuse(event, path, "a key that is no text", expected="text as key")
            key = str(event.value)
            here = (*path, key)
            if key in entries:
                first = self.lines[here]
                raise self._refuse(event, here, "the key again", expected=f"it once (first on line {first})")
            self.lines[here] = _line(event)
            entries[key] = self._value(next(self.events), here)
        return entries


def _line(event: yaml.Event) -> int:
    return (event.start_mark.line if event.start_mark else 0) + 1


def _scalar(text: str) -> object:
    """A plain scalar by YAML 1.2's core schema, without its infinities."""
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
    return float(text) if _FLOAT.fullmatch(text) else text


@typing.overload
def decode(document: Document, type_: type[T], *, hook: DecodeHook | None = None) -> T: ...
@typing.overload
def decode(document: Document, type_: object, *, hook: DecodeHook | None = None) -> object: ...
def decode(document: Document, type_: object, *, hook: DecodeHook | None = None) -> object:
    """Turn a document into `type_` (a Struct, or any annotation that msgspec knows); `hook` is its dec_hook.

    Raises:
        SourceError: with all problems that can be found in one reading.
    """
    try:
        return msgspec.convert(document.value, typing.cast("type[object]", type_), dec_hook=hook)
    except msgspec.ValidationError as error:
        problems = list(_Search(document, hook).problems(document.value, type_, ()))
        raise SourceError(problems or [document.problem((), found="", expected=str(error))]) from error


class _Search:
    """Walks a value along its type and yields every problem, where msgspec stops at the first."""

    def __init__(self, document: Document, hook: DecodeHook | None) -> None:
        self._document = document
        self._hook = hook

    def problems(self, value: object, type_: object, path: Path) -> Iterator[Problem]:
        member = _member(value, type_)
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if isinstance(value, dict) and _is_struct(member):
            yield from self._struct(value, typing.cast("type[msgspec.Struct]", member), path)
        elif isinstance(value, dict) and origin in (dict, Mapping):
            for key, item in value.items():
                yield from self.problems(key, arguments[0], (*path, key))
                yield from self.problems(item, arguments[1], (*path, key))
        elif isinstance(value, list) and origin in (list, tuple, Sequence, set, frozenset):
            for index, item in enumerate(value):
                yield from self.problems(item, arguments[0], (*path, index))
        else:
            yield from self._leaf(value, member, path)

    def _struct(
        self, value: dict[str, object], struct: type[msgspec.Struct], path: Path
    ) -> Iterator[Problem]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        config = struct.__struct_config__
        known = {*fields, config.tag_field} if config.tag_field else set(fields)
        found = [
            self._document.problem(
                (*path, key), found="an unknown key", expected=_one_of(known), nearest=nearest(key, known)
            )
            for key in value
            if config.forbid_unknown_fields and key not in known
        ]
        for name, field in fields.items():
            if name in value:
                found += self.problems(value[name], field.type, (*path, name))
            elif field.required:
                found.append(self._document.problem((*path, name), found="nothing", expected="a value"))
        yield from found or self._leaf(value, struct, path)

    def _leaf(self, value: object, type_: object, path: Path) -> Iterator[Problem]:
        try:
            msgspec.convert(value, typing.cast("type[object]", type_), dec_hook=self._hook)
        except msgspec.ValidationError as error:
            yield self._explain(str(error), value=value, type_=type_, path=path)

    def _explain(self, text: str, *, value: object, type_: object, path: Path) -> Problem:
        match = typing.cast("re.Match[str]", _AT.match(text))
        inner = _path_of(match["where"] or "")
        path, value = (*path, *inner), _at(value, inner)
        reason = match["reason"]
        if choices := _choices(type_):
            near = nearest(str(value), choices)
            return self._document.problem(
                path, found=_shown(value, path), expected=_one_of(choices), nearest=near
            )
        if expected := _EXPECTED.match(reason):
            wanted = " or ".join(_WORDS.get(word, word) for word in expected["type"].split(" | "))
            return self._document.problem(
                path, found=_shown(value, path), expected=wanted + expected["limit"]
            )
        return self._document.problem(path, found="", expected=reason)


def _is_struct(type_: object) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _member(value: object, type_: object) -> object:
    """The member of a union that a value of this shape must be meant for; the type itself where unclear."""
    if typing.get_origin(type_) not in (typing.Union, types.UnionType) or value is None:
        return type_
    shapes: tuple[object, ...] = ()
    if isinstance(value, dict):
        shapes = (dict, Mapping)
    elif isinstance(value, list):
        shapes = (list, tuple, Sequence, set, frozenset)
    members = [
        member
        for member in typing.get_args(type_)
        if typing.get_origin(member) in shapes or (isinstance(value, dict) and _is_struct(member))
    ]
    return members[0] if len(members) == 1 else _tagged(value, members) or type_


def _tagged(value: object, members: Sequence[object]) -> object:
    for member in filter(_is_struct, members):
        config = typing.cast("type[msgspec.Struct]", member).__struct_config__
        if isinstance(value, dict) and config.tag_field and value.get(config.tag_field) == config.tag:
            return member
    return None


def _choices(type_: object) -> tuple[str, ...]:
    """The words that a type allows, where it is a closed list of them (or a union of tagged Structs)."""
    if typing.get_origin(type_) is typing.Literal:
        return tuple(map(str, typing.get_args(type_)))
    if isinstance(type_, type) and hasattr(type_, "__members__"):
        return tuple(str(member.value) for member in typing.cast("Iterable[typing.Any]", type_))
    members = typing.get_args(type_)
    if members and all(map(_is_struct, members)):
        return tuple(str(m.__struct_config__.tag) for m in members)
    return tuple(choice for member in members if member is not types.NoneType for choice in _choices(member))


def _one_of(words: Iterable[str]) -> str:
    return "one of " + ", ".join(sorted(words))


def _path_of(where: str) -> Path:
    """The path in a message of msgspec's (`$.a[0].b`); what it cannot name (`[...]`) ends it."""
    parts: list[str | int] = []
    for name, index in re.findall(r"\.([^.\[\]]+)|\[([^\]]*)\]", where):
        if index == "...":
            break
        parts.append(int(index) if index.isdigit() else name)
    return tuple(parts)


def _at(value: object, path: Path) -> object:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return value


def _shown(value: object, path: Path) -> str:
    """A value for a message: never what may be a secret, never much."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    hidden = any(_HIDDEN.search(str(part)) for part in path)
    if isinstance(value, str):
        return "text" if hidden or len(value) > _SHOWN_CHARACTERS else repr(value)
    return "a value" if hidden else str(value).lower()
