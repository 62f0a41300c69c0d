"""The path template of an action, as traces name it."""

from collections.abc import Callable

from integrations.errors import UnknownIntegration
from integrations.integration import Integration


def action_path(find: Callable[[str], Integration], integration_id: str, action: str) -> str:
    """The path as the manifest has it, `/repos/{owner}/{repo}`; empty for what no manifest states, such as
    buying a token, and for an integration that is gone.
    """
    try:
        found = find(integration_id).manifest.actions.get(action)
    except UnknownIntegration:
        return ""
    return "" if found is None else found.path
