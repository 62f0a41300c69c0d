"""What is different between the configuration that runs and another one: keys, never values."""

from collections.abc import Iterator, Mapping

import msgspec

from app.configuration.checks import Listen
from app.settings import Settings
from integrations.connection import CheckPolicy, Connection, Labels, NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.policy import Policy

OUTSIDE = (
    "listen",
    "state_dir",
    "log",
    "network",
    "tokens",
    "metrics",
    "exporters",
    "analytics",
    "storage",
    "faults",
    "status_pages",
    "webhooks",
    "alerts",
)
"""What the file holds beside integrations and their defaults."""

FIXED = (
    "listen",
    "state_dir",
    "storage",
    "analytics",
    "exporters",
    "log.format",
    "metrics.native_histograms",
)
"""What is read at the start only."""

_MISSING = object()
_PLAIN = (Policy, CheckPolicy, Labels, NetworkPolicy)
"""Sections whose equality says all: ten thousand of them are compared at a reload."""


_CONFIG = "config"
"""An integration's own values, all as YAML has them: most are written as they were, which is seen at once."""


class ChangedIntegration(msgspec.Struct, frozen=True, kw_only=True):
    """An integration that goes on under other settings; `keys` are those that differ (`policy.timeout`)."""

    id: str
    keys: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration would change. `added` and `removed` are ids of integrations, `unchanged` is how
    many stay as they are.

    `settings` are keys outside `integrations` that take effect, `needs_restart` those that wait for the next
    start.
    """

    added: tuple[str, ...] = ()
    changed: tuple[ChangedIntegration, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0
    settings: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would take effect."""
        return not (self.added or self.changed or self.removed or self.settings)


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did, or with `applied` false would do; `sha256` is that of the file's bytes."""

    source: str
    sha256: str
    applied: bool
    changes: Difference
    warnings: tuple[str, ...] = ()


class ReloadError(RuntimeError):
    """A file that is good could not be taken up; the message says why. What ran before still runs."""


def compare(running: Settings, new: Settings) -> Difference:
    """Return what differs between the settings that run and new ones.

    Without tokens, a server that more than this machine reaches keeps the tokens it has until its restart.
    """
    before = {each.id: each for each in running.integrations}
    after = {each.id: each for each in new.integrations}
    changed = tuple(
        ChangedIntegration(id=name, keys=keys)
        for name, connection in after.items()
        if name in before and (keys := changed_keys(before[name], connection))
    )
    keys = tuple(
        key for name in OUTSIDE for key in _differing(getattr(running, name), getattr(new, name), name)
    )
    waiting = tuple(key for key in keys if _is_fixed(key) or (key == "tokens" and _would_open(running, new)))
    return Difference(
        added=tuple(name for name in after if name not in before),
        changed=changed,
        removed=tuple(name for name in before if name not in after),
        unchanged=sum(name in before for name in after) - len(changed),
        settings=tuple(key for key in keys if key not in waiting),
        needs_restart=waiting,
    )


def in_effect(running: Settings, new: Settings, difference: Difference) -> Settings:
    """Return the settings that hold once the new ones are applied.

    What needs a restart stays as it is, and so do unchanged integrations, with the secrets they have read.
    """
    changed = {one.id for one in difference.changed}
    kept = {each.id: each for each in running.integrations if each.id not in changed}
    return msgspec.structs.replace(
        new,
        listen=running.listen,
        state_dir=running.state_dir,
        storage=running.storage,
        analytics=running.analytics,
        log=msgspec.structs.replace(new.log, format=running.log.format),
        tokens=running.tokens if "tokens" in difference.needs_restart else new.tokens,
        integrations=tuple(kept.get(each.id, each) for each in new.integrations),
    )


def changed_keys(before: Connection, after: Connection) -> tuple[str, ...]:
    """Return the keys in which two connections of one id differ, as the file names them."""
    return tuple(_differing(before, after, ""))


def _differing(before: object, after: object, key: str) -> Iterator[str]:
    if before is after or (isinstance(before, _PLAIN) and before == after):
        return
    if key == _CONFIG and _is_written_alike(before, after):
        return
    parts, others = _parts(before), _parts(after)
    if parts is None or others is None:
        if not _is_same(before, after):
            yield key
        return
    for name in [*parts, *(name for name in others if name not in parts)]:
        inner = f"{key}.{name}" if key else name
        yield from _differing(parts.get(name, _MISSING), others.get(name, _MISSING), inner)


def _parts(value: object) -> Mapping[str, object] | None:
    """What a section or a mapping consists of; None for a single value."""
    if isinstance(value, msgspec.Struct) and not isinstance(value, Listen):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return value if isinstance(value, Mapping) else None


def _is_same(before: object, after: object) -> bool:
    """Values of the file: 1 is not true, and a secret is where it comes from too."""
    if isinstance(before, Secret) and isinstance(after, Secret):
        return before == after and before.origin == after.origin
    if isinstance(before, list) and isinstance(after, list):
        return msgspec.json.encode(before, order="sorted") == msgspec.json.encode(after, order="sorted")
    return type(before) is type(after) and before == after


def _is_written_alike(before: object, after: object) -> bool:
    try:
        return msgspec.json.encode(before) == msgspec.json.encode(after)
    except UnicodeEncodeError:
        # An environment variable may hold bytes that are no text; each value is looked at then.
        return False


def _is_fixed(key: str) -> bool:
    return any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)


def _would_open(running: Settings, new: Settings) -> bool:
    return bool(running.tokens) and not new.tokens and not running.listen.is_loopback
