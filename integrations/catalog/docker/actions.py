"""The one action of `docker` that data cannot say: what a container wrote comes in frames, not as JSON."""

from collections.abc import Iterator, Mapping

import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.execution.outcome import Outcome

_HEADER = 8
"""Bytes before each frame: its stream, three zeros, its length (Engine API, ContainerAttach)."""

_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}


class Logs:
    """Reads what a container wrote, and tells its output from its errors."""

    async def run(self, context: ActionContext) -> Outcome:
        """Ask for it; the data are `stdout` and `stderr`. A container with a terminal has `stdout` only."""
        answer = await context.send(context.request(), idempotent=True)
        outcome = context.finish(answer)
        if not outcome.ok or answer.reply is None:
            return outcome
        return msgspec.structs.replace(outcome, data=streams_of(answer.reply.body))


def streams_of(body: bytes) -> dict[str, str]:
    """The text of each stream. What is not in frames is a terminal's, in which both are one.

    A frame that was cut off counts as far as it goes.
    """
    texts: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    for stream, part in _frames(body):
        texts.setdefault(stream, []).append(part)
    return {stream: b"".join(parts).decode("utf-8", "replace") for stream, parts in texts.items()}


def _frames(body: bytes) -> Iterator[tuple[str, bytes]]:
    if not _is_framed(body):
        yield "stdout", body
        return
    start = 0
    while start + _HEADER <= len(body):
        length = int.from_bytes(body[start + 4 : start + _HEADER], "big")
        stream = _STREAMS.get(body[start], "stdout")
        start += _HEADER
        yield stream, body[start : start + length]
        start += length


def _is_framed(body: bytes) -> bool:
    return len(body) >= _HEADER and body[0] in _STREAMS and body[1:4] == b"\0\0\0"


ACTIONS: Mapping[str, type[CodeAction]] = {"containers.logs": Logs}
