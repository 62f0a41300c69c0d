"""Other rules of alerting: what may be proposed, laid over what holds today."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from exporters.analytics.backtest.keys import InvalidProposal, laid_over, refused, unknown
from integrations.connection import CheckPolicy, Connection
from integrations.credentials.secret import Secret
from integrations.probes import Check
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.rules import RuleBook
from monitors.alerts.settings import AlertSettings, check
from monitors.alerts.silences import Silence

REPLAYED = (
    "route",
    "rules",
    "inhibit_rules",
    "time_intervals",
    "maintenance",
    "escalations",
    "storm",
    "group_wait_critical",
    "group_wait",
)
"""The keys of `alerts` that a replay follows."""

WATCHED = ("slos", "heartbeats")
"""Those that say what is watched beside integrations; their replays are of their own."""

JUDGED = ("fail_after", "recover_after", "weigh_chance", "down_after", "degraded_after", "slow")
"""The keys of `check` that say how results are judged; with them `retry_interval`, for checks that only the
proposal would have repeated.
"""

_FOLLOWED = (*JUDGED, "retry_interval")
T = TypeVar("T")

_NOWHERE = Secret("https://receiver.invalid/")
_RECEIVERS = "receivers"


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides when an incident opens and who hears of it."""

    check: CheckPolicy
    alerts: AlertSettings


class AlertOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of today and proposed ones, and what they are about: the `connection` (its secrets are not
    needed), its vendor's name for people, its `checks`, and the `silences` there were. `ahead` is what UTC
    adds to the monotonic clock, by whose minutes live calls are counted. `ignored` are keys that were
    proposed and that no replay follows.
    """

    connection: Connection
    called: str
    checks: tuple[Check, ...]
    today: AlertRules
    proposed: AlertRules
    silences: tuple[Silence, ...] = ()
    ahead: float = 0.0
    ignored: tuple[str, ...] = ()


def proposed_rules(
    today: AlertRules, *, check_keys: Mapping[str, object], alert_keys: Mapping[str, object]
) -> tuple[AlertRules, tuple[str, ...]]:
    """Return other rules, and the keys that are known and that no replay follows. Keys are nested or dotted;
    one of a list is called by its name (`rules.IntegrationDown.for`), and a built-in rule may be.

    Raises:
        InvalidProposal: naming the key and what is wrong with it.
    """
    judged = laid_over(msgspec.to_builtins(today.check), check_keys, prefix="check.")
    other = _read(judged, CheckPolicy, prefix="check.")
    kept = {name: getattr(today.check, name) for name in judged if name not in _FOLLOWED}
    ignored = [f"check.{name}" for name, value in kept.items() if getattr(other, name) != value]
    other = msgspec.structs.replace(other, **kept)
    alerts, left = _alerts(today.alerts, alert_keys)
    return AlertRules(check=other, alerts=alerts), (*ignored, *left)


def shown(rules: AlertRules) -> dict[str, object]:
    """Return what two may differ in, built-in rules among it and nothing secret; things in lists by their
    names.
    """
    judged = msgspec.to_builtins(rules.check)
    return {
        "check": {name: judged[name] for name in _FOLLOWED},
        "alerts": shown_alerts(rules.alerts),
    }


def shown_alerts(settings: AlertSettings) -> dict[str, object]:
    """Return what two may differ in of alerting alone."""
    values = _values(settings)
    rules = _plain(RuleBook(settings.rules, builtin=BUILTIN_RULES).rules)
    return {name: _named(values[name]) for name in REPLAYED} | {"rules": _named(rules)}


def _alerts(today: AlertSettings, keys: Mapping[str, object]) -> tuple[AlertSettings, tuple[str, ...]]:
    followed, left = _sorted_out(keys)
    values = laid_over(_with_builtin(_values(today), followed), followed, prefix="alerts.")
    read = _read(values, AlertSettings, prefix="alerts.")
    receivers = (*today.receivers, *_stand_ins(today, keys.get(_RECEIVERS)))
    settings = msgspec.structs.replace(read, receivers=receivers)
    if settings.route is not None:
        for key, problem in check(settings):
            raise InvalidProposal(f"alerts.{key}", problem)
    return settings, left


def _sorted_out(keys: Mapping[str, object]) -> tuple[dict[str, object], tuple[str, ...]]:
    """The keys that are followed, and those that are known and are not."""
    known = set(AlertSettings.__struct_fields__)
    followed, left = {}, []
    for key, value in keys.items():
        name = key.partition(".")[0]
        if name in known and name not in (*REPLAYED, *WATCHED):
            left += [f"alerts.{name}"] if name != _RECEIVERS else []
        else:
            followed[key] = value
    return followed, tuple(dict.fromkeys(left))


def _values(settings: AlertSettings) -> dict[str, object]:
    return {name: _plain(getattr(settings, name)) for name in (*REPLAYED, *WATCHED)}


def _plain(value: object) -> object:
    """As JSON has it, where a tuple is a list."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _with_builtin(values: dict[str, object], keys: Mapping[str, object]) -> dict[str, object]:
    """With the built-in rules that are called by their name, so that one key of theirs can be another.

    Raises:
        InvalidProposal: when there is neither a configured rule of that name nor a built-in one.
    """
    called = {key.split(".")[1]: key for key in keys if key.startswith("rules.")}
    nested = keys.get("rules")
    called |= {str(name): f"rules.{name}" for name in nested} if isinstance(nested, Mapping) else {}
    rules = values["rules"]
    if not called or not isinstance(rules, list):
        return values
    configured = [str(rule["name"]) for rule in rules]
    builtin = [rule for rule in BUILTIN_RULES if rule.name not in configured]
    known = [*configured, *(rule.name for rule in builtin)]
    for name, key in called.items():
        if name not in known:
            raise InvalidProposal(f"alerts.{key}", unknown(name, known))
    return values | {"rules": [*rules, *(_plain(rule) for rule in builtin if rule.name in called)]}


def _read(values: Mapping[str, object], shape: type[T], *, prefix: str) -> T:
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        raise refused(error, prefix=prefix) from error


def _stand_ins(today: AlertSettings, given: object) -> Iterator[WebhookReceiver]:
    """Receivers that are proposed, by name alone: nothing is sent, and nothing of them is kept."""
    if given is None:
        return
    known = {each.name for each in today.receivers}
    for each in given if isinstance(given, Sequence) and not isinstance(given, str) else (given,):
        name = each.get("name") if isinstance(each, Mapping) else None
        if not isinstance(name, str) or not name:
            raise InvalidProposal(
                "alerts.receivers", "each receiver needs a name; nothing else of it is read"
            )
        if name not in known:
            wants_ends = each.get("send_resolved") is not False if isinstance(each, Mapping) else True
            yield WebhookReceiver(name=name, url=_NOWHERE, send_resolved=wants_ends)


def _named(value: object) -> object:
    """Lists of what has a name become mappings; of one name the first stands alone, others are numbered."""
    if isinstance(value, Mapping):
        return {str(key): _named(each) for key, each in value.items()}
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and "name" in each for each in value):
        return value
    found: dict[str, object] = {}
    for each in value:
        name, number = str(each["name"]), 2
        while name in found:
            name, number = f"{each['name']} ({number})", number + 1
        found[name] = {key: one for key, one in each.items() if key != "name"}
    return found
