"""What the operating system holds a reader process to, whatever DuckDB thinks of it."""

import ctypes
import math
import os
import resource
import signal

NICENESS = 10
KILL_AFTER = 1.5
"""Seconds that a query may go on after its time; with the kill itself it is gone before two have passed."""

_FILES = 256
"""Enough for a query that reads several tables of many sealed days."""
_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def confine(*, memory: int, written: int) -> None:
    """Bound this process for good: its address space, and each file it writes, in bytes. It gives
    way to others, and dies with the process that started it.
    """
    os.nice(NICENESS)
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    # A write that goes too far is then an error of that write, and not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for limit, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, bound))


def allow_seconds(seconds: float) -> None:
    """Let the process use CPU for so much longer and no more, in case nobody is left to kill it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = math.ceil(cpu_seconds() + seconds + KILL_AFTER) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard)
    )


def cpu_seconds() -> float:
    """Return the CPU that this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
