"""Runs the demo: simulator, configuration file, traffic, and Dialtone itself as `dialtone serve` does."""

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import httpx
from rich.console import Console

from app.demo import banner, certificates, configuration
from app.demo.deliveries import Deliveries
from app.demo.faults import fault_schedule
from app.demo.habits import HABITS
from app.demo.inbox import Inbox, new_secret
from app.demo.traffic import Traffic
from app.server import HTTPServer, ListenError, bind
from app.serving import serve
from app.settings import Settings, SettingsError, load_settings
from app.storage.errors import StateDirectoryError, StorageError
from app.wiring import Dialtone
from integrations.clock import SystemClock
from integrations.errors import ConfigurationError
from integrations.manifest.loading import Catalog
from integrations.simulator.faults import FaultBoard
from integrations.simulator.server import Certificate, SimulatorStartError, loopback, serving
from integrations.simulator.simulator import Simulator

DEFAULT_LISTEN = "127.0.0.1:4350"
DEFAULT_SEED = 4350
CERTIFICATE_DAYS = 9.0

EXIT_CANNOT_START = 1
_REASONS = (ListenError, SettingsError, StorageError, ConfigurationError, SimulatorStartError)


def run_demo(*, listen: str = DEFAULT_LISTEN, state_dir: Path | None = None, seed: int = DEFAULT_SEED) -> int:
    """Run the demo until it is told to stop, and return the process's exit code.

    `state_dir` keeps its configuration, secrets and data (None: a temporary one, deleted at the end). The
    same `seed` gives the same faults and the same traffic. Code 1 says that it could not start, with the
    reason on stderr.
    """
    errors = Console(stderr=True)
    try:
        with _folder(state_dir) as folder:
            _run(folder, listen=listen, seed=seed)
    except _REASONS as error:
        errors.print(f"The demo cannot start: {error}", style="red", markup=False)
        return EXIT_CANNOT_START
    return 0


def _run(folder: Path, *, listen: str, seed: int) -> None:
    clock = SystemClock()
    simulator = Simulator(Catalog.bundled(), clock=clock, faults=FaultBoard(clock=clock, seed=seed))
    configuration.populate(simulator, now=clock.time())
    issued = certificates.issue(folder, days=CERTIFICATE_DAYS, now=clock.time())
    secret = new_secret()
    with loopback() as plain, loopback() as secure, loopback() as inbox:
        origins = configuration.Origins(
            plain=f"http://127.0.0.1:{plain.getsockname()[1]}",
            secure=f"https://127.0.0.1:{secure.getsockname()[1]}",
            authority=issued.authority,
            inbox=f"http://127.0.0.1:{inbox.getsockname()[1]}",
        )
        path = configuration.write(
            folder, listen=listen, simulator=simulator, origins=origins, inbox_secret=secret
        )
        settings = load_settings(path)
        # A port that is taken is better told before the vendors are up.
        bind(settings.listen.host, settings.listen.port).close()
        with serving(simulator, plain, (secure, Certificate(issued.chain, issued.key))):
            receiver = HTTPServer(Inbox(secret, clock=clock), [inbox])
            anyio.run(
                partial(_serve, settings, simulator=simulator, origins=origins, seed=seed, receiver=receiver)
            )


async def _serve(
    settings: Settings,
    *,
    simulator: Simulator,
    origins: configuration.Origins,
    seed: int,
    receiver: HTTPServer,
) -> None:
    answering = anyio.Event()

    async def traffic(dialtone: Dialtone) -> None:
        await Traffic(dialtone.framework, clock=dialtone.clock, habits=HABITS, seed=seed).run()

    async def deliveries(dialtone: Dialtone) -> None:
        await answering.wait()
        listen = dialtone.settings.listen
        async with httpx.AsyncClient(
            base_url=f"http://{listen.host}:{listen.port}", trust_env=False
        ) as client:
            secrets = configuration.webhook_secrets()
            await Deliveries(client, secrets=secrets, clock=dialtone.clock, seed=seed).run()

    async def inbox(_: Dialtone) -> None:
        await receiver.serve()

    def ready(dialtone: Dialtone) -> None:
        answering.set()
        simulator.faults.follow(fault_schedule(seed))
        folder = str(origins.authority.parent)
        banner.show(Console(), settings=dialtone.settings, origins=origins, folder=folder)

    # The demo writes its file itself, so a SIGHUP means that its terminal was closed.
    await serve(settings, ready=ready, companions=[traffic, deliveries, inbox], reloads=False)


@contextlib.contextmanager
def _folder(state_dir: Path | None) -> Iterator[Path]:
    if state_dir is not None:
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateDirectoryError(
                f"cannot make {state_dir}: {error.strerror}; give another --state-dir"
            ) from error
        yield state_dir.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="dialtone-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)
