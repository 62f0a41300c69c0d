"""Inbound webhooks: each delivery with what tells it from all others, and the keys of URLs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhook_delivery",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("integration", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("lag", sa.Double),
        sa.Column("delivery_key", sa.Text),
        sa.Column("content_key", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("body_bytes", sa.BigInteger, nullable=False),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    for key in ("delivery_key", "content_key"):
        op.create_index(f"webhook_by_{key}", "webhook_delivery", ["integration", key], unique=True)
    op.create_index("webhook_by_integration", "webhook_delivery", ["integration", "id"])
    waits = sa.text("due IS NOT NULL")
    op.create_index("webhook_due", "webhook_delivery", ["due"], sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "webhook_key",
        sa.Column("integration", sa.Text, primary_key=True),
        sa.Column("current", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("previous_until", sa.Double, nullable=False),
    )
