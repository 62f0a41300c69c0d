"""Asking for names: who waits for whom."""

import socket
import threading
from collections.abc import Iterator, Sequence

import anyio
import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.execution.names import SystemNames

FOUND: Sequence[AddrInfoType] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


class NameServers:
    """Answer for all names but `dead.example`, which keeps who asks until they are told to give up."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.give_up = threading.Event()

    def __call__(self, host: str, _: int) -> Sequence[AddrInfoType]:
        self.asked.append(host)
        if host == "dead.example":
            self.give_up.wait(10)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return FOUND


@pytest.fixture
def servers() -> Iterator[NameServers]:
    made = NameServers()
    yield made
    made.give_up.set()


async def test_calls_to_a_name_that_nobody_answers_for_keep_no_other_name_waiting(
    servers: NameServers,
) -> None:
    names = SystemNames(servers, threads=2)
    async with anyio.create_task_group() as calls:
        for _ in range(10):
            calls.start_soon(names, "dead.example", 443)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            assert await names("shop.example", 443) == FOUND
        calls.cancel_scope.cancel()
    assert servers.asked == ["dead.example", "shop.example"]


async def test_who_comes_after_all_others_have_left_waits_for_the_same_answer(servers: NameServers) -> None:
    names = SystemNames(servers, threads=2)
    for _ in range(3):
        with anyio.move_on_after(0) as scope:
            await names("dead.example", 443)
        assert scope.cancelled_caught
    servers.give_up.set()
    with pytest.raises(socket.gaierror):
        await names("dead.example", 443)
    assert servers.asked == ["dead.example"]


async def test_a_name_that_was_answered_is_asked_for_again(servers: NameServers) -> None:
    names = SystemNames(servers)
    assert await names("shop.example", 443) == await names("shop.example", 443) == FOUND
    assert servers.asked == ["shop.example"] * 2
