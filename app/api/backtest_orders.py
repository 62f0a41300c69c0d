"""What a client asks to be tried, as orders for the replay: one an integration."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from app.api.problems import InvalidValue, invalid, not_found
from app.parts import Parts
from exporters.analytics.backtest.alerts.proposal import (
    WATCHED,
    AlertOrder,
    AlertRules,
    proposed_rules,
)
from exporters.analytics.backtest.keys import InvalidProposal
from exporters.analytics.backtest.order import Order, proposed, read_window
from exporters.analytics.parameters import InvalidParams
from integrations.errors import UnknownIntegration

MOST = 20
"""Integrations of one backtest."""


class BacktestRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try. `policy` and `check` hold the keys that are to be other than an integration's of today, as
    in the configuration or dotted (`breaker.failure_ratio`), `alerts` those that are to be other than those
    of alerting; a rule, built-in or not, is called by its name (`rules.IntegrationDown.for`). Without any,
    what holds today is held against what happened. `integrations` are all there are where none is named.
    `objectives` and `heartbeats` are replayed by themselves, by name and id; "*" is all of them. Where
    nothing at all is named, everything is replayed, or only those that the proposal is about where it holds
    nothing but `alerts.slos` and `alerts.heartbeats`; where something is, those that it changes are too.
    `from` and `to` are as for named queries. `id` is what it is listed and ended by while it runs; without
    one it gets one.
    """

    policy: Mapping[str, object] = {}
    check: Mapping[str, object] = {}
    alerts: Mapping[str, object] = {}
    integrations: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    heartbeats: tuple[str, ...] = ()
    start: str = msgspec.field(default="-24h", name="from")
    end: str = msgspec.field(default="now", name="to")
    id: str = ""


def orders(parts: Parts, asked: BacktestRequest) -> list[Order]:
    """Return an order for each integration, all of them checked before any is carried out.

    Raises:
        ProblemError: naming the key and what is wrong with it.
    """
    return [_order(parts, one, asked) for one in _named(parts, asked)]


def is_about_watched_alone(asked: BacktestRequest) -> bool:
    """Whether a proposal concerns objectives and heartbeats, and nothing else."""
    keys = {key.partition(".")[0] for key in asked.alerts}
    return bool(keys) and keys <= set(WATCHED) and not asked.policy and not asked.check


def _named(parts: Parts, asked: BacktestRequest) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(asked.integrations))
    if not named and (asked.objectives or asked.heartbeats or is_about_watched_alone(asked)):
        return ()
    named = named or tuple(one.connection.id for one in parts.framework.integrations())
    if not 1 <= len(named) <= MOST:
        sentence = f"A backtest takes 1 to {MOST} integrations, not {len(named)}; name those to replay."
        message = f"expected 1 to {MOST} integrations"
        raise invalid(sentence, InvalidValue(message=message, key="integrations", source="body"))
    return named


def _order(parts: Parts, integration: str, asked: BacktestRequest) -> Order:
    try:
        today = parts.framework.integration(integration).connection.policy
    except UnknownIntegration as error:
        raise not_found("unknown-integration", error) from error
    start, end = window(asked, now=parts.clock.time())
    with refusing("policy."):
        other = proposed(today, asked.policy)
    with refusing(""):
        alerts = _alerts(parts, integration, asked)
    return Order(integration=integration, today=today, proposed=other, start=start, end=end, alerts=alerts)


def _alerts(parts: Parts, integration: str, asked: BacktestRequest) -> AlertOrder:
    registered = parts.framework.integration(integration)
    connection, desks = registered.connection, parts.alerting
    today = AlertRules(check=connection.check, alerts=desks.alerts.settings)
    other, ignored = proposed_rules(today, check_keys=asked.check, alert_keys=asked.alerts)
    return AlertOrder(
        connection=msgspec.structs.replace(connection, secrets={}),
        called=registered.manifest.vendor.name,
        checks=parts.checks(integration),
        today=today,
        proposed=other,
        silences=tuple(desks.silences.all()),
        ahead=parts.clock.time() - parts.clock.monotonic(),
        ignored=ignored,
    )


@contextmanager
def refusing(prefix: str) -> Iterator[None]:
    """Tell what is wrong with a proposal as a problem."""
    try:
        yield
    except InvalidProposal as error:
        key = f"{prefix}{error.key}"
        wrong = InvalidValue(message=str(error), key=key, source="body")
        raise invalid(f"{key}: {error}", wrong) from error


def window(asked: BacktestRequest, *, now: float) -> tuple[float, float]:
    """Return from when to when it is asked for, in UTC seconds."""
    try:
        return read_window(asked.start, asked.end, now=now)
    except InvalidParams as error:
        wrong = InvalidValue(message=f"expected {error.expected}", key=error.parameter, source="body")
        raise invalid(str(error), wrong) from error
