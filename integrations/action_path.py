"""Where an action's requests go, by its manifest: as traces and metrics name it."""

from collections.abc import Callable
from typing import NamedTuple

from integrations.errors import UnknownIntegration
from integrations.integration import Integration
from integrations.manifest.hosts import origin_of
from integrations.manifest.schema import Action


class Place(NamedTuple):
    """The method of a request, and the server that it goes to."""

    method: str
    host: str
    port: int


def action_path(find: Callable[[str], Integration], integration_id: str, action: str) -> str:
    """The path as the manifest has it, `/repos/{owner}/{repo}`; empty for what no manifest states, such as
    buying a token, and for an integration that is gone.
    """
    _, stated = _stated(find, integration_id, action)
    return "" if stated is None else stated.path


def action_place(find: Callable[[str], Integration], integration_id: str, action: str) -> Place | None:
    """How and where an action asks; None for what no manifest states, and for an integration that is gone."""
    integration, stated = _stated(find, integration_id, action)
    if integration is None or stated is None:
        return None
    base = stated.base_url or integration.manifest.base_url
    # What the operator or a secret gives is among the integration's own origins.
    origin = integration.origins.first if "{" in base else origin_of(base)
    return None if origin is None else Place(stated.method, origin[1], origin[2])


def _stated(
    find: Callable[[str], Integration], integration_id: str, action: str
) -> tuple[Integration | None, Action | None]:
    try:
        found = find(integration_id)
    except UnknownIntegration:
        return None, None
    return found, found.manifest.actions.get(action)
