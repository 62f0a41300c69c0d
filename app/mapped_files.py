"""Gives back the pages of program files that were needed for a moment, by the start above all.

Libraries lie in memory as far as they have been used: DuckDB's is 64 MiB, of which opening its database
touches 40 and loading rows uses 20. The kernel takes what is unused away only when memory runs out, and
counts it as Dialtone's till then. Given back, a page stays in the kernel's cache, and is mapped again where
it is used again, without a read from the disk: half of them within a second, with ten thousand checks a
minute.

Only what has no page of its own is given back: one that was written to is the process's alone, and would be
lost, also while it is swapped out. That is each mapping of a file that is private, cannot be written, and of
which the kernel says so.
"""

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from integrations.clock import Clock

SETTLED = 20.0
"""Seconds after which all has started, and each integration has been checked once."""
AGAIN = 3600.0
"""A report or a page that was read at times uses much of the files too."""

_MAPPINGS = Path("/proc/self/smaps")
_DONTNEED = 4
"""MADV_DONTNEED of Linux, see madvise(2)."""
_MAPPING = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +/.*\n"  # Of a file, private, not to be written.
    r"(?:[A-Z].*\n)*?Anonymous: +0 kB\n"  # In memory,
    r"(?:[A-Z].*\n)*?Swap: +0 kB\n",  # nor where the kernel keeps what it took from memory.
    re.MULTILINE,
)


class Pages(NamedTuple):
    """A mapping's place in memory, in bytes."""

    start: int
    end: int


class MappedFiles:
    """Gives back what is mapped and unused, in `run`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self) -> None:
        """Do so once all has started, and every hour; nothing where the system is not Linux."""
        wait = SETTLED
        with suppress(OSError):
            while True:
                known = await anyio.to_thread.run_sync(mapped)
                await self._clock.sleep(wait)
                await anyio.to_thread.run_sync(give_back, known)
                wait = AGAIN


def mapped() -> frozenset[Pages]:
    """Return where files are mapped that have no page of their own.

    Raises:
        OSError: the system does not tell.
    """
    return frozenset(without_own_pages(_MAPPINGS.read_text(encoding="utf-8", errors="replace")))


def without_own_pages(mappings: str) -> Iterator[Pages]:
    """Yield those of all mappings, told as in smaps of proc(5), that can be given back."""
    for found in _MAPPING.finditer(mappings):
        yield Pages(int(found[1], 16), int(found[2], 16))


def give_back(known: frozenset[Pages]) -> None:
    """Give back the files' pages, of mappings that are as they were when they became `known`: one that is new
    may be a library in the making, whose parts are still being put over each other.

    Raises:
        OSError: the system does not tell.
    """
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for pages in mapped() & known:
        # What the kernel refuses stays as it is, and nobody needs to know.
        advise(pages.start, pages.end - pages.start, _DONTNEED)
