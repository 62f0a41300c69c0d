"""Code that the coverage report need not see: tracing doubles its time, and triples that of tight loops."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Let no tracer see what runs inside, in this thread or in threads that start there."""
    here, elsewhere = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]  # the stub lacks None
    try:
        yield
    finally:
        threading.settrace(elsewhere)  # type: ignore[arg-type]  # the same
        sys.settrace(here)
