"""The state directory: made for the owner alone, used by one process at a time."""

import fcntl
import os
from pathlib import Path

from app.storage.errors import StateDirectoryError, StateDirectoryLockedError


class StateDirectory:
    """Holds a state directory from `acquire` to `release`; the kernel releases it when the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self) -> None:
        """Make the directory (mode 0700) when it is missing, and lock it.

        Raises:
            StateDirectoryLockedError: when another process holds it; the message names its process id.
            StateDirectoryError: when it cannot be made or written.
        """
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise StateDirectoryLockedError(
                f"the state directory {self.path} is in use by process {owner}: stop it first, or set "
                "another state_dir"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def _open(self) -> int:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateDirectoryError(
                f"cannot use the state directory {self.path}: {error.strerror}; make it a directory "
                "that this user may write, or set another state_dir"
            ) from error

    def release(self) -> None:
        """Give the directory free; without effect when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
