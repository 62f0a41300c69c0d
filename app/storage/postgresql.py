"""Units on PostgreSQL: a pool, one transaction a unit. The driver is the optional extra `postgres`."""

import contextlib
import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Iterable

import anyio
import anyio.to_thread
import sqlalchemy as sa
import structlog

from app.storage import schema
from app.storage.errors import MissingDriverError, StorageBusyError, StorageUnavailableError
from app.storage.units import T, Unit
from integrations.clock import Clock
from integrations.samples import Sample

POOL_SIZE = 8
QUEUE_UNITS = 10_000
DEADLINE = 10.0
FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0

_MIGRATION_LOCK = 4350_0000
_SERVER_SETTINGS = "-c statement_timeout=10s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"

log = structlog.get_logger("dialtone.storage")


class PostgreSQLUnits:
    """Runs units on a pool of connections, each on a worker thread of its own."""

    def __init__(
        self, url: str, *, clock: Clock, deadline: float = DEADLINE, queue_units: int = QUEUE_UNITS
    ) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._clock = clock
        self._deadline = deadline
        self._limit = queue_units
        self._engine: sa.Engine | None = None
        self._reason: str | None = "storage is not open"
        self._halt = threading.Event()
        self._prober: threading.Thread | None = None
        self._pending = self._refused = self._commits = 0
        self._duration = 0.0

    async def start(self) -> None:
        """Connect, and bring the schema up to date.

        Raises:
            MissingDriverError: when psycopg is not installed.
            StorageUnavailableError: when the server does not answer or refuses.
        """
        self._threads = anyio.CapacityLimiter(POOL_SIZE)
        engine = _engine(self._url)
        try:
            await anyio.to_thread.run_sync(_prepare, engine)
        except sa.exc.OperationalError as error:
            raise StorageUnavailableError(
                f"cannot use the database at {self._url.host}: {_reason(error)}"
            ) from error
        self._engine = engine
        self._reason = None

    async def run(self, unit: Unit[T]) -> T:
        """Return the unit's result after its commit.

        A unit is tried again, within the deadline, only while nothing of it can have been committed.

        Raises:
            StorageBusyError: when `queue_units` wait already.
            StorageUnavailableError: after the deadline, or when the connection broke during the commit.
        """
        if self._engine is None:
            raise StorageUnavailableError("storage is not open")
        if self._pending >= self._limit:
            self._refused += 1
            raise StorageBusyError(f"{self._pending} units wait to be stored already; try again later")
        self._pending += 1
        try:
            return await self._within_deadline(self._engine, unit)
        finally:
            self._pending -= 1

    async def aclose(self) -> None:
        """Refuse further units, wait for those under way within their deadline, and close the pool."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        self._halt.set()
        with anyio.move_on_after(self._deadline, shield=True):
            while self._pending:
                await self._clock.sleep(FIRST_WAIT)
            await anyio.to_thread.run_sync(engine.dispose)
        self._reason = "storage is not open"

    def healthy(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""
        return self._reason

    def samples(self) -> Iterable[Sample]:
        """Whether it stores, how often and how fast, and what waits."""
        yield Sample("dialtone_storage_up", (), float(self._reason is None))
        yield Sample("dialtone_storage_commits_total", (), self._commits)
        yield Sample("dialtone_storage_commit_duration_seconds", (), self._duration)
        yield Sample("dialtone_queue_depth", ("storage",), self._pending)
        yield Sample("dialtone_queue_dropped_total", ("storage", "full"), self._refused)

    async def _within_deadline(self, engine: sa.Engine, unit: Unit[T]) -> T:
        with anyio.move_on_after(self._deadline):
            return await self._until_stored(engine, unit)
        raise StorageUnavailableError(
            f"not stored within {self._deadline:g} s: {self._reason or 'the database is slow'}"
        )

    async def _until_stored(self, engine: sa.Engine, unit: Unit[T]) -> T:
        wait = FIRST_WAIT
        while True:
            started = self._clock.monotonic()
            try:
                result = await anyio.to_thread.run_sync(
                    _transaction, engine, unit, abandon_on_cancel=True, limiter=self._threads
                )
            except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
                self._failed(_reason(error), engine)
            else:
                self._succeeded(self._clock.monotonic() - started)
                return result
            await self._clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _failed(self, reason: str, engine: sa.Engine) -> None:
        if self._reason is None:
            log.error("storage fails", reason=reason)
        self._reason = reason
        if self._prober is None or not self._prober.is_alive():
            arguments = (get_running_loop(), engine)
            self._prober = threading.Thread(target=self._probe, args=arguments, daemon=True)
            self._prober.start()

    def _succeeded(self, duration: float) -> None:
        self._commits += 1
        self._duration = duration
        self._recovered()

    def _recovered(self) -> None:
        if self._reason is not None and self._engine is not None:
            log.info("storage works again")
            self._reason = None

    def _probe(self, loop: AbstractEventLoop, engine: sa.Engine) -> None:
        """Find out on a thread of its own when storing works again, also when no unit comes."""
        wait = FIRST_WAIT
        while not self._halt.wait(wait):
            wait = min(2 * wait, LONGEST_WAIT)
            with contextlib.suppress(sa.exc.SQLAlchemyError, StorageUnavailableError, RuntimeError):
                _transaction(engine, _rewrite_revision)
                loop.call_soon_threadsafe(self._recovered)
                return


def _engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # An error would quote what was to be stored, and errors are logged.
            pool_timeout=5.0,
            connect_args={"connect_timeout": 5, "options": _SERVER_SETTINGS},
        )
    except ImportError as error:
        raise MissingDriverError(
            "storage.url asks for PostgreSQL: pip install 'dialtone[postgres]'"
        ) from error


def _prepare(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        # Two processes that start together must not both migrate.
        connection.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATION_LOCK)))
        connection.commit()
        try:
            schema.migrate(connection)
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_MIGRATION_LOCK)))
            connection.commit()


def _transaction(engine: sa.Engine, unit: Callable[[sa.Connection], T]) -> T:
    with engine.connect() as connection:
        transaction = connection.begin()
        try:
            result = unit(connection)
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except sa.exc.OperationalError as error:
            raise StorageUnavailableError(
                f"the connection broke during the commit, so it may be stored or not: {_reason(error)}"
            ) from error
        return result


def _rewrite_revision(connection: sa.Connection) -> None:
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")


def _reason(error: sa.exc.DBAPIError | sa.exc.TimeoutError) -> str:
    if isinstance(error, sa.exc.TimeoutError):
        return "all connections are in use"
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__
