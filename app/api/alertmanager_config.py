"""The routing tree as Alertmanager's configuration file holds it, so that `amtool config routes` reads it."""

from collections.abc import Mapping

import msgspec
import yaml

from monitors.alerts.routing import Branch
from monitors.alerts.settings import AlertSettings


def alertmanager_config(settings: AlertSettings) -> str:
    """Return YAML with routes, receivers' names, inhibit rules and time intervals; nothing secret."""
    tree = settings.tree()
    content = {
        "route": _route(tree.root, settings, is_root=True) if tree else None,
        "inhibit_rules": [_filled(rule) for rule in settings.inhibit_rules],
        "receivers": [{"name": receiver.name} for receiver in settings.receivers],
        "time_intervals": [
            {"name": each.name, "time_intervals": [_filled(part) for part in each.time_intervals]}
            for each in settings.time_intervals
        ],
    }
    given = {name: part for name, part in content.items() if part}
    return str(yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=1000))


def _route(branch: Branch, settings: AlertSettings, *, is_root: bool = False) -> dict[str, object]:
    wait = settings.group_wait if branch.group_wait is None else branch.group_wait
    route: dict[str, object] = {
        "receiver": branch.receiver,
        "matchers": [str(matcher) for matcher in branch.matchers],
        "group_by": list(branch.group_by),
        "group_wait": _duration(wait),
        "group_interval": _duration(branch.group_interval),
        "repeat_interval": _duration(branch.repeat_interval),
        "continue": branch.proceed,
        "mute_time_intervals": list(branch.mute_time_intervals),
        "active_time_intervals": list(branch.active_time_intervals),
        "routes": [_route(child, settings) for child in branch.children],
    }
    kept = {"receiver", "group_wait"} if is_root else {"group_wait"}
    return {name: value for name, value in route.items() if value or name in kept}


def _duration(seconds: float) -> str:
    """Seconds as Prometheus writes durations: whole milliseconds at least."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _filled(struct: msgspec.Struct) -> dict[str, object]:
    """What is given, as plain data."""
    plain = msgspec.to_builtins(struct)
    fields: Mapping[str, object] = plain if isinstance(plain, dict) else {}
    return {name: value for name, value in fields.items() if value}
