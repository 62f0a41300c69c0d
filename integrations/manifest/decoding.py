"""Turns a document into msgspec types, and tells all problems at once where msgspec stops at the first."""

import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice

import msgspec
from msgspec.structs import FieldInfo

from integrations.manifest.source import MAX_PROBLEMS, Document, Path, Problem, SourceError, nearest

DecodeHook = Callable[[type, object], object]

T = typing.TypeVar("T")

_AT = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<type>[^`]*)`(?P<limit>(?: .*?)?)(?:, got `[^`]*`)?$")
_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing",
    "object": "a mapping", "array": "a list",
}  # fmt: skip
_HIDDEN = re.compile(r"secret|token|password|key|credential|authorization", re.IGNORECASE)
_SHOWN_CHARACTERS = 40


@typing.overload
def decode(document: Document, type_: type[T], *, hook: DecodeHook | None = None) -> T: ...
@typing.overload
def decode(document: Document, type_: object, *, hook: DecodeHook | None = None) -> object: ...
def decode(document: Document, type_: object, *, hook: DecodeHook | None = None) -> object:
    """Turn a document into `type_` (a Struct, or any annotation that msgspec knows); `hook` is its dec_hook.

    Raises:
        SourceError: with all problems that can be found in one reading, the first hundred of them.
    """
    try:
        return msgspec.convert(document.value, typing.cast("type[object]", type_), dec_hook=hook)
    except msgspec.ValidationError as error:
        search = _Search(document, hook).problems(document.value, type_, ())
        problems = list(islice(search, MAX_PROBLEMS))
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
        unknown = self._unknown(value, known, path) if config.forbid_unknown_fields else ()
        is_found = False
        for problem in chain(unknown, self._fields(value, fields, path)):
            is_found = True
            yield problem
        if not is_found:
            yield from self._leaf(value, struct, path)

    def _unknown(self, value: dict[str, object], known: AbstractSet[str], path: Path) -> Iterator[Problem]:
        for key in value:
            if key not in known:
                yield self._document.problem(
                    (*path, key), found="an unknown key", expected=_one_of(known), nearest=nearest(key, known)
                )

    def _fields(
        self, value: dict[str, object], fields: Mapping[str, FieldInfo], path: Path
    ) -> Iterator[Problem]:
        for name, field in fields.items():
            if name in value:
                yield from self.problems(value[name], field.type, (*path, name))
            elif field.required:
                yield self._document.problem((*path, name), found="nothing", expected="a value")

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
