"""A process that forks the lives which are to be killed, so that each starts at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec


class Nursery:
    """Orders go in as lines of JSON; the child's number comes back, and later its end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def bear(self, life: msgspec.Struct) -> int:
        """Order a life, and return the number of its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(life).decode() + "\n")
        self._process.stdin.flush()
        return self.said()

    def said(self) -> int:
        """Return the next number that it says: after a life has ended, by which signal, or 0."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@contextmanager
def nursery(module: str) -> Iterator[Nursery]:
    """Run `python -m module` until the end."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
