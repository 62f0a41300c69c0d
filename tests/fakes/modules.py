"""Modules as before they were loaded."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def unloaded(name: str) -> Iterator[None]:
    """Have a module be loaded anew by who imports it meanwhile; afterwards it is the one that it was."""
    kept = import_module(name)
    del sys.modules[name]
    try:
        yield
    finally:
        sys.modules[name] = kept
        package, _, part = name.rpartition(".")
        setattr(sys.modules[package], part, kept)
