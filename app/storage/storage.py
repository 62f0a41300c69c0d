"""The face of storage: opens it by URL and holds its repositories."""

from collections.abc import Iterable
from pathlib import Path

import anyio.to_thread
import sqlalchemy as sa

from app.storage import schema, sqlite
from app.storage.alerts import AlertRows
from app.storage.credentials import CredentialRows
from app.storage.errors import StorageError
from app.storage.execution import ExecutionRows
from app.storage.health import HealthRows
from app.storage.heartbeats import HeartbeatRows
from app.storage.incidents import IncidentRows
from app.storage.outbox import OutboxRows
from app.storage.outbox_keeping import OutboxKeepingRows
from app.storage.parents import ParentRows
from app.storage.postgresql import PostgreSQLUnits
from app.storage.signal_log import OperatorActions, SignalLog
from app.storage.slo import SLORows
from app.storage.thread import SQLiteUnits
from app.storage.vault import Vault
from app.storage.webhook_queue import WebhookQueueRows
from app.storage.webhook_reading import WebhookReading
from app.storage.webhooks import WebhookRows
from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.samples import Sample

FILE_NAME = "dialtone.sqlite"


class Storage:
    """All transactional state, behind one repository a subject; usable between `start` and `aclose`."""

    def __init__(self, units: SQLiteUnits | PostgreSQLUnits, *, vault: Vault) -> None:
        self._units = units
        self._vault = vault
        self.alerts = AlertRows(units)
        self.credentials = CredentialRows(units, vault)
        self.execution = ExecutionRows(units)
        self.health = HealthRows(units)
        self.incidents = IncidentRows(units)
        self.heartbeats = HeartbeatRows(units)
        self.parents = ParentRows(units)
        self.slo = SLORows(units)
        self.signals = SignalLog(units)
        self.operators = OperatorActions(units, self.signals)
        self.outbox = OutboxRows(units)
        self.outbox_keeping = OutboxKeepingRows(units)
        self.webhooks = WebhookRows(units)
        self.webhook_queue = WebhookQueueRows(units)
        self.webhook_reading = WebhookReading(units)

    async def start(self) -> None:
        """Read the key, open the database, check it and bring its schema up to date.

        Raises:
            StorageError: with what to do; the process should not go on.
        """
        await anyio.to_thread.run_sync(self._vault.start)
        await self._units.start()

    async def aclose(self) -> None:
        """Store what waits and close; later units are refused."""
        await self._units.aclose()

    def healthy(self) -> str | None:
        """Why nothing can be stored at present; None when all is well."""
        return self._units.healthy()

    def samples(self) -> Iterable[Sample]:
        """Whether storage works, how often and how fast it commits, and what waits."""
        return self._units.samples()


def open_storage(url: Secret | None, *, state_dir: Path, clock: Clock, key: Secret | None = None) -> Storage:
    """Make the storage that `url` names; without one it is the SQLite file in `state_dir`.

    `key` encrypts what is secret; None: the key file in `state_dir`. Nothing is opened before `start`.
    Forms: `sqlite:///relative/path`, `sqlite:////absolute/path`, `postgresql://user:password@host/database`.

    Raises:
        StorageError: when the URL names no database that Dialtone can use.
    """
    vault = Vault(state_dir, key=key)
    if url is None:
        return Storage(sqlite_units(state_dir / FILE_NAME, clock=clock), vault=vault)
    try:
        parsed = sa.make_url(url.reveal())
    except sa.exc.ArgumentError as error:
        raise StorageError("storage.url is no database URL: expected sqlite:/// or postgresql://") from error
    kind = parsed.get_backend_name()
    if kind in {"postgresql", "postgres"}:
        return Storage(PostgreSQLUnits(url.reveal(), clock=clock), vault=vault)
    if kind != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise StorageError(f"storage.url names {kind!r}: expected sqlite:///FILE or postgresql://")
    return Storage(sqlite_units(state_dir / str(parsed.database), clock=clock), vault=vault)


def sqlite_units(path: Path, *, clock: Clock) -> SQLiteUnits:
    """Make the units of one SQLite file, which is checked and migrated when they start."""
    return SQLiteUnits(lambda: open_database(path), clock=clock)


def open_database(path: Path) -> sa.Connection:
    """Open a SQLite file with this version's schema; a copy of an older one is kept beside it.

    Raises:
        StorageError: when the file is in use, damaged or not Dialtone's.
    """
    connection = sqlite.open_sqlite(path)
    try:
        schema.migrate(
            connection, keep_copy=lambda revision: sqlite.keep_copy(connection, path, revision=revision)
        )
    except BaseException:
        sqlite.close(connection)
        raise
    return connection
