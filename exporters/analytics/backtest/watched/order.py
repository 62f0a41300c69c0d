"""What may be asked of a replay of objectives and heartbeats."""

from collections.abc import Mapping

import msgspec

from exporters.analytics.backtest.alerts.proposal import AlertRules, shown_alerts
from exporters.analytics.backtest.keys import InvalidProposal, unknown
from monitors.alerts.settings import AlertSettings
from monitors.alerts.silences import Silence
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.objective import Labels
from monitors.slo_settings import SLOSettings


class WatchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The `objectives` and `heartbeats` to replay, by name and id, from `start` to `end` (UTC seconds), under
    the settings of today and the proposed ones; either may lack some of them.

    `labels` are those of all integrations by id, `known_since` says from when on each heartbeat is
    configured, `silences` are those there were. `ahead` is what UTC adds to the monotonic clock. `ignored`
    are keys that were proposed and that no replay follows.
    """

    start: float
    end: float
    today: AlertSettings
    proposed: AlertSettings
    labels: Mapping[str, Labels]
    objectives: tuple[str, ...] = ()
    heartbeats: tuple[str, ...] = ()
    known_since: Mapping[str, float] = {}
    silences: tuple[Silence, ...] = ()
    ahead: float = 0.0
    ignored: tuple[str, ...] = ()


def objective_of(settings: AlertSettings, name: str) -> SLOSettings | None:
    """Return the objective of this name; None where there is none."""
    return next((each for each in settings.slos if each.name == name), None)


def heartbeat_of(settings: AlertSettings, heartbeat: str) -> HeartbeatSettings | None:
    """Return the heartbeat of this id; None where there is none."""
    return next((each for each in settings.heartbeats if each.id == heartbeat), None)


def changed_objectives(today: AlertSettings, proposed: AlertSettings) -> tuple[str, ...]:
    """Return the names of objectives that are proposed to be other, to come or to go."""
    before = {each.name: each for each in today.slos}
    after = {each.name: each for each in proposed.slos}
    return tuple(name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name))


def changed_heartbeats(today: AlertSettings, proposed: AlertSettings) -> tuple[str, ...]:
    """Return the ids of heartbeats that are proposed to be other, to come or to go."""
    before = {each.id: each for each in today.heartbeats}
    after = {each.id: each for each in proposed.heartbeats}
    return tuple(name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name))


def shown(settings: AlertSettings, *, slo: str = "", heartbeat: str = "") -> dict[str, object]:
    """Return what two settings may differ in for one objective or one heartbeat."""
    watched: dict[str, object] = {}
    if (objective := objective_of(settings, slo)) is not None:
        watched = {"slos": {slo: _without(msgspec.to_builtins(objective), "name")}}
    elif (beat := heartbeat_of(settings, heartbeat)) is not None:
        watched = {"heartbeats": {heartbeat: _without(msgspec.to_builtins(beat), "id")}}
    return {"alerts": shown_alerts(settings) | ({"slos": {}} if slo else {"heartbeats": {}}) | watched}


def _without(values: Mapping[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != key}


def require_watchable(rules: AlertRules, *, labels: Mapping[str, Labels]) -> None:
    """Refuse proposed objectives and heartbeats that could not be configured.

    Raises:
        InvalidProposal: for a name that comes twice, and an integration that there is not.
    """
    _require_once("alerts.slos", [each.name for each in rules.alerts.slos])
    _require_once("alerts.heartbeats", [each.id for each in rules.alerts.heartbeats])
    for slo in rules.alerts.slos:
        for integration in slo.integrations:
            if integration not in labels:
                key = f"alerts.slos.{slo.name}.integrations"
                raise InvalidProposal(key, unknown(integration, labels))


def _require_once(key: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidProposal(key, f"{twice!r} is there twice; each needs a name of its own")
