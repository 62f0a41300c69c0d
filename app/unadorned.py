"""Loads libraries without what they take along only because it is installed.

structlog prints prettier tracebacks where it finds rich, which we do not let it (they show local variables),
and httpx brings a command of its own where it finds rich and pygments. A server has no use of either, and
would hold 3.5 MiB for them; the command line, which prints with rich, loads it afterwards.
"""

import sys
from collections.abc import Iterable
from importlib import import_module


def load_unadorned(libraries: Iterable[str], *, without: Iterable[str]) -> None:
    """Import the libraries as where these others are not installed; those that are loaded already stay."""
    hidden = [name for name in without if name not in sys.modules]
    # By None the import system knows that there is no such module.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # typeshed knows of no None there
    try:
        for name in libraries:
            import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]
