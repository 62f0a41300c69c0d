"""Conditions on an answer: one small language for error rules, health expectations and the `http` vendor's
checks.

A condition sets exactly one key. Status, header, JSON, body, latency and certificate conditions look at the
answer; `all`, `any` and `not` combine them.
"""

import re
from functools import cache

import msgspec

from integrations.manifest import pointers
from integrations.manifest.patterns import compile_pattern
from integrations.manifest.source import nearest

_STATUS = re.compile(r"([1-5])(?:xx|[0-9]{2}(?:-[1-5][0-9]{2})?)")


class _Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a condition."""

    def __post_init__(self) -> None:
        """Refuse what sets no test or several, and patterns and pointers that cannot be used.

        Raises:
            ValueError: saying what was expected.
        """
        tests = _tests(type(self))
        if sum(getattr(self, field.name) is not field.default for field in tests) != 1:
            raise ValueError(f"exactly one of {', '.join(field.encode_name for field in tests)} is to be set")
        if (pattern := getattr(self, "matches", None)) is not None:
            compile_pattern(pattern)
        if (pointer := getattr(self, "pointer", None)) is not None:
            pointers.parse(pointer)


@cache
def _tests(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of which one is to be set; msgspec takes 0.1 ms to tell, and ten thousand checks ask."""
    return tuple(field for field in msgspec.structs.fields(kind) if not field.required)


_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `(?P<place>[^`]*)`)?")


def why_no_condition(error: msgspec.ValidationError) -> str:
    """What is wrong with a condition; of an unknown field also which there are, and the nearest."""
    unknown = _UNKNOWN_FIELD.search(str(error))
    if unknown is None:
        return str(error)
    part = (unknown["place"] or "$").rpartition(".")[2].partition("[")[0]
    fields = [field.encode_name for field in msgspec.structs.fields(_PARTS.get(part, Condition))]
    near = nearest(unknown["name"], fields)
    hint = f"; did you mean {near}?" if near else ""
    return f"{error}; it may hold {', '.join(fields)}{hint}"


class HeaderCondition(_Condition, frozen=True, kw_only=True):
    """A response header: exactly one of the tests. Names are compared without case, `matches` is a regular
    expression.
    """

    name: str
    equals: str | None = None
    contains: str | None = None
    matches: str | None = None
    present: bool | None = None


class JSONCondition(_Condition, frozen=True, kw_only=True):
    """The value at a JSON Pointer: exactly one of the tests. `length_*` count a list's or text's length."""

    pointer: str
    equals: str | float | int | bool | msgspec.UnsetType | None = msgspec.UNSET
    not_equals: str | float | int | bool | msgspec.UnsetType | None = msgspec.UNSET
    less_than: float | None = None
    more_than: float | None = None
    contains: str | None = None
    matches: str | None = None
    exists: bool | None = None
    length_at_least: int | None = None
    length_at_most: int | None = None


class BodyCondition(_Condition, frozen=True, kw_only=True):
    """The body as text: exactly one of the tests."""

    contains: str | None = None
    lacks: str | None = None
    matches: str | None = None


class Condition(_Condition, frozen=True, kw_only=True):
    """One condition: exactly one key is set.

    `status` lists numbers (`204`), classes (`2xx`) and ranges (`200-299`). `latency_below` is in seconds.
    `certificate_days_left` is the least number of days the server's certificate must still be valid.
    """

    status: tuple[int | str, ...] | None = None
    header: HeaderCondition | None = None
    json: JSONCondition | None = None
    body: BodyCondition | None = None
    latency_below: float | None = None
    certificate_days_left: float | None = None
    all: tuple["Condition", ...] | None = None
    any: tuple["Condition", ...] | None = None
    negated: "Condition | None" = msgspec.field(name="not", default=None)

    def __post_init__(self) -> None:
        """Also refuse what is no status.

        Raises:
            ValueError: saying what was expected.
        """
        super().__post_init__()
        for wanted in self.status or ():
            if not _STATUS.fullmatch(str(wanted)):
                raise ValueError(f"{wanted!r} is no status; write 204, 2xx or 200-299")
        if self.status == () or self.all == () or self.any == ():
            raise ValueError("an empty list can never be judged")


_PARTS: dict[str, type[msgspec.Struct]] = {
    "header": HeaderCondition,
    "json": JSONCondition,
    "body": BodyCondition,
}
