"""The requests that are really sent, with the manifest's example inputs."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx
import msgspec

from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from integrations.manifest.fields import read_fields
from integrations.manifest.hosts import Origins
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Action, Manifest
from integrations.manifest.templates import Template
from integrations.manifest.values import Values

EXAMPLE_SECRET = "80351110224678912"
"""A secret that also fits where an address wants a number in its path."""


EXAMPLE_KEY = "0b5e6a1c-7c0e-4d3f-9a53-6f7b0c1d2e3f"
"""An idempotency key as Dialtone makes it."""


class Example(NamedTuple):
    action: str
    variant: str
    request: httpx.Request


def config_of(manifest: Manifest) -> dict[str, object]:
    """A config with the fields' defaults, and examples where a field is required."""
    given = {name: field.example for name, field in manifest.config.items() if field.required}
    values, wrong = read_fields(given, manifest.config)
    if wrong:
        raise ValueError(f"{manifest.id}: an example does not fit its config field: {wrong}")
    return values


def secrets_of(manifest: Manifest, action: Action) -> dict[str, Secret]:
    """A secret for each that the action's authentication kinds have; an address where one is wanted."""
    kinds = [manifest.auth[name] for name in action.auth or manifest.auth]
    host = next(iter(manifest.host_suffixes), "hook.example").lstrip(".")
    address = f"https://{host}/example?sig=example"
    whole = f"{action.base_url} {manifest.base_url}"
    return {
        name: Secret(address if f"{{secret.{name}}}" in whole else EXAMPLE_SECRET)
        for kind in kinds
        for name in kind.secrets
    }


def plan_of(manifest: Manifest, action: str) -> RequestPlan:
    config, clock = config_of(manifest), SystemClock()
    secrets = secrets_of(manifest, manifest.actions[action])
    values = Values(config, clock=clock, secrets=secrets)
    entries = [Template(host).fill(values) for host in manifest.hosts]
    origins = Origins([entry for entry in entries if entry], suffixes=manifest.host_suffixes)
    return RequestPlan(manifest, action, config=config, origins=origins, clock=clock, secrets=secrets)


def base_path(manifest: Manifest, action: Action) -> str:
    """The path of the address that stands before an action's own."""
    values = Values(config_of(manifest), clock=SystemClock(), secrets=secrets_of(manifest, action))
    return httpx.URL(Template(action.base_url or manifest.base_url).fill(values)).path.rstrip("/")


def params_of(action: Action, *, whole: bool) -> dict[str, object]:
    """Every input's example, or those of the required ones only."""
    chosen = {name: one for name, one in action.input.items() if whole or one.required}
    lacking = [name for name, one in chosen.items() if one.example is msgspec.UNSET]
    if lacking:
        raise ValueError(f"inputs without an example: {', '.join(lacking)}")
    return {name: one.example for name, one in chosen.items()}


def examples(manifest: Manifest) -> Iterator[Example]:
    """Each action with all inputs and with the required ones, and each check as it is sent. Actions in code
    are there by what their manifest describes, where it describes a request.
    """
    for name, action in manifest.actions.items():
        if action.path or not action.code:
            yield _example(manifest, name, "all inputs", params_of(action, whole=True))
            yield _example(manifest, name, "required inputs", params_of(action, whole=False))
    for check in manifest.health:
        if not manifest.actions[check.action].code:
            yield _example(manifest, check.action, f"check of {check.capability}", check.params)


def _example(manifest: Manifest, name: str, variant: str, params: Mapping[str, object]) -> Example:
    plan = plan_of(manifest, name)
    return Example(name, variant, plan.build(plan.check(params), key=EXAMPLE_KEY))
