"""A body that is sent piece by piece: a large one, written at a stroke, is copied while the loop waits."""

from collections.abc import Mapping, Sequence

import anyio
import anyio.lowlevel
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

SEND_SECONDS = 60.0
"""A client that takes nothing for so long is cut off."""


async def is_sent(piece: bytes, send: Send) -> bool:
    """Send a piece, after which more is to come; False when the client was too slow."""
    with anyio.move_on_after(SEND_SECONDS):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        return True
    return False


class Pieces(ASGIResponse):
    """Sends pieces, between which the event loop has its turn; the headers say of what type they are. A
    client that is too slow gets no end, and so knows that it lacks some.
    """

    _should_set_content_length = False

    def __init__(self, pieces: Sequence[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "content-length": str(sum(map(len, pieces)))})
        self._pieces = pieces

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002 - Litestar's signature
        """Send them. What is sent to a client that has left goes nowhere, at once."""
        for piece in self._pieces:
            if not await is_sent(piece, send):
                return
            await anyio.lowlevel.checkpoint()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
