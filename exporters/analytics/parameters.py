"""Parameters of named queries: declared with a type, read strictly, bound and never pasted into SQL."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import duckdb
import msgspec

from integrations.manifest.source import nearest

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_CHOICE = re.compile(r"one_of\(([\w|]+)\)")
_BOUNDED = re.compile(r"int\((-?\d+)\.\.(-?\d+)\)")
_LONGEST = 86_400.0 * 3_660
_TEXT_LENGTH = 200
_NAMES = 100
ANY = "*"
"""Given for names, it narrows nothing, as leaving them out does; a form that must send something sends it."""

Value = datetime | float | int | str | list[str] | None
"""What is bound: times as naive UTC, durations as seconds."""


class InvalidParams(ValueError):  # noqa: N818 - the name says what is wrong
    """A parameter that cannot be used; the message says which, what was found and what was expected."""

    def __init__(self, parameter: str, *, found: str, expected: str, nearest: str = "") -> None:
        self.parameter = parameter
        self.found = found
        self.expected = expected
        self.nearest = nearest
        hint = f"; the nearest is {nearest!r}" if nearest else ""
        super().__init__(f"{parameter}: found {found!r}, expected {expected}{hint}")


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a named query.

    `type` is time, duration, int (from `least` to `most`), text, names (some, with commas between), zone (a
    time zone by its IANA name) or one_of, with `choices`.
    `default` is given as a client would give it; None means that the parameter may be
    left out and then does not narrow the answer.
    """

    name: str
    type: str
    doc: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @classmethod
    def declared(cls, name: str, *, kind: str, default: str, doc: str) -> "Parameter":
        """Make it from a query's header.

        Raises:
            ValueError: when the type is unknown.
        """
        choice, bounded = _CHOICE.fullmatch(kind), _BOUNDED.fullmatch(kind)
        if not choice and not bounded and kind not in _READERS:
            known = f"{', '.join(_READERS)}, int(least..most), one_of(a|b)"
            raise ValueError(f"@param {name}: type {kind!r} is none of {known}")
        return cls(
            name=name,
            type=kind.partition("(")[0],
            doc=doc,
            default=None if default == "-" else default,
            choices=tuple(choice[1].split("|")) if choice else (),
            least=int(bounded[1]) if bounded else None,
            most=int(bounded[2]) if bounded else None,
        )

    def read(self, given: str | None, now: float) -> Value:
        """Return the value to bind; `now` is UTC seconds.

        Raises:
            InvalidParams: when the text is not of this type.
        """
        text = self.default if given is None else given
        if text is None:
            return None
        if self.type == "int":
            return self._read_int(text)
        return self._read_choice(text) if self.choices else _READERS[self.type](self.name, text, now)

    def _read_int(self, text: str) -> int:
        bounds = self.least or 0, self.most or 0
        if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) and bounds[0] <= int(text) <= bounds[1]:
            return int(text)
        expected = f"a whole number from {bounds[0]} to {bounds[1]}"
        raise InvalidParams(self.name, found=text[:_TEXT_LENGTH], expected=expected)

    def _read_choice(self, text: str) -> str:
        if text in self.choices:
            return text
        expected = f"one of {', '.join(self.choices)}"
        raise InvalidParams(self.name, found=text, expected=expected, nearest=nearest(text, self.choices))


def read_parameters(
    declared: Iterable[Parameter], given: Mapping[str, str], *, now: float
) -> dict[str, Value]:
    """Read all parameters of a query.

    Raises:
        InvalidParams: for the first that is unknown, cannot be read, or ends before it begins.
    """
    known = {parameter.name: parameter for parameter in declared}
    for name in given:
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "no parameters"
            raise InvalidParams(name, found=given[name], expected=expected, nearest=nearest(name, known))
    values = {name: parameter.read(given.get(name), now) for name, parameter in known.items()}
    start, end = values.get("from"), values.get("to")
    if isinstance(start, datetime) and isinstance(end, datetime) and end <= start:
        raise InvalidParams("to", found=f"{end.isoformat()}Z", expected=f"a time after {start.isoformat()}Z")
    return values


def _read_time(name: str, text: str, now: float) -> datetime:
    relative = _DURATION.fullmatch(text.removeprefix("-")) if text.startswith("-") else None
    try:
        if text == "now" or relative:
            ago = float(relative[1]) * _UNITS[relative[2]] if relative else 0.0
            moment = datetime.fromtimestamp(now - ago, UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        expected = "a time: ISO 8601 such as 2026-11-22T10:00:00Z, now, or relative such as -1h"
        raise InvalidParams(name, found=text, expected=expected) from None


def _read_duration(name: str, text: str, _now: float) -> float:
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 1 <= seconds <= _LONGEST:
        expected = f"a duration from 1s to {_LONGEST / _UNITS['d']:.0f}d, such as 30s, 5m, 1h, 7d"
        raise InvalidParams(name, found=text, expected=expected)
    return seconds


def _read_text(name: str, text: str, _now: float) -> str:
    if len(text) > _TEXT_LENGTH:
        raise InvalidParams(name, found=f"{text[:20]}…", expected=f"at most {_TEXT_LENGTH} characters")
    return text


def _read_names(name: str, text: str, now: float) -> list[str] | None:
    if text == ANY:
        return None
    names = text.split(",")
    if len(names) > _NAMES:
        raise InvalidParams(name, found=f"{len(names)} names", expected=f"at most {_NAMES}, or {ANY} for any")
    return [_read_text(name, each, now) for each in names]


def _read_zone(name: str, text: str, _now: float) -> str:
    known = _zones()
    zone = known.get(text.lower())
    if zone is None:
        expected = "a time zone by its IANA name, such as Europe/Berlin, or UTC"
        raise InvalidParams(
            name, found=text[:_TEXT_LENGTH], expected=expected, nearest=nearest(text, known.values())
        )
    return zone


@functools.cache
def _zones() -> Mapping[str, str]:
    """Those that DuckDB knows, by their names in lower case; others would be an error within the query."""
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute("SELECT name FROM pg_timezone_names()").fetchall()
    return {name.lower(): name for (name,) in rows}


_READERS: Mapping[str, Callable[[str, str, float], Value]] = {
    "time": _read_time,
    "duration": _read_duration,
    "text": _read_text,
    "names": _read_names,
    "zone": _read_zone,
}
