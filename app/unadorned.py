"""Loads libraries without what they take along only because it is installed.

structlog prints prettier tracebacks where it finds rich, which we do not let it (they show local variables),
httpx brings a command of its own where it finds rich and pygments, and Litestar a plugin for attrs where it
finds that. A server has no use of any, and would hold 4.5 MiB for them; who has, imports them afterwards.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let what is imported meanwhile find no such modules, by any thread: only where no other imports
    anything. Those that are loaded already stay.
    """
    unloaded = [name for name in names if name not in sys.modules]
    # By None the import system knows that there is no such module.
    sys.modules.update(dict.fromkeys(unloaded))  # type: ignore[arg-type]  # typeshed knows of no None there
    try:
        yield
    finally:
        for name in unloaded:
            del sys.modules[name]


def load_unadorned(libraries: Iterable[str], *, without: Iterable[str]) -> None:
    """Import the libraries as where these others are not installed."""
    with hidden(*without):
        for name in libraries:
            import_module(name)
