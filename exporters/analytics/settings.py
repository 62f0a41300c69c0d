"""How analytics is kept: what an operator may set, and the errors its users meet."""

from enum import StrEnum

import msgspec


class Durability(StrEnum):
    """What an acknowledged row survives: `os` a kill -9; the others a power cut too, once a second or at
    each tick.
    """

    OS = "os"
    FSYNC_1S = "fsync-1s"
    FSYNC_TICK = "fsync-tick"


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days rows are kept, by table; 0: for ever. Whole UTC days go, and never today's or
    yesterday's. `rollups` is for the tables of rollups.
    """

    calls: int = 40
    check_results: int = 40
    quota_samples: int = 40
    api_requests: int = 40
    query_runs: int = 90
    webhook_receipts: int = 90
    delivery_attempts: int = 90
    breaker_transitions: int = 400
    health_changes: int = 400
    incident_changes: int = 400
    credential_notices: int = 400
    vendor_notices: int = 400
    contract_drifts: int = 400
    operator_actions: int = 400
    config_changes: int = 400
    objective_changes: int = 400
    heartbeat_reports: int = 90
    rollups: int = 400

    def __post_init__(self) -> None:
        """Refuse times that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        for table in self.__struct_fields__:
            if self.days_of(table) < 0:
                raise ValueError(f"analytics.retention.{table} must be at least 0 days; 0 keeps all")

    def days_of(self, table: str) -> int:
        """Return a table's days; 0: for ever."""
        days: int = getattr(self, table)
        return days


_COUNTS = (
    "queue_rows",
    "spool_bytes",
    "query_rows",
    "checkpoint_bytes",
    "sql_rows",
    "sql_bytes",
    "sql_processes",
)
_TIMES = ("checkpoint_seconds", "query_seconds", "sql_seconds", "folder_seconds")
_OFF_AT_ZERO = ("disk_floor", "query_queue", "sql_queue", "snapshot_seconds")


class AnalyticsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the analytics store. Sizes are bytes, times seconds.

    `queue_rows` signals wait in memory at most, `spool_bytes` on disk; what comes on top is dropped and
    counted. Below `disk_floor` free bytes nothing is written. A query returns `query_rows` rows at most,
    within `query_seconds`; `query_queue` more may wait for one of the two that run.

    Free SQL has limits of its own: `sql_processes` statements run at once, each in a process of
    `sql_memory_bytes`, and answer with `sql_rows` rows and `sql_bytes` bytes at most within `sql_seconds`. It
    reads snapshots, which are made when somebody asks, and every `snapshot_seconds` where that is above 0.

    `retention` says for how many days rows are kept. `folder` is where a copy of all days is kept for other
    programs; it is looked after every `folder_seconds`.
    """

    enabled: bool = True
    durability: Durability = Durability.OS
    queue_rows: int = 100_000
    spool_bytes: int = 1 << 30
    disk_floor: int = 512 << 20
    memory_bytes: int = 512 << 20
    checkpoint_seconds: float = 10.0
    checkpoint_bytes: int = 64 << 20
    query_rows: int = 10_000
    query_seconds: float = 10.0
    query_queue: int = 16
    sql_rows: int = 100_000
    sql_bytes: int = 16 << 20
    sql_seconds: float = 30.0
    sql_memory_bytes: int = 1 << 30
    sql_processes: int = 2
    sql_queue: int = 16
    snapshot_seconds: float = 0.0
    folder: str | None = None
    folder_seconds: float = 60.0
    retention: Retention = Retention()

    def __post_init__(self) -> None:
        """Refuse limits that make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        for key in _COUNTS:
            if getattr(self, key) < 1:
                raise ValueError(f"analytics.{key} must be at least 1")
        for key in _TIMES:
            if getattr(self, key) <= 0:
                raise ValueError(f"analytics.{key} must be above 0")
        for key in _OFF_AT_ZERO:
            if getattr(self, key) < 0:
                raise ValueError(f"analytics.{key} must be at least 0")
        self._refuse_too_little_memory()

    def _refuse_too_little_memory(self) -> None:
        if self.sql_memory_bytes < 512 << 20:
            raise ValueError("analytics.sql_memory_bytes must be at least 512 MiB, or a reader cannot start")
        if self.memory_bytes < 64 << 20:
            raise ValueError("analytics.memory_bytes must be at least 64 MiB, or DuckDB cannot work")


class AnalyticsUnavailable(RuntimeError):  # noqa: N818 - the name says what is wrong
    """Analytics cannot answer now; the message says why. Calls go on without it."""


class AnalyticsBusy(AnalyticsUnavailable):
    """As many queries wait as may wait."""


class QueryTimeout(AnalyticsUnavailable):
    """A query took longer than it may."""


class CheckpointHeldUp(AnalyticsUnavailable):
    """DuckDB cannot checkpoint while something reads that began before rows were updated or views made anew.
    Nothing is lost, and nothing has to be closed: it is done when that has ended.
    """


class UnknownQuery(LookupError):  # noqa: N818 - the name says what is wrong
    """There is no query of this name; the message names the nearest."""


class AnswerTooLarge(ValueError):  # noqa: N818 - the name says what is wrong
    """The answer has more bytes than it may, and cannot be cut."""
