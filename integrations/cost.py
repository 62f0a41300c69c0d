"""What calls cost: prices that a configuration declares must be of actions that there are."""

from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.schema import Manifest


def check_cost(connection: Connection, manifest: Manifest) -> None:
    """Refuse prices of nothing.

    Raises:
        ConfigurationError: for an action that the vendor does not have.
    """
    for action in connection.cost.actions:
        if action not in manifest.actions:
            raise ConfigurationError(
                connection.id,
                key="cost.actions",
                found=repr(action),
                expected=f"an action of {manifest.id}",
                valid=manifest.actions,
                word=action,
            )
