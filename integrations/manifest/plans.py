"""What a manifest says of each action, made ready once for all integrations of its vendor."""

from collections.abc import Mapping

import msgspec

from integrations.errors import InvalidParams
from integrations.execution.outcome import Effect
from integrations.manifest import inputs
from integrations.manifest.answers import is_judged_by_status
from integrations.manifest.schema import Action, Manifest

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""The methods whose repeat does no harm (RFC 9110, 9.2.2)."""


class ActionPlan:
    """One action. `idempotent`: a repeat does no harm, as the manifest says, else by method (RFC 9110,
    9.2.2). `is_judged_by_status`: of a good answer there is nothing to read before it is known to be one.
    """

    __slots__ = ("action", "idempotent", "is_judged_by_status", "name")

    def __init__(self, manifest: Manifest, name: str) -> None:
        self.name = name
        self.action: Action = manifest.actions[name]
        self.idempotent = _is_idempotent(self.action)
        self.is_judged_by_status = is_judged_by_status(manifest, self.action)

    def check(self, params: Mapping[str, object]) -> dict[str, object]:
        """The params with defaults, each of its type.

        Raises:
            InvalidParams: with all that is wrong; it never shows a value.
        """
        known = self.action.input
        if not (params or known):
            return {}
        problems: dict[str, str] = {}
        values: dict[str, object] = {}
        for name in params.keys() - known.keys():
            problems[name] = inputs.unknown(name, known)
        for name, declared in known.items():
            try:
                value = inputs.read(params.get(name, msgspec.UNSET), declared)
            except ValueError as error:
                problems[name] = str(error)
            else:
                if value is not msgspec.UNSET:
                    values[name] = value
        if problems:
            raise InvalidParams(self.name, problems)
        return values


class Plans(dict[str, ActionPlan]):
    """The plans of a vendor's actions by name, each made at its first use."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__()
        self._manifest = manifest

    def __missing__(self, name: str) -> ActionPlan:
        """Make it."""
        plan = self[name] = ActionPlan(self._manifest, name)
        return plan


def _is_idempotent(action: Action) -> bool:
    if action.idempotent is not None:
        return action.idempotent
    if action.graphql:
        return action.effect is Effect.READ
    return action.method in IDEMPOTENT_METHODS
