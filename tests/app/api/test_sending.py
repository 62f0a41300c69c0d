"""Bodies that are sent piece by piece."""

import anyio
import anyio.lowlevel
import pytest
from litestar.types import HTTPDisconnectEvent, Message

from app.api.sending import SEND_SECONDS, Pieces
from tests.fakes.clock import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def nothing() -> HTTPDisconnectEvent:
    await anyio.sleep_forever()
    raise AssertionError


class Client:
    """Takes messages, and after some of them nothing any more."""

    def __init__(self, *, patience: int = 100) -> None:
        self.messages: list[Message] = []
        self.beats: list[int] = []
        self.beat = 0
        self._patience = patience

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        self.beats.append(self.beat)
        if len(self.messages) > self._patience:
            await anyio.sleep_forever()

    async def take(self, *pieces: bytes) -> None:
        await Pieces(pieces, {"content-type": "text/plain"})({"type": "http"}, nothing, self.send)  # type: ignore[arg-type]  # What is read of it.


async def test_pieces_are_sent_in_their_order_with_the_length_of_all() -> None:
    client = Client()

    await client.take(b"one ", b"two")

    start, *rest = client.messages
    assert dict(start["headers"]) == {b"content-type": b"text/plain", b"content-length": b"7"}  # type: ignore[typeddict-item]  # A start.
    assert [(message["body"], message["more_body"]) for message in rest] == [  # type: ignore[typeddict-item]  # Bodies.
        (b"one ", True),
        (b"two", True),
        (b"", False),
    ]


async def test_the_loop_has_its_turn_after_each_piece() -> None:
    client = Client()

    async def beat() -> None:
        while True:
            client.beat += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        await client.take(*[b"piece"] * 5)
        group.cancel_scope.cancel()

    assert len(set(client.beats)) >= 5


async def test_a_client_that_takes_nothing_any_more_is_cut_off_without_an_end() -> None:
    client, began = Client(patience=2), anyio.current_time()

    await client.take(b"one", b"two", b"three")

    assert anyio.current_time() - began == SEND_SECONDS
    assert [message.get("more_body") for message in client.messages] == [None, True, True]
