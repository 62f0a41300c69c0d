"""Disks that are full when a test says so."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """A place for files; `name` says what it is."""

    name: str
    path: Path

    def fill(self, pid: int, *, left: int) -> None:
        """Leave room for so many bytes."""
        ...

    def free(self, pid: int) -> None:
        """Make room again."""
        ...


class SmallDisk:
    """A file system of its own, in memory, that a file fills."""

    name = "a tmpfs that is filled"

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, _pid: int, *, left: int) -> None:
        """Take all that is free but `left` bytes."""
        block = bytes(1 << 16)
        with (self.path / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(block)
        size = (self.path / "filler").stat().st_size
        os.truncate(self.path / "filler", max(0, size - left))

    def free(self, _pid: int) -> None:
        """Remove what fills it."""
        (self.path / "filler").unlink(missing_ok=True)


class Limited:
    """No disk of its own: the process may write no file beyond a size, as the system allows without root."""

    name = "a limit on the size of files (RLIMIT_FSIZE), because no tmpfs may be mounted here"

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, pid: int, *, left: int) -> None:
        """Let files grow to `left` bytes only."""
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (left, hard))

    def free(self, pid: int) -> None:
        """Let them grow again."""
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def disk(folder: Path, *, size: int) -> Iterator[Disk]:
    """Give a disk of so many bytes where one may be mounted, else what comes nearest."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        yield Limited(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
