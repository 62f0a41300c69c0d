"""One connection: when it is of no more use."""

import asyncio

import pytest

from integrations.execution.incoming import Incoming
from integrations.execution.wire import Wire


class Line(asyncio.Transport):
    """A connection that has so many bytes yet to send."""

    def __init__(self, unsent: int = 0) -> None:
        super().__init__()
        self.unsent = unsent
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.unsent += len(data)

    def abort(self) -> None:
        self.is_aborted = True


def connected(line: Line, secured: Line | None = None) -> Wire:
    wire = Wire()
    wire.connection_made(line)
    if secured is not None:
        wire.secure(secured)
    return wire


def incoming() -> Incoming:
    over = asyncio.get_running_loop().create_future()
    return Incoming(max_body=100, is_head=False, heard=None, over=over)


@pytest.mark.parametrize("is_secure", [False, True])
async def test_what_of_a_request_is_not_sent_yet_makes_its_connection_unfit(*, is_secure: bool) -> None:
    # What TLS has enciphered lies in the buffer of the socket, and TLS itself knows of nothing more to send.
    line, secured = Line(unsent=70_000), Line() if is_secure else None
    wire = connected(line, secured)
    wire.rest()
    assert wire.should_close
    assert (secured or line).is_aborted


@pytest.mark.parametrize("is_secure", [False, True])
async def test_a_connection_whose_request_is_sent_may_carry_the_next_one(*, is_secure: bool) -> None:
    wire = connected(Line(), Line() if is_secure else None)
    wire.rest()
    assert not wire.should_close


async def test_what_is_asked_goes_out_as_tls() -> None:
    line, secured = Line(), Line()
    connected(line, secured).ask(b"tone", incoming())
    assert (line.unsent, secured.unsent) == (0, 4)


async def test_nothing_is_asked_over_a_connection_whose_server_says_no_more() -> None:
    wire = connected(Line())
    wire.eof_received()
    assert wire.should_close


async def test_a_connection_that_broke_while_tls_was_made_ready_stays_broken() -> None:
    wire = connected(Line())
    wire.connection_lost(None)
    wire.secure(Line())
    asked = incoming()
    wire.ask(b"tone", asked)
    assert wire.should_close
    assert asked.failure is not None
