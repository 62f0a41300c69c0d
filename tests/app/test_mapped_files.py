"""Pages of files: which are given back, and that nothing is lost by it."""

import asyncio
import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from app.mapped_files import AGAIN, SETTLED, MappedFiles, Pages, give_back, mapped, without_own_pages
from tests.fakes.clock import PATIENT_TIME, LoopClock, PatientTimeLoop

SIZE = 64 * mmap.PAGESIZE
CONTENT = bytes(range(256)) * (SIZE // 256)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what is mapped")


@pytest.fixture
def anyio_backend() -> object:
    return PATIENT_TIME


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "library"
    path.write_bytes(CONTENT)
    return path


class Mapped:
    """A file in memory, its own to write, until `protect`."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self.memory = mmap.mmap(opened.fileno(), SIZE, flags=mmap.MAP_PRIVATE)
        self._place = ctypes.c_char.from_buffer(self.memory)
        self.pages = Pages(ctypes.addressof(self._place), ctypes.addressof(self._place) + SIZE)

    def protect(self) -> None:
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        assert libc.mprotect(self.pages.start, SIZE, mmap.PROT_READ) == 0

    def resident(self) -> int:
        """Its kilobytes in memory."""
        told = Path("/proc/self/smaps").read_text(encoding="utf-8").partition(f"{self.pages.start:x}-")[2]
        return int(told.partition("\nRss:")[2].split()[0])


@pytest.fixture
def library(file: Path) -> Iterator[Mapped]:
    found = Mapped(file)
    yield found
    del found._place
    found.memory.close()


def test_a_files_pages_are_given_back_and_read_the_same_afterwards(library: Mapped) -> None:
    library.protect()
    assert library.memory[:] == CONTENT
    assert library.resident() == SIZE >> 10
    known = mapped()
    assert library.pages in known

    give_back(known)

    assert library.resident() == 0
    assert library.memory[:] == CONTENT


def test_what_was_written_to_stays_also_when_it_can_no_longer_be_written(library: Mapped) -> None:
    library.memory[:5] = b"moved"
    library.protect()

    give_back(mapped() | {library.pages})

    assert library.memory[:] == b"moved" + CONTENT[5:]


def test_what_can_be_written_stays(library: Mapped) -> None:
    assert library.memory[:] == CONTENT

    give_back(mapped() | {library.pages})

    assert library.resident() == SIZE >> 10


def test_a_mapping_that_was_not_there_before_stays(library: Mapped) -> None:
    known = mapped()
    library.protect()
    assert library.memory[:] == CONTENT

    give_back(known)

    assert library.resident() == SIZE >> 10


@pytest.mark.parametrize(
    ("kind", "is_taken"),
    [
        ("r-xp 00001000 fe:00 77 /lib/x.so", True),
        ("r--p 00001000 fe:00 77 /lib/with space.so", True),
        ("r-xs 00001000 fe:00 77 /dev/shm/x", False),
        ("rwxp 00001000 fe:00 77 /lib/x.so", False),
        ("---p 00001000 fe:00 77 /lib/x.so", False),
        ("r--p 00001000 00:00 0 [vvar]", False),
        ("r-xp 00001000 00:00 0 ", False),
    ],
)
def test_only_files_that_cannot_be_written_count(kind: str, *, is_taken: bool) -> None:
    told = f"1000-3000 {kind}\nSize:    8 kB\nRss: 8 kB\nAnonymous:     0 kB\nSwap:    0 kB\nVmFlags: rd ex\n"

    assert list(without_own_pages(told)) == ([Pages(0x1000, 0x3000)] if is_taken else [])


def test_a_mapping_is_judged_by_its_own_pages_and_not_by_the_next_ones() -> None:
    own = "1000-2000 r--p 0 fe:00 77 /lib/x.so\nRss: 4 kB\nAnonymous: 4 kB\nSwap: 0 kB\nVmFlags: rd\n"
    none = "2000-3000 r-xp 0 fe:00 77 /lib/x.so\nRss: 4 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd\n"

    assert list(without_own_pages(own + none)) == [Pages(0x2000, 0x3000)]


def test_what_was_written_to_stays_also_while_it_is_swapped_out() -> None:
    """Such as a library's table of addresses: of that it is the kernel's `Swap` that tells."""
    own = "1000-2000 r--p 0 fe:00 77 /lib/x.so\nRss: 0 kB\nAnonymous: 0 kB\nSwap: 4 kB\nVmFlags: rd\n"
    none = "2000-3000 r-xp 0 fe:00 77 /lib/x.so\nRss: 4 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd\n"

    assert list(without_own_pages(own + none)) == [Pages(0x2000, 0x3000)]


async def test_it_is_done_once_all_has_started_and_every_hour(library: Mapped) -> None:
    library.protect()
    seen = []
    loop, threads = asyncio.get_running_loop(), anyio.to_thread.current_default_thread_limiter()
    assert isinstance(loop, PatientTimeLoop)
    loop.selector.is_busy = lambda: threads.borrowed_tokens > 0

    async with anyio.create_task_group() as group:
        group.start_soon(MappedFiles(LoopClock()).run)
        for wait in (SETTLED - 1, 2, AGAIN - 2, 2):
            assert library.memory[:] == CONTENT
            await anyio.sleep(wait)
            seen.append(library.resident())
        group.cancel_scope.cancel()

    assert seen == [SIZE >> 10, 0, SIZE >> 10, 0]
