"""Runs a whole Dialtone with its HTTP server, as `dialtone serve` and the demo do, until it is stopped."""

import signal
from collections.abc import Callable, Coroutine, Sequence

import anyio
import structlog

from app.logs import Logs
from app.server import HTTPServer, bind
from app.settings import Settings
from app.wiring import VERSION, Dialtone

log = structlog.get_logger("dialtone")

Companion = Callable[[Dialtone], Coroutine[object, object, None]]


async def serve(
    settings: Settings,
    *,
    ready: Callable[[Dialtone], None] | None = None,
    companions: Sequence[Companion] = (),
    reloads: bool = True,
) -> None:
    """Run Dialtone and its HTTP server until SIGINT or SIGTERM, then drain and stop.

    SIGHUP reloads the configuration, or stops too when `reloads` is false. `ready` is called once requests
    are answered; `companions` run beside the server until it stops.

    Raises:
        ListenError: the address is taken.
        StorageError, StateDirectoryLockedError, ConfigurationError: what is kept or configured is unusable.
    """
    logs = Logs(level=settings.log.level, style=settings.log.format)
    dialtone = Dialtone(settings, logs=logs)
    dialtone.table.add_source(logs)
    sockets = [bind(settings.listen.host, settings.listen.port)]
    logs.start()
    try:
        async with dialtone.running():
            dialtone.garbage.start()
            server = HTTPServer(dialtone.app, sockets, on_stop=dialtone.live.close)
            heed = _signals(server, dialtone.reloader.reload_on_signal if reloads else None)
            await _serve_http(dialtone, server, ready=ready, companions=(*companions, heed, _collect))
    finally:
        dialtone.garbage.stop()
        log.info("stopped")
        logs.stop()


async def _serve_http(
    dialtone: Dialtone,
    server: HTTPServer,
    *,
    ready: Callable[[Dialtone], None] | None,
    companions: Sequence[Companion],
) -> None:
    async with anyio.create_task_group() as group:
        for companion in companions:
            group.start_soon(companion, dialtone)
        async with anyio.create_task_group() as serving:
            serving.start_soon(server.serve)
            await server.started()
            listen = dialtone.settings.listen
            log.info("listening", address=f"http://{listen.host}:{listen.port}", version=VERSION)
            if ready is not None:
                ready(dialtone)
        group.cancel_scope.cancel()


async def _collect(dialtone: Dialtone) -> None:
    await dialtone.garbage.run()


def _signals(server: HTTPServer, reload: Callable[[], Coroutine[object, object, None]] | None) -> Companion:
    """What heeds the process's signals: SIGHUP reloads, where there is a `reload`; all else stops."""

    async def heed(_: Dialtone) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as received:
            async with anyio.create_task_group() as group:
                async for number in received:
                    if number == signal.SIGHUP and reload is not None:
                        group.start_soon(reload)
                    else:
                        log.info("stopping", signal=signal.Signals(number).name)
                        server.stop()

    return heed
