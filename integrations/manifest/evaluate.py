"""Judges a condition on an answer, and says which part of it failed and what was seen.

What is said never holds the body: of a JSON place or a header its value, cut to 40 characters, of the body
only whether it matched.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from typing import Protocol

import msgspec

from integrations.manifest import pointers
from integrations.manifest.conditions import BodyCondition, Condition, HeaderCondition, JSONCondition
from integrations.manifest.patterns import compile_pattern, search

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a hostile body as JSON may raise."""

CERTIFICATE_ENDS = "certificate ends in"
"""Begins what is said of a certificate whose days are too few."""

_SEEN_CHARACTERS = 40
_DESCRIBED_CHARACTERS = 120


class Judged(Protocol):
    """What a condition looks at; an executor's Reply is one. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    duration: float
    certificate_days_left: float | None

    def json(self) -> object:
        """The body as a JSON value; raises msgspec.DecodeError."""
        ...

    def text(self) -> str:
        """The body as text."""
        ...


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of one part of a condition: `expected` as it is written, `found` in the answer.

    `depth` is 0 for the condition itself and one more for each part within a part.
    """

    expected: str
    found: str
    held: bool
    depth: int = 0


class Findings:
    """Hears of every part of a condition that is judged. `redact` passes each text before it is cut."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._depth = 0
        self.all: list[Finding] = []

    def judged(self, condition: Condition, answer: Judged, *, said: str) -> None:
        """Note one test, or the sum of several, as it was judged."""
        self.all.append(
            Finding(
                expected=_cut(self._redact(msgspec.json.encode(condition).decode()), _DESCRIBED_CHARACTERS),
                found=self._redact(seen(condition, answer, redact=self._redact)),
                held=not said,
                depth=self._depth,
            )
        )

    @contextmanager
    def within(self, condition: Condition, answer: Judged) -> Iterator[Callable[[str], None]]:
        """Let what is judged meanwhile be the parts of a condition; call what is given with its result."""
        place, told = len(self.all), ""

        def tell(said: str) -> None:
            nonlocal told
            told = said

        self._depth += 1
        yield tell
        self._depth -= 1
        self.judged(condition, answer, said=told)
        self.all.insert(place, self.all.pop())


def holds(condition: Condition, answer: Judged) -> bool:
    """Whether the condition is met."""
    return not failure(condition, answer)


def failure(condition: Condition, answer: Judged, findings: Findings | None = None) -> str:
    """Which condition was not met and what was seen instead; empty when it is met.

    `findings` hear of every part, also of those that come after one that has decided.
    """
    if findings is not None:
        return _noted(condition, answer, findings)
    if condition.all is not None:
        for part in condition.all:
            if said := failure(part, answer):
                return said
        return ""
    if condition.any is None and condition.negated is None:
        return _single(condition, answer)
    return _combined(condition, map(failure, _parts(condition), repeat(answer)))


def _noted(condition: Condition, answer: Judged, findings: Findings) -> str:
    parts = _parts(condition)
    if not parts:
        said = _single(condition, answer)
        findings.judged(condition, answer, said=said)
        return said
    with findings.within(condition, answer) as tell:
        said = _combined(condition, iter([_noted(part, answer, findings) for part in parts]))
        tell(said)
    return said


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.all or condition.any or ((condition.negated,) if condition.negated is not None else ())


def seen(condition: Condition, answer: Judged, *, redact: Callable[[str], str] = str) -> str:
    """What the answer has at the place that a single test looks at; empty for a condition of parts."""
    if condition.status is not None:
        return str(answer.status)
    if condition.latency_below is not None:
        return f"{answer.duration:.3g} s"
    if condition.certificate_days_left is not None:
        days = answer.certificate_days_left
        return "no certificate" if days is None else f"{days:.1f} days"
    if condition.header is not None:
        value = answer.headers.get(condition.header.name.lower())
        return "absent" if value is None else _seen(redact(value))
    if condition.json is not None:
        return _seen_json(condition.json, answer, redact)
    return f"a body of {len(answer.text())} characters" if condition.body is not None else ""


def describe(condition: Condition) -> str:
    """The condition as it is written, for a message."""
    return _cut(msgspec.json.encode(condition).decode(), _DESCRIBED_CHARACTERS)


def wants_certificate(condition: Condition | None) -> bool:
    """Whether any part of the condition looks at the server's certificate."""
    if condition is None:
        return False
    parts = (*(condition.all or ()), *(condition.any or ()), condition.negated)
    return condition.certificate_days_left is not None or any(map(wants_certificate, parts))


def _combined(condition: Condition, said: Iterator[str]) -> str:
    """What the failures of its parts make of a condition."""
    if condition.all is not None:
        return next(filter(None, said), "")
    if condition.any is not None:
        failures = list(said)
        return "" if not all(failures) else "none of these was met: " + "; ".join(failures)
    return "" if next(said) else f"this was met: {describe(condition.negated or condition)}"


def _single(condition: Condition, answer: Judged) -> str:
    if condition.header is not None:
        return _header(condition.header, answer)
    if condition.json is not None:
        return _json(condition.json, answer)
    if condition.body is not None:
        return _body(condition.body, answer)
    if condition.status is not None:
        return _status(condition.status, answer.status)
    if condition.latency_below is not None:
        return _latency(condition.latency_below, answer.duration)
    return _certificate(condition.certificate_days_left or 0.0, answer.certificate_days_left)


def _latency(limit: float, seconds: float) -> str:
    return "" if seconds < limit else f"latency was {seconds:.3g} s, wanted below {limit:g} s"


def _status(wanted: tuple[int | str, ...], status: int) -> str:
    if status in wanted:
        return ""
    for one in wanted:
        if _is_status(status, one):
            return ""
    return f"status was {status}, wanted {' or '.join(map(str, wanted))}"


def _is_status(status: int, wanted: int | str) -> bool:
    if isinstance(wanted, int):
        return status == wanted
    if wanted.endswith("xx"):
        return status // 100 == int(wanted[0])
    low, _, high = wanted.partition("-")
    return int(low) <= status <= int(high or low)


def _certificate(wanted: float, days: float | None) -> str:
    if days is None:
        return f"no certificate was seen, wanted one valid for {wanted:g} days"
    return "" if days >= wanted else f"{CERTIFICATE_ENDS} {days:.1f} days, wanted {wanted:g}"


def _header(test: HeaderCondition, answer: Judged) -> str:
    name = test.name.lower()
    value = answer.headers.get(name)
    if test.present is not None:
        met = (value is not None) is test.present
        return "" if met else f"header {name} was {'absent' if value is None else 'present'}"
    if value is None:
        return f"header {name} was absent"
    if test.equals is not None:
        met, wanted = value == test.equals, f"wanted {_seen(test.equals)}"
    elif test.contains is not None:
        met, wanted = test.contains in value, f"wanted it to contain {_seen(test.contains)}"
    else:
        met, wanted = (
            bool(search(compile_pattern(test.matches or ""), value)),
            f"wanted a match of {test.matches}",
        )
    return "" if met else f"header {name} was {_seen(value)}, {wanted}"


def _body(test: BodyCondition, answer: Judged) -> str:
    text = answer.text()
    if test.contains is not None:
        return "" if test.contains in text else f"the body does not contain {_seen(test.contains)}"
    if test.lacks is not None:
        return "" if test.lacks not in text else f"the body contains {_seen(test.lacks)}"
    return (
        "" if search(compile_pattern(test.matches or ""), text) else f"the body does not match {test.matches}"
    )


def _json(test: JSONCondition, answer: Judged) -> str:
    try:
        value = pointers.get(answer.json(), test.pointer)
    except UNREADABLE:
        return "the body is not JSON"
    if test.exists is not None:
        is_met = (value is not pointers.MISSING) is test.exists
    elif value is pointers.MISSING:
        is_met = test.not_equals is not msgspec.UNSET
    else:
        is_met = _json_test(test, value)
    # The words are made only of what is not met: they take longer than the test.
    return "" if is_met else f"json {test.pointer or '(whole)'} was {_json_seen(test, value)}"


def _json_seen(test: JSONCondition, value: object) -> str:
    if value is pointers.MISSING:
        return "absent"
    return "there" if test.exists is not None else f"{_seen(value)}, wanted {_json_wanted(test)}"


def _json_test(test: JSONCondition, value: object) -> bool:
    if test.equals is not msgspec.UNSET:
        return _same(value, test.equals)
    if test.not_equals is not msgspec.UNSET:
        return not _same(value, test.not_equals)
    if test.less_than is not None:
        return _number(value) < test.less_than
    if test.more_than is not None:
        return _number(value) > test.more_than
    if test.contains is not None:
        return isinstance(value, (str, list)) and test.contains in value
    return _matches(test.matches, value) if test.matches is not None else _json_length(test, value)


def _json_length(test: JSONCondition, value: object) -> bool:
    length = len(value) if isinstance(value, (str, list)) else -1
    if test.length_at_least is not None:
        return length >= test.length_at_least
    return 0 <= length <= (test.length_at_most or 0)


def _json_wanted(test: JSONCondition) -> str:
    if test.equals is not msgspec.UNSET:
        return _seen(test.equals)
    if test.not_equals is not msgspec.UNSET:
        return f"anything but {_seen(test.not_equals)}"
    if test.less_than is not None:
        return f"less than {test.less_than:g}"
    if test.more_than is not None:
        return f"more than {test.more_than:g}"
    return _json_content_wanted(test)


def _json_content_wanted(test: JSONCondition) -> str:
    if test.contains is not None:
        return f"it to contain {_seen(test.contains)}"
    if test.matches is not None:
        return f"a match of {test.matches}"
    if test.length_at_least is not None:
        return f"a length of at least {test.length_at_least}"
    return f"a length of at most {test.length_at_most}"


def _matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and search(compile_pattern(pattern), value) is not None


def _same(value: object, wanted: object) -> bool:
    """Equal as JSON values: true is not 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _number(value: object) -> float:
    """A JSON number, as it is, because no float holds the longest ones; anything else becomes one that no
    comparison holds for.
    """
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def _seen(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return _cut(msgspec.json.encode(value).decode(), _SEEN_CHARACTERS)


def _seen_json(test: JSONCondition, answer: Judged, redact: Callable[[str], str]) -> str:
    try:
        value = pointers.get(answer.json(), test.pointer)
    except UNREADABLE:
        return "no JSON"
    if value is pointers.MISSING:
        return "absent"
    return _seen(redact(value) if isinstance(value, str) else value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
