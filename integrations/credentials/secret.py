"""A value that must never be shown: not in a log, repr, error, metric, page or row."""

from collections.abc import Callable

import anyio.to_thread


class Secret:
    """Holds one secret; only `reveal` gives it out.

    `reread` reads it anew from its file, where it came from one; the executor asks for that once after a 401.
    `origin` says where it came from (`${file:/run/secrets/x}`), for error messages.
    """

    __slots__ = ("_read", "_value", "origin")

    def __init__(self, value: str, *, origin: str = "", read: Callable[[], str] | None = None) -> None:
        self._value = value
        self._read = read
        self.origin = origin

    def reveal(self) -> str:
        """Return the value, for the one place that puts it into a request."""
        return self._value

    async def reread(self) -> bool:
        """Read the file again, off the event loop; return whether the value changed.

        Raises:
            OSError: when the file cannot be read.
        """
        if self._read is None:
            return False
        value = await anyio.to_thread.run_sync(self._read)
        changed = value != self._value
        self._value = value
        return changed

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret cannot be pickled or copied")
