"""Which signal goes to which table, and how a table's rows are read from newline-delimited JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import duckdb
import msgspec

from exporters.analytics.derived import stored
from integrations import signals

TABLES: Mapping[type[msgspec.Struct], str] = {
    signals.CallRecord: "calls",
    signals.CheckResult: "check_results",
    signals.BreakerTransition: "breaker_transitions",
    signals.QuotaSample: "quota_samples",
    signals.HealthChange: "health_changes",
    signals.CredentialNotice: "credential_notices",
    signals.VendorNotice: "vendor_notices",
    signals.ContractDrift: "contract_drifts",
    signals.WebhookReceipt: "webhook_receipts",
    signals.IncidentChange: "incident_changes",
    signals.DeliveryAttempt: "delivery_attempts",
    signals.OperatorAction: "operator_actions",
    signals.ConfigChange: "config_changes",
    signals.ObjectiveChange: "objective_changes",
    signals.HeartbeatReport: "heartbeat_reports",
    signals.APIRequest: "api_requests",
    signals.QueryRun: "query_runs",
}

FIELDS: Mapping[str, str] = {"ts": "at", "quota_limit": "limit", "row_count": "rows"}
"""Columns that are not named as their field, because SQL would ask for quotes at each use."""

STORED: frozenset[type[msgspec.Struct]] = frozenset(
    {
        signals.HealthChange,
        signals.IncidentChange,
        signals.DeliveryAttempt,
        signals.OperatorAction,
        signals.WebhookReceipt,
    }
)
"""Signals that are stored before they are published, and copied from there."""

# From 0001-01-01 to 9999-12-31: a time outside, as a vendor may send, becomes NULL instead of an error.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799


def hot(table: str) -> str:
    """Return what the table is called that takes a table's rows; its own name is the view over all days."""
    return f"hot_{table}"


def quoted(text: str) -> str:
    """Return a text as an SQL literal, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


class Intake(NamedTuple):
    """How rows come into one table: the columns that JSON is read as, and the expressions stored."""

    table: str
    columns: str
    values: str

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, table: str) -> Self:
        """Derive it from the table as it stands, so that the schema is stated once, in SQL."""
        described = connection.execute(f"DESCRIBE {hot(table)}").fetchall()
        kinds = [(column, FIELDS.get(column, column), kind) for column, kind, *_ in described]
        read = [
            f"{quoted(field)}: {quoted('DOUBLE' if kind == 'TIMESTAMP' else kind)}"
            for _, field, kind in kinds
        ]
        values = [
            f'{_value(field, table=table, column=column, kind=kind)} AS "{column}"'
            for column, field, kind in kinds
        ]
        return cls(table, "{" + ", ".join(read) + "}", ", ".join(values))

    def statement(self, paths: Sequence[Path], *, lenient: bool = False) -> str:
        """Return the INSERT that reads these files; `lenient` leaves out lines that cannot be read."""
        files = ", ".join(quoted(str(path)) for path in paths)
        source = (
            f"read_json([{files}], format = 'newline_delimited', ignore_errors = {lenient}, "
            f"columns = {self.columns})"
        )
        # A line that cannot be read comes back as a row of NULLs, and every signal has a time.
        return (
            f"INSERT INTO {hot(self.table)} SELECT {self.values} "  # noqa: S608 - our schema and our file names
            f'FROM {source} WHERE "at" IS NOT NULL'
        )


def _value(field: str, *, table: str, column: str, kind: str) -> str:
    if kind != "TIMESTAMP":
        return stored(table, column, kind, field=field)
    return (
        f'CASE WHEN "{field}" BETWEEN {_FIRST} AND {_LAST} '
        f'THEN make_timestamp(round("{field}" * 1e6)::BIGINT) END'
    )
