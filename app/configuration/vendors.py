"""The vendors' own rules for a connection, for checking a file without opening anything."""

from collections.abc import Callable, Iterable

from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.execution.executor import Executor
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog


def rules_of(catalog: Catalog) -> Callable[[Connection], Iterable[ConfigurationError]]:
    """Return what holds a connection against its vendor's manifest, by a framework that opens nothing."""
    clock = SystemClock()
    framework = IntegrationFramework(
        executor=Executor(clock=clock, publish=_ignore), catalog=catalog, clock=clock, publish=_ignore
    )

    def errors(connection: Connection) -> Iterable[ConfigurationError]:
        try:
            framework.examine(connection)
        except ConfigurationError as error:
            return (error,)
        except (OSError, ValueError):
            # What an integration's network lacks is found, and told once, by checks.py.
            return ()
        return ()

    return errors


def _ignore(_: object) -> None:
    """Nobody listens while a file is only checked."""
