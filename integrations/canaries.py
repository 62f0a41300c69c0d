"""Canaries: checks that really use a capability, and take back what they made. Only where an operator asks.

A canary is data of the manifest: steps, values taken from their answers, and a cleanup. What it makes bears a
name that begins with MARK, so that a person who finds it knows what it is.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

import msgspec

from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.execution.outcome import Effect, FailureKind, Outcome
from integrations.manifest import pointers
from integrations.manifest.evidence import Canary, CanaryStep
from integrations.manifest.inputs import text
from integrations.manifest.schema import Manifest
from integrations.manifest.templates import Template

MARK = "dialtone-canary-"

_MADE_NOTHING = frozenset(
    {
        FailureKind.REJECTED,
        FailureKind.UNAUTHORIZED,
        FailureKind.FORBIDDEN,
        FailureKind.NOT_FOUND,
        FailureKind.CLIENT_ERROR,
        FailureKind.THROTTLED,
        FailureKind.VENDOR_ERROR,
        FailureKind.DNS,
        FailureKind.TLS,
    }
)
"""Failures of a step after which the vendor has surely made nothing."""


class Execute(Protocol):
    """Runs one action for a canary."""

    async def __call__(self, action: str, params: Mapping[str, object], /) -> Outcome:
        """Run it; a third party's failure is an Outcome, wrong params raise InvalidParams."""
        ...


class Canaried(Protocol):
    """What must be known of an integration."""

    @property
    def connection(self) -> Connection:
        """As it is configured."""
        ...

    @property
    def manifest(self) -> Manifest:
        """Its vendor's manifest."""
        ...

    @property
    def auth_name(self) -> str:
        """Which authentication kind it uses."""
        ...


class CanaryOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One canary that is asked for; durations are seconds."""

    integration: str
    vendor: str
    canary: Canary
    given: Mapping[str, str]
    interval: float
    retry_interval: float
    timeout: float
    is_write: Callable[[str], bool]


class CanaryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a canary: the first step that failed, else its last; `leftovers` is how many things it
    made and could not, or not surely, take back.
    """

    action: str
    outcome: Outcome
    leftovers: int = 0


def ordered(integrations: Iterable[Canaried]) -> list[CanaryOrder]:
    """The canaries that operators ask for."""
    return [
        CanaryOrder(
            integration=one.connection.id,
            vendor=one.connection.vendor,
            canary=canary,
            given=one.connection.check.canary.config,
            interval=one.connection.check.canary.interval,
            retry_interval=one.connection.check.retry_interval,
            timeout=one.connection.check.timeout,
            is_write=partial(_is_write, one.manifest),
        )
        for one in integrations
        if one.connection.check.canary.enabled
        for canary in fitting(one.manifest, one.auth_name)
    ]


def fitting(manifest: Manifest, auth: str) -> tuple[Canary, ...]:
    """The canaries all of whose actions work with an authentication kind."""

    def fits(step: CanaryStep) -> bool:
        wanted = manifest.actions[step.action].auth
        return not wanted or auth in wanted

    return tuple(one for one in manifest.canaries if all(map(fits, (*one.steps, *one.cleanup))))


def check_canary(connection: Connection, manifest: Manifest, *, auth: str) -> None:
    """Refuse a canary that the vendor does not have for this authentication kind, and settings that it does
    not take.

    Raises:
        ConfigurationError: naming the key.
    """
    policy = connection.check.canary
    if not policy.enabled:
        return
    canaries = fitting(manifest, auth)
    if not canaries:
        kind = f" with auth {auth}" if manifest.canaries else ""
        expected = f"no canary: {manifest.vendor.name} has none{kind}"
        raise ConfigurationError(connection.id, key="check.canary.enabled", found="true", expected=expected)
    known = {name: field for canary in canaries for name, field in canary.given.items()}
    for name in policy.config:
        if name not in known:
            raise ConfigurationError(
                connection.id,
                key=f"check.canary.config.{name}",
                found="an unknown key",
                expected=f"one of {', '.join(sorted(known)) or 'none'}",
                valid=known,
                word=name,
            )
    for name, field in known.items():
        if not policy.config.get(name):
            example = f" such as {field.example}" if field.example else ""
            raise ConfigurationError(
                connection.id,
                key=f"check.canary.config.{name}",
                found="nothing",
                expected=f"text{example} ({field.title})",
            )


async def run_canary(order: CanaryOrder, execute: Execute) -> CanaryResult:
    """Run the steps, then the cleanup, whatever became of the steps.

    Raises:
        InvalidParams: when a setting cannot stand where it is to go; then nothing was made by that step.
    """
    values: dict[str, object] = {f"given.{name}": value for name, value in order.given.items()}
    values["marker"] = MARK + secrets.token_hex(4)
    may_have_made, action, outcome = False, "", Outcome()
    try:
        for step in order.canary.steps:
            action, outcome = step.action, await execute(step.action, _filled(step.params, values))
            if order.is_write(step.action) and outcome.kind not in _MADE_NOTHING:
                may_have_made = True
            if outcome.kind is not None:
                break
            values |= _taken(step, outcome)
    finally:
        leftovers = await _clean(order.canary.cleanup, values, execute) if may_have_made else 0
    return CanaryResult(action=action, outcome=outcome, leftovers=leftovers)


async def _clean(steps: Iterable[CanaryStep], values: Mapping[str, object], execute: Execute) -> int:
    """Take back what was made; how many steps of it failed. What is gone already was taken back."""
    failed = 0
    for step in steps:
        try:
            outcome = await execute(step.action, _filled(step.params, values))
        except (KeyError, ValueError):
            # A value was to be taken from an answer that never came: what was made cannot be named.
            failed += 1
        else:
            failed += outcome.kind not in (None, FailureKind.NOT_FOUND)
    return failed


def _taken(step: CanaryStep, outcome: Outcome) -> dict[str, object]:
    found = {f"taken.{name}": pointers.get(outcome.data, pointer) for name, pointer in step.take.items()}
    return {name: value for name, value in found.items() if value is not pointers.MISSING}


def _filled(params: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    return {name: _fill(value, values) for name, value in params.items()}


def _fill(value: object, values: Mapping[str, object]) -> object:
    """A value with its texts filled; a text that is one name alone becomes that value, whatever its type.

    Raises:
        KeyError: for a name that has no value.
    """
    if isinstance(value, dict):
        return {name: _fill(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, values) for one in value]
    if not isinstance(value, str):
        return value
    template = Template(value)
    if value == f"{{{''.join(template.names)}}}":
        return values[template.names[0]]
    return template.fill(lambda name: text(values[name]))


def _is_write(manifest: Manifest, action: str) -> bool:
    return manifest.actions[action].effect is Effect.WRITE
