"""Matchers over labels, written and meant as Alertmanager's: `team="payments"`, `vendor=~"git.*"`.

A label that is not there is the empty text. Regular expressions are RE2 (no backtracking) and must match the
whole value. Names may be any UTF-8 text in quotes, as since Alertmanager 0.27.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal, Protocol, get_args

import msgspec
import re2

Operator = Literal["=", "!=", "=~", "!~"]
_OPERATORS = get_args(Operator)

MAX_TEXT = 4096

_QUOTED = r'"(?:[^"\\\n]|\\.)*"'
_MATCHER = re.compile(
    rf"\s*(?P<name>{_QUOTED}|[^\s\"'`{{}}=~!,\\]+)\s*(?P<operator>=~|!~|!=|=)\s*"
    rf"(?P<value>{_QUOTED}|[^\s\"'`{{}},\\]*)\s*"
)
_QUOTES = {'"': '\\"', "\\": "\\\\"} | {
    chr(code): f"\\{letter}" for code, letter in enumerate("abtnvfr", start=7)
}
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class Pattern(Protocol):
    """A compiled pattern of RE2, of which only this is used."""

    def fullmatch(self, text: str, /) -> object | None:
        """What it matched, when it matches the whole text."""
        ...


class MatcherError(ValueError):
    """A text is no matcher; the message says where it stops being one."""


class Matcher(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One condition on one label."""

    name: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it."""
        found = labels.get(self.name, "")
        match self.operator:
            case "=":
                return found == self.value
            case "!=":
                return found != self.value
            case "=~":
                return self._pattern.fullmatch(found) is not None
            case _:
                return self._pattern.fullmatch(found) is None

    @cached_property
    def _pattern(self) -> Pattern:
        return compile_pattern(self.value)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'


def compile_pattern(text: str) -> Pattern:
    """Compile an RE2 pattern.

    Raises:
        MatcherError: when it is none.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled: Pattern = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise MatcherError(f"{text!r} is no regular expression of RE2: {shown}") from error
    return compiled


def parse_matcher(text: str) -> Matcher:
    """Read one matcher.

    Raises:
        MatcherError: saying what was found and how one looks.
    """
    matchers = parse_matchers(text)
    if len(matchers) != 1:
        raise MatcherError(f'{text!r}: expected one matcher, such as team="payments"')
    return matchers[0]


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read matchers parted by commas, in braces or without; none at all match everything.

    Raises:
        MatcherError: saying what was found and how one looks.
    """
    if len(text) > MAX_TEXT:
        raise MatcherError(f"matchers may have at most {MAX_TEXT} characters")
    rest = _unbraced(text)
    found = []
    while rest:
        read = _MATCHER.match(rest)
        if read is None:
            raise MatcherError(f'{text!r}: {rest!r} is no matcher; one looks like team="payments"')
        found.append(_made(read))
        rest = rest[read.end() :]
        if rest and not rest.startswith(","):
            raise MatcherError(f"{text!r}: expected a comma before {rest!r}")
        rest = rest[1:].strip()
    return tuple(found)


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels meet all of them."""
    return all(matcher.matches(labels) for matcher in matchers)


def quote(text: str) -> str:
    """A text in double quotes, as Go's strconv.Quote writes it: what cannot be printed is escaped."""
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(character: str) -> str:
    if character in _QUOTES:
        return _QUOTES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def written(matchers: Iterable[Matcher]) -> str:
    """Matchers as Alertmanager writes them, sorted: `{severity="critical",team=~"a|b"}`."""
    ordered = sorted(
        matchers, key=lambda matcher: (matcher.name, matcher.value, _OPERATORS.index(matcher.operator))
    )
    return "{" + ",".join(map(str, ordered)) + "}"


def _made(read: re.Match[str]) -> Matcher:
    matcher = Matcher(
        name=_unquoted(read["name"]),
        operator=read["operator"],  # type: ignore[arg-type] # The expression knows these four only.
        value=_unquoted(read["value"]),
    )
    if matcher.operator in {"=~", "!~"}:
        compile_pattern(matcher.value)
    return matcher


def _unbraced(text: str) -> str:
    bare = text.strip()
    if bare.startswith("{") != bare.endswith("}"):
        raise MatcherError(f"{text!r}: a brace is missing")
    return bare[1:-1].strip() if bare.startswith("{") else bare


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], "\\" + found[1]), text[1:-1])
