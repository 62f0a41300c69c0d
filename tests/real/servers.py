"""Starts real servers on loopback for a test, and ends them by their process."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def program(name: str) -> str:
    """The program's path; tells what to do where it is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise FileNotFoundError(f"{name} is not installed; run: make test-real (it installs what it needs)")
    return path


def eventually(what: str, check: Callable[[], object], *, within: float = 30.0) -> object:
    """The first true value of `check`; fails with the last one seen."""
    ends, seen = time.monotonic() + within, None
    while time.monotonic() < ends:
        try:
            seen = check()
        except (httpx.HTTPError, OSError) as error:
            seen = repr(error)
        else:
            if seen:
                return seen
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {within} s; last seen: {seen!r}")


@contextmanager
def running(command: list[str], *, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs during the block; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(url: str) -> bool:
    return httpx.get(url, timeout=2).status_code == 200


def dialtone_command(*arguments: str) -> list[str]:
    """The installed `dialtone` command of this environment."""
    return [str(Path(sys.executable).parent / "dialtone"), *arguments]
