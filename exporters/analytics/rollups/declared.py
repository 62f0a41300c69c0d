"""What the configuration says of integrations, vendors and callers, with the time it held from and until.

A price or a team that changes holds for what happens from then on; nothing that was is written anew.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import msgspec

from exporters.analytics.database import transaction


class DeclaredIntegration(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An integration: who owns it, and what its calls cost. `prices` are those of actions with one of their
    own; an empty `currency` declares none. `charged` is answered or ok.
    """

    integration: str
    vendor: str
    team: str = ""
    environment: str = ""
    tier: str = ""
    region: str = ""
    currency: str = ""
    charged: str = "answered"
    per_call: float | None = None
    prices: Mapping[str, float] = {}


class CapabilityActions(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A capability and its actions."""

    capability: str
    actions: tuple[str, ...]


class DeclaredVendor(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A vendor with its name, and what it can do."""

    vendor: str
    vendor_name: str
    capabilities: tuple[CapabilityActions, ...] = ()


class DeclaredCaller(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An API token, and whose it is."""

    token: str
    team: str = ""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """All that a configuration says, from `at` on (UTC seconds)."""

    at: float
    integrations: Sequence[DeclaredIntegration] = ()
    vendors: Sequence[DeclaredVendor] = ()
    callers: Sequence[DeclaredCaller] = ()


def declare(connection: duckdb.DuckDBPyConnection, declaration: Declaration) -> None:
    """Let a declaration hold, in one transaction; what says the same as before is left alone."""
    at = datetime.fromtimestamp(declaration.at, UTC).replace(tzinfo=None)
    said = {
        "declared_integrations": declaration.integrations,
        "declared_vendors": declaration.vendors,
        "declared_callers": declaration.callers,
    }
    with transaction(connection):
        for table, rows in said.items():
            _take_over(connection, table, rows=rows, at=at)


def _take_over(
    connection: duckdb.DuckDBPyConnection, table: str, *, rows: Sequence[msgspec.Struct], at: datetime
) -> None:
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    columns = {name: kind for name, kind, *_ in described if name not in {"valid_from", "valid_to"}}
    key, names = next(iter(columns)), ", ".join(columns)
    shape = msgspec.json.encode([columns]).decode().replace("'", "''")
    # Read once: each read of a parameter would decode it again.
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE said AS SELECT {names} "  # noqa: S608 - our own names
        f"FROM (SELECT unnest(from_json(?::JSON, '{shape}'), max_depth := 2))",
        [msgspec.json.encode(rows, order="sorted").decode()],
    )
    current = f"SELECT {names} FROM {table} WHERE valid_to IS NULL"  # noqa: S608 - our own names
    connection.execute(
        f"UPDATE {table} SET valid_to = ? WHERE valid_to IS NULL AND {key} IN "  # noqa: S608 - our own names
        f"(SELECT {key} FROM ({current} EXCEPT SELECT {names} FROM temp.said))",
        [at],
    )
    connection.execute(
        f"INSERT INTO {table} SELECT *, ?, NULL FROM (SELECT {names} FROM temp.said EXCEPT {current})",  # noqa: S608 - our own names
        [at],
    )
    connection.execute("DROP TABLE temp.said")
