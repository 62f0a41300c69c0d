"""Bytes over a socket, in memory: what comes, what there is no room for, and how it ends."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import pytest

from integrations.execution.carrier import Carrier

Step = bytes | OSError


class Socket:
    """Gives what is in `come`, then nothing for now; has `room` for so many bytes."""

    def __init__(self) -> None:
        self.come: list[Step] = []
        self.sent = b""
        self.room = 1_000
        self.broken: OSError | None = None
        self.is_closed = False
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        self.options.append(cast("tuple[int, int, int]", option))

    def recv(self, most: int) -> bytes:
        step = self.come.pop(0) if self.come else BlockingIOError()
        if isinstance(step, OSError):
            raise step
        return step[:most]

    def send(self, data: bytes) -> int:
        if self.broken is not None:
            raise self.broken
        if not self.room:
            raise BlockingIOError
        sent = bytes(data[: self.room])
        self.sent += sent
        self.room -= len(sent)
        return len(sent)

    def fileno(self) -> int:
        return -1 if self.is_closed else 7

    def close(self) -> None:
        self.is_closed = True


class Loop:
    """Calls when it is told to."""

    def __init__(self) -> None:
        self.read: Callable[..., object] | None = None
        self.written: Callable[..., object] | None = None
        self.soon: list[Callable[[], object]] = []

    def add_reader(self, fd: int, callback: Callable[..., object], *args: object) -> None:
        assert fd == 7
        self.read = callback

    def remove_reader(self, fd: int) -> bool:
        assert fd == 7
        self.read, was = None, self.read
        return was is not None

    def add_writer(self, fd: int, callback: Callable[..., object], *args: object) -> None:
        assert fd == 7
        self.written = callback

    def remove_writer(self, fd: int) -> bool:
        assert fd == 7
        self.written, was = None, self.written
        return was is not None

    def call_soon(self, callback: Callable[..., object], *args: object, context: object = None) -> None:
        self.soon.append(lambda: callback(*args))

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()


class Talker:
    """Writes down all that it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.fault: Exception | None = None

    def data_received(self, data: bytes, /) -> None:
        if self.fault is not None:
            raise self.fault
        self.heard.append(data)

    def eof_received(self) -> None:
        self.heard.append("eof")

    def connection_lost(self, exc: Exception | None, /) -> None:
        self.heard.append(("lost", exc))


class Bench:
    def __init__(self) -> None:
        self.socket, self.loop, self.talker = Socket(), Loop(), Talker()
        self.carrier = Carrier(
            cast("socket.socket", self.socket), self.talker, loop=cast("asyncio.AbstractEventLoop", self.loop)
        )

    def hear(self, *steps: Step) -> None:
        self.socket.come += steps
        for _ in steps:
            if self.loop.read is not None:
                self.loop.read()

    def make_room(self, size: int) -> None:
        self.socket.room = size
        if self.loop.written is not None:
            self.loop.written()

    @property
    def is_watched(self) -> bool:
        return self.loop.read is not None or self.loop.written is not None


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_comes_is_handed_on(bench: Bench) -> None:
    bench.hear(b"dial", BlockingIOError(), InterruptedError(), b"tone")
    assert bench.talker.heard == [b"dial", b"tone"]
    assert bench.socket.options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


def test_the_end_is_told_once_and_the_socket_closed(bench: Bench) -> None:
    bench.hear(b"")
    assert (bench.talker.heard, bench.socket.is_closed, bench.is_watched) == (["eof"], False, False)
    bench.carrier.abort()
    bench.loop.turn()
    assert bench.talker.heard == ["eof", ("lost", None)]
    assert bench.socket.is_closed
    assert bench.loop.soon == []


def test_why_it_broke_while_reading_is_told(bench: Bench) -> None:
    error = ConnectionResetError("reset")
    bench.hear(error)
    bench.loop.turn()
    assert bench.talker.heard == [("lost", error)]
    assert error.__traceback__ is None
    assert bench.socket.is_closed


def test_what_there_is_no_room_for_is_sent_later_and_in_order(bench: Bench) -> None:
    bench.socket.room = 3
    bench.carrier.write(b"dial")
    bench.carrier.write(b"tone")
    assert (bench.socket.sent, bench.carrier.get_write_buffer_size()) == (b"dia", 5)
    bench.make_room(2)
    assert (bench.socket.sent, bench.carrier.get_write_buffer_size()) == (b"dialt", 3)
    bench.make_room(0)
    bench.make_room(100)
    assert (bench.socket.sent, bench.carrier.get_write_buffer_size()) == (b"dialtone", 0)
    assert bench.loop.written is None
    bench.carrier.write(b"!")
    assert bench.socket.sent == b"dialtone!"


@pytest.mark.parametrize("is_late", [False, True])
def test_why_it_broke_while_writing_is_told(bench: Bench, *, is_late: bool) -> None:
    if is_late:
        bench.socket.room = 0
        bench.carrier.write(b"dial")
    bench.socket.broken = OSError("the host is gone")
    bench.carrier.write(b"tone")
    bench.make_room(100)
    bench.carrier.write(b"!")
    bench.loop.turn()
    assert bench.talker.heard == [("lost", bench.socket.broken)]
    assert (bench.socket.sent, bench.carrier.get_write_buffer_size(), bench.is_watched) == (b"", 0, False)


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("error", [BrokenPipeError("pipe"), ConnectionResetError("reset")])
def test_what_a_server_said_before_it_heard_no_more_is_handed_on(
    bench: Bench, error: OSError, *, is_late: bool
) -> None:
    if is_late:
        bench.socket.room = 0
        bench.carrier.write(b"dial")
    bench.socket.broken = error
    bench.carrier.write(b"tone")
    bench.make_room(100)
    bench.carrier.write(b"!")
    assert bench.loop.written is None
    # Nobody takes it for a connection over which all went well.
    assert bench.carrier.get_write_buffer_size()
    bench.hear(b"too large", b"")
    bench.loop.turn()
    assert bench.talker.heard == [b"too large", "eof", ("lost", error)]
    assert (bench.socket.sent, bench.carrier.get_write_buffer_size(), bench.is_watched) == (b"", 0, False)


def test_what_is_not_sent_when_it_is_closed_never_is(bench: Bench) -> None:
    bench.socket.room = 0
    bench.carrier.write(b"tone")
    bench.carrier.abort()
    bench.make_room(100)
    bench.loop.turn()
    assert (bench.socket.sent, bench.talker.heard) == (b"", [("lost", None)])


def test_a_fault_of_who_listens_closes_it(bench: Bench) -> None:
    bench.talker.fault = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        bench.hear(b"tone")
    bench.loop.turn()
    assert bench.talker.heard == [("lost", bench.talker.fault)]
    assert bench.socket.is_closed
