"""Signals for the analytics tests, and a way to write them into a directory as the store does."""

import functools
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.spool import Spool
from exporters.analytics.writer import Writer
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin
from integrations.signals import (
    APIRequest,
    CallRecord,
    Evidence,
    Health,
    HealthChange,
    OperatorAction,
    Signal,
)
from tests.fakes.clock import FakeClock

START = 1_800_000_000.0
SETTINGS = AnalyticsSettings(disk_floor=0)


def call(number: int, *, at: float = START, **fields: object) -> CallRecord:
    given = {
        "call_id": f"c{number}",
        "run_id": f"r{number}",
        "integration": "slack-prod",
        "vendor": "slack",
        "action": "chat.post_message",
        "capability": "write",
        "effect": Effect.WRITE,
        "origin": Origin.TRAFFIC,
        "attempts": (
            Attempt(start=0.0, duration=0.25, kind=FailureKind.TIMEOUT),
            Attempt(start=0.5, duration=0.1, status=200),
        ),
    }
    return CallRecord(at=at, seq=number, **(given | fields))  # type: ignore[arg-type] # fields by name


def request(number: int) -> APIRequest:
    return APIRequest(at=START + number, seq=number, method="GET", route="/v2/x", status=200, duration=0.1)


def health_change(
    at: float, after: Health, *, capability: str = "", integration: str = "slack-prod"
) -> HealthChange:
    return HealthChange(
        at=at, integration=integration, vendor="slack", capability=capability, before=Health.UNKNOWN,
        after=after, evidence=Evidence.CHECK, reason="because", since=at,
    )  # fmt: skip


def operator_action(at: float) -> OperatorAction:
    return OperatorAction(at=at, actor="ann", action="pause", integration="slack-prod", expires_at=at + 60)


class Pair:
    """A spool and a writer over one directory, driven by hand."""

    def __init__(self, directory: Path, *, settings: AnalyticsSettings = SETTINGS, **writer: object) -> None:
        self.clock = FakeClock()
        self.spool = Spool(directory / "spool", clock=self.clock, settings=settings)
        self.writer = Writer(directory, self.spool, clock=self.clock, settings=settings, **writer)  # type: ignore[arg-type] # options by name

    def write(self, signals: Iterable[Signal]) -> None:
        """Spool and seal."""
        self.spool.write(signals)
        self.spool.seal(everything=True)

    def load(self, signals: Iterable[Signal]) -> None:
        self.write(signals)
        self.writer.step()

    def rows(self, sql: str) -> Sequence[tuple[object, ...]]:
        assert self.writer.database is not None
        with self.writer.database.reading() as cursor:
            return cursor.execute(sql).fetchall()

    def seqs(self) -> list[object]:
        return [seq for (seq,) in self.rows("SELECT seq FROM calls ORDER BY seq")]

    def close(self) -> None:
        self.writer.close()
        self.spool.close()


def started(directory: Path, **options: object) -> Pair:
    """A pair that has taken over its directory and opened the file."""
    if "steps" not in options and not any(directory.glob("*")):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hot.duckdb").write_bytes(empty_database())
    return _started(directory, **options)


@functools.cache
def empty_database() -> bytes:
    """A new file with its tables and views, made once: making them takes a tenth of a second."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        _started(directory).close()
        return (directory / "hot.duckdb").read_bytes()


def _started(directory: Path, **options: object) -> Pair:
    pair = Pair(directory, **options)  # type: ignore[arg-type] # options by name
    pair.spool.recover()
    pair.writer.step()
    return pair


def abandon(pair: Pair) -> None:
    """Let go of the file as a killed process does: nothing is checkpointed, the log stays."""
    assert pair.writer.database is not None
    directory, copy = pair.writer.path.parent, {}
    for path in (pair.writer.path, pair.writer.path.with_name("hot.duckdb.wal")):
        if path.exists():
            copy[path] = path.read_bytes()
    pair.close()
    for path in directory.glob("hot.duckdb*"):
        path.unlink()
    for path, content in copy.items():
        path.write_bytes(content)


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
