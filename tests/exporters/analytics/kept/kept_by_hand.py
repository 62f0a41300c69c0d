"""Copies kept by hand, and databases that are lost."""

from pathlib import Path

from exporters.analytics.kept.files import KeptFile, kept_files, stale, tidy, write
from exporters.analytics.kept.pieces import DECLARED, oldest_day
from exporters.analytics.rollups.declared import (
    CapabilityActions,
    Declaration,
    DeclaredCaller,
    DeclaredIntegration,
    DeclaredVendor,
)
from exporters.analytics.rollups.kinds import ROLLUPS
from exporters.analytics.settings import Retention
from tests.exporters.analytics.generated import SETTINGS, Pair, empty_database, started

TABLES = (*(rollup.table for rollup in ROLLUPS), "rolled", *DECLARED)


def priced(at: float, price: float, *, team: str = "shop") -> Declaration:
    return Declaration(
        at=at,
        integrations=[
            DeclaredIntegration(
                integration="slack-prod", vendor="slack", currency="EUR", per_call=price, prices={"read": 2.0}
            )
        ],
        vendors=[
            DeclaredVendor(
                vendor="slack",
                vendor_name="Slack",
                capabilities=(CapabilityActions(capability="read", actions=("get", "list")),),
            )
        ],
        callers=[DeclaredCaller(token="bot", team=team)],
    )


def declare(pair: Pair, declaration: Declaration) -> None:
    pair.writer.rollups.declare(lambda: declaration)
    pair.writer.step()


def roll(pair: Pair) -> None:
    """Let a minute pass in which no time goes by, and all be counted that is to be."""
    now = pair.clock.time()
    pair.clock.advance(60.0)
    pair.clock.jump_utc(now - pair.clock.time())
    pair.writer.step()
    assert pair.writer.rollups.problem == ""


def keep(pair: Pair, retention: Retention = SETTINGS.retention) -> int:
    """Copy what has changed; return how many copies were made."""
    oldest = oldest_day(retention, pair.clock.time())
    assert pair.writer.database is not None
    with pair.writer.database.reading() as cursor:
        pieces = stale(cursor, pair.writer.kept, oldest=oldest)
        for piece in pieces:
            write(cursor, piece, pair.writer.kept)
    tidy(pair.writer.kept, oldest=oldest)
    return len(pieces)


def held(pair: Pair) -> dict[str, object]:
    """All that the database alone holds."""
    return {table: pair.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}


def copies(pair: Pair) -> tuple[KeptFile, ...]:
    return kept_files(pair.writer.kept)


def lose(pair: Pair, *, older: bytes = b"", **options: object) -> Pair:
    """Let a new database stand in its place, or an older copy of it; open that at the same time."""
    directory, now = pair.writer.path.parent, pair.clock.time()
    pair.close()
    for path in directory.glob("hot.duckdb*"):
        path.unlink()
    (directory / "hot.duckdb").write_bytes(older or empty_database())
    return reopened(directory, now, **options)


def reopened(directory: Path, now: float, **options: object) -> Pair:
    """A pair whose clock tells a time from the start."""
    pair = Pair(directory, **options)  # type: ignore[arg-type] # options by name
    pair.clock.jump_utc(now - pair.clock.time())
    pair.spool.recover()
    pair.writer.step()
    return pair


def opened(directory: Path, now: float) -> Pair:
    """A new, empty one."""
    pair = started(directory)
    pair.clock.jump_utc(now - pair.clock.time())
    return pair
