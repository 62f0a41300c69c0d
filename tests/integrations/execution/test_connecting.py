"""A connection to one address, over a socket that is none: how connecting ends."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from typing import cast

import anyio
import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.execution.connecting import connect

ADDRESS: AddrInfoType = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))


class Unready:
    """A socket, of a kind: connecting begins with `first` and ends with `last`. Only the one end of its pipe
    is ever ready to be written to.
    """

    def __init__(self, *, first: int = errno.EINPROGRESS, last: int = 0, is_answered: bool = True) -> None:
        self.first, self.last, self.is_answered = first, last, is_answered
        self.ends = os.pipe()
        self.timeout: float | None = None
        self.asked: list[object] = []
        self.is_closed = False

    def fileno(self) -> int:
        return self.ends[self.is_answered]

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def connect_ex(self, where: object) -> int:
        assert self.timeout == 0
        self.asked.append(where)
        return self.first

    def getsockopt(self, *_: int) -> int:
        return self.last

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def made() -> Iterator[list[Unready]]:
    sockets: list[Unready] = []
    yield sockets
    for each in sockets:
        for end in each.ends:
            os.close(end)


async def reach(made: list[Unready], one: Unready) -> object:
    made.append(one)
    return await connect(ADDRESS, lambda _: cast("socket.socket", one), loop=asyncio.get_running_loop())


def assert_is_let_go(one: Unready) -> None:
    assert one.is_closed
    assert not asyncio.get_running_loop().remove_writer(one.fileno())


@pytest.mark.parametrize("first", [0, errno.EINPROGRESS], ids=["at once", "after a while"])
async def test_a_socket_that_stands_is_returned_open(made: list[Unready], first: int) -> None:
    one = Unready(first=first)
    assert await reach(made, one) is one
    assert (one.is_closed, one.asked) == (False, [("192.0.2.1", 443)])
    assert not asyncio.get_running_loop().remove_writer(one.fileno())


@pytest.mark.parametrize("first", [errno.ECONNREFUSED, errno.EINPROGRESS], ids=["at once", "after a while"])
async def test_a_refusal_is_told_and_leaves_no_socket(made: list[Unready], first: int) -> None:
    one = Unready(first=first, last=errno.ECONNREFUSED)
    with pytest.raises(ConnectionRefusedError):
        await reach(made, one)
    assert_is_let_go(one)


async def test_who_waits_no_longer_leaves_no_socket(made: list[Unready]) -> None:
    one = Unready(is_answered=False)
    async with anyio.create_task_group() as group:
        group.start_soon(reach, made, one)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert_is_let_go(one)
