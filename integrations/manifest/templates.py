"""Text with `{name}`, `{name|function}` and `{function()}`: all the language a manifest has.

Names are `config.x`, `secret.x` and, in paths, an input's name. A value is encoded for the place it is put
into, so it can fill a path segment, a header or a text but never change what is around it. Braces that are
meant are doubled.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from urllib.parse import quote, urlsplit

Lookup = Callable[[str], str]
"""Gives a name's value; calls without argument are looked up with their brackets: `unix_time()`."""

CALLS = frozenset({"unix_time()", "iso_time()", "uuid()"})
"""The functions without argument; whoever fills a template gives their values."""

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[a-z_][a-z0-9_.]*(?:\(\))?")
_NO_HEADER = re.compile(r"[^\x20-\x7e]")


class Position(Enum):
    """Where a template's text goes, and so how its values are encoded."""

    TEXT = "text"
    PATH = "path"
    HEADER = "header"


class UnfitValueError(ValueError):
    """A value cannot stand where it is to go; the message never holds the value."""


def fits_header(value: str) -> bool:
    """Whether a header may hold this value: visible ASCII and spaces, which every server reads alike."""
    return not _NO_HEADER.search(value)


def segments(text: str) -> str:
    """Percent-encode each segment of a path whose slashes are meant, such as a file's path."""
    return "/".join(_segment(part) for part in text.split("/"))


@lru_cache(maxsize=256)
def _host(text: str) -> str:
    """The host of an address. An integration that is opened asks for its own twice, one after the other."""
    return urlsplit(text).hostname or ""


FUNCTIONS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "trim_slash": lambda text: text.rstrip("/"),
    "host": _host,
    "segments": segments,
    "jobs": lambda text: "/job/".join(_segment(part) for part in text.split("/")),
    "odata": lambda text: "'" + quote(text.replace("'", "''"), safe="") + "'",
    "unix_path": lambda text: text.removeprefix("unix://") if text.startswith("unix://") else "",
    "http_origin": lambda text: "http://localhost" if text.startswith("unix://") else text,
}
"""The closed list of functions with a value.

Of an endpoint, `unix_path` is the socket's path (empty for a URL), `http_origin` the URL that requests to it
are made for.
`segments`, `jobs` and `odata` are for paths, and encode for themselves: a path whose slashes are meant;
Jenkins' folders, each under `/job/`; a string literal of OData (quotes around it, and doubled within).
"""

ENCODING = frozenset({"segments", "jobs", "odata"})
"""The functions that give text fit for a path."""


class Template:
    """A text with fields, parsed once. `names` are all it needs.

    Raises:
        ValueError: for a brace too many, an unknown function or something that is no name.
    """

    __slots__ = ("_constant", "_parts", "_position", "names", "text")

    def __init__(self, text: str, *, position: Position = Position.TEXT) -> None:
        self.text = text
        self._position = position
        self._parts: list[str | tuple[str, str]] = []
        end = 0
        for match in _FIELD.finditer(text):
            self._parts.append(text[end : match.start()])
            end = match.end()
            if match[0] in ("{{", "}}"):
                self._parts.append(match[0][0])
            elif match[1] is None:
                raise ValueError(
                    f"a brace without its partner in {text!r}; write {{{{ or }}}} for the character"
                )
            else:
                self._parts.append(_field(match[1]))
        self._parts.append(text[end:])
        self._parts = [part for part in self._parts if part]
        self.names = tuple(part[0] for part in self._parts if isinstance(part, tuple))
        is_constant = not self.names and position is not Position.PATH
        self._constant = "".join(map(str, self._parts)) if is_constant else None

    def fill(self, lookup: Lookup) -> str:
        """The text with its values.

        Raises:
            UnfitValueError: when a value cannot stand where it is to go.
        """
        if self._constant is not None:
            return self._constant
        filled = "".join(
            [part if isinstance(part, str) else self._value(*part, lookup) for part in self._parts]
        )
        if self._position is Position.PATH and any(part in (".", "..") for part in filled.split("/")):
            raise UnfitValueError("a path segment cannot be . or ..")
        return filled

    def _value(self, name: str, function: str, lookup: Lookup) -> str:
        value = lookup(name)
        if function:
            value = FUNCTIONS[function](value)
        if self._position is Position.PATH and function not in ENCODING:
            return _segment(value)
        if self._position is Position.HEADER and not fits_header(value):
            raise UnfitValueError(f"{name} holds a character that no header may")
        return value


@lru_cache(maxsize=4_096)
def template(text: str, position: Position = Position.TEXT) -> Template:
    """The template of a manifest's text: ten thousand integrations fill the same few.

    Raises:
        ValueError: as Template.
    """
    return Template(text, position=position)


def _segment(value: str) -> str:
    if value in ("", ".", ".."):
        raise UnfitValueError("a path segment cannot be empty, . or ..")
    return quote(value, safe="")


def _field(text: str) -> tuple[str, str]:
    name, _, function = text.partition("|")
    if "|" in text and function not in FUNCTIONS:
        raise ValueError(f"{function!r} is no function; there are {', '.join(sorted(FUNCTIONS))}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{{{text}}} is no name; fields look like {{config.base_url}}")
    if name.endswith("()") and name not in CALLS:
        raise ValueError(f"{name!r} is no function; there are {', '.join(sorted(CALLS))}")
    return name, function
