"""Incidents, and the alerts that stand."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "incident",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("integration", sa.Text, nullable=False),
        sa.Column("opened_at", sa.Double, nullable=False),
        sa.Column("resolved_at", sa.Double),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("incident_by_time", "incident", ["opened_at", "id"])
    op.create_index("incident_by_integration", "incident", ["integration", "opened_at"])
    is_open = sa.text("resolved_at IS NULL")
    op.create_index(
        "incident_open", "incident", ["opened_at"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_table(
        "standing_alert",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
