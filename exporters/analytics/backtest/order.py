"""What may be asked of a backtest."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from exporters.analytics.backtest.alerts.proposal import AlertOrder
from exporters.analytics.backtest.keys import laid_over, refused
from exporters.analytics.parameters import InvalidParams, Parameter, read_parameters
from integrations.execution.policy import Policy

BUCKETS = 60


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One integration, the policy that it had while it was recorded (today's), another one, and from when to
    when (UTC seconds). With `alerts`, alerting is replayed too.
    """

    integration: str
    today: Policy
    proposed: Policy
    start: float
    end: float
    alerts: AlertOrder | None = None


def proposed(today: Policy, keys: Mapping[str, object]) -> Policy:
    """Return a policy with other values. Keys are nested (`{"breaker": {"window": 30}}`) or dotted
    (`{"breaker.window": 30}`).

    Raises:
        InvalidProposal: naming the key and what is wrong with it.
    """
    values = laid_over(msgspec.to_builtins(today), keys)
    try:
        return msgspec.convert(values, Policy)
    except msgspec.ValidationError as error:
        raise refused(error, keys=tuple(keys)) from error


_WINDOW = (
    Parameter(name="from", type="time", doc="Start of the window, inclusive.", default="-24h"),
    Parameter(name="to", type="time", doc="End of the window, exclusive.", default="now"),
)


def read_window(start: str, end: str, *, now: float) -> tuple[float, float]:
    """Return a window in UTC seconds; nothing after `now` is in it.

    Raises:
        InvalidParams: for a time that cannot be read, an end that is not after the start, and a start so
            early that what is replayed before it would begin before there were times.
    """
    values = read_parameters(_WINDOW, {"from": start, "to": end}, now=now)
    first, last = (
        value.replace(tzinfo=UTC).timestamp()
        for value in (values["from"], values["to"])
        if isinstance(value, datetime)
    )
    if not 0 <= first < now:
        raise InvalidParams("from", found=start, expected="a time that is past, and since 1970")
    return first, min(last, now)
