"""Who hears, in the task of a request, that a connection is being opened for it."""

from collections.abc import Callable
from contextvars import ContextVar

OPENING: ContextVar[Callable[[], None] | None] = ContextVar("dialtone_opening", default=None)
