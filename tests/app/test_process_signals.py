"""What the process does when it is sent a signal."""

import os
import signal

import anyio
import pytest

from app.serving import _signals


class Server:
    def __init__(self) -> None:
        self.stopped = anyio.Event()

    def stop(self) -> None:
        self.stopped.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda one: one.name)
@pytest.mark.parametrize("reloads", [True, False], ids=["serve", "demo"])
async def test_a_hangup_reloads_a_server_and_all_else_stops_it(
    number: signal.Signals, *, reloads: bool
) -> None:
    server, reloaded = Server(), anyio.Event()
    # Until the receiver stands, the signal must not reach the tests' own process.
    unhandled = signal.signal(number, signal.SIG_IGN)

    async def reload() -> None:
        reloaded.set()

    try:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(_signals(server, reload if reloads else None), None)
                await anyio.wait_all_tasks_blocked()
                os.kill(os.getpid(), number)
                is_reload = reloads and number is signal.SIGHUP
                await (reloaded if is_reload else server.stopped).wait()
                group.cancel_scope.cancel()
        assert (reloaded.is_set(), server.stopped.is_set()) == (is_reload, not is_reload)
    finally:
        signal.signal(number, unhandled)
