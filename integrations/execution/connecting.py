"""A connection over TCP to one address. aiohappyeyeballs tries several, and for one takes 9 µs more."""

import asyncio
import errno
import os
import socket

from aiohappyeyeballs import AddrInfoType

from integrations.execution.guarded import SocketFactory

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})


async def connect(
    address: AddrInfoType, sockets: SocketFactory | None, *, loop: asyncio.AbstractEventLoop
) -> socket.socket:
    """Return a connected socket that does not block.

    Raises:
        OSError: when there is no connection.
    """
    made = _plain_socket(address) if sockets is None else sockets(address)
    try:
        made.settimeout(0.0)
        failed = made.connect_ex(address[4])
        if failed in _UNDER_WAY:
            failed = await _outcome(made, loop)
        if failed:
            raise OSError(failed, os.strerror(failed))  # noqa: TRY301 - the socket has to be closed here too
    except BaseException:
        made.close()
        raise
    return made


async def _outcome(made: socket.socket, loop: asyncio.AbstractEventLoop) -> int:
    """How connecting ended: 0, or the number of the error."""
    ended: asyncio.Future[int] = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    loop.add_writer(made.fileno(), tell)
    try:
        return await ended
    finally:
        loop.remove_writer(made.fileno())


def _plain_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    return socket.socket(family=family, type=kind, proto=protocol)
