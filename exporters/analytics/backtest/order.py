"""What may be asked of a backtest."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from exporters.analytics.parameters import InvalidParams, Parameter, read_parameters
from integrations.execution.policy import Policy

BUCKETS = 60


class InvalidProposal(ValueError):  # noqa: N818 - the name says what is wrong
    """The proposed policy cannot be used; `key` says where, the message what is wrong."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One integration, the policy that it had while it was recorded (today's), another one, and from when to
    when (UTC seconds).
    """

    integration: str
    today: Policy
    proposed: Policy
    start: float
    end: float


def proposed(today: Policy, keys: Mapping[str, object]) -> Policy:
    """Return a policy with other values. Keys are nested (`{"breaker": {"window": 30}}`) or dotted
    (`{"breaker.window": 30}`).

    Raises:
        InvalidProposal: naming the key and what is wrong with it.
    """
    values: dict[str, object] = msgspec.to_builtins(today)
    for key, value in keys.items():
        _put(values, key.split("."), value, key=key)
    try:
        return msgspec.convert(values, Policy)
    except msgspec.ValidationError as error:
        text = str(error)
        path = text.rpartition("`$.")[2].rstrip("`") if "`$." in text else ""
        raise InvalidProposal(path or ", ".join(keys), text.partition(" - at ")[0]) from error


def _put(values: dict[str, object], path: list[str], value: object, *, key: str) -> None:
    name, rest = path[0], path[1:]
    if name not in values:
        known = ", ".join(values)
        raise InvalidProposal(key, f"there is no {name!r} in a policy here, only {known}")
    inner = values[name]
    if not rest and not (isinstance(inner, dict) and isinstance(value, Mapping)):
        values[name] = value
        return
    if not isinstance(inner, dict):
        raise InvalidProposal(key, f"{name!r} holds no further keys")
    if rest:
        _put(inner, rest, value, key=key)
    elif isinstance(value, Mapping):
        for one, each in value.items():
            _put(inner, [str(one)], each, key=f"{key}.{one}")


_WINDOW = (
    Parameter(name="from", type="time", doc="Start of the window, inclusive.", default="-24h"),
    Parameter(name="to", type="time", doc="End of the window, exclusive.", default="now"),
)


def read_window(start: str, end: str, *, now: float) -> tuple[float, float]:
    """Return a window in UTC seconds; nothing after `now` is in it.

    Raises:
        InvalidParams: for a time that cannot be read, and an end that is not after the start.
    """
    values = read_parameters(_WINDOW, {"from": start, "to": end}, now=now)
    first, last = (
        value.replace(tzinfo=UTC).timestamp()
        for value in (values["from"], values["to"])
        if isinstance(value, datetime)
    )
    if first >= now:
        raise InvalidParams("from", found=start, expected="a time that is past")
    return first, min(last, now)
