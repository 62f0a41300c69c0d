"""The addresses of names, by asking the system."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohappyeyeballs import AddrInfoType

THREADS = 64
"""So many names may have name servers that do not answer, before others wait for them."""

Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]
"""Finds the addresses of a name, for a port."""

Ask = Callable[[str, int], Sequence[AddrInfoType]]


class SystemNames:
    """Asks the system, in threads of its own, and for one name in one thread at a time.

    Where no name server answers, the system waits for half a minute, whoever still wants to know. The loop's
    few threads would all be held by a handful of calls to one such name, and every other vendor's with them.
    """

    def __init__(self, ask: Ask | None = None, *, threads: int = THREADS) -> None:
        self._ask = _ask if ask is None else ask
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dialtone-names")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[AddrInfoType]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return the addresses; whoever comes while the name is being asked for waits for the same answer.

        Raises:
            OSError: when there are none.
            UnicodeError: when no name can be like that.
        """
        name = host, port
        asked = self._asked.get(name)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, host, port)
            self._asked[name] = asked
            asked.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(asked)

    def _forget(self, name: tuple[str, int], asked: asyncio.Future[Sequence[AddrInfoType]]) -> None:
        del self._asked[name]
        if not asked.cancelled():
            # All who asked may have left, and asyncio complains of an error that nobody has seen.
            asked.exception()


def _ask(host: str, port: int) -> Sequence[AddrInfoType]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
