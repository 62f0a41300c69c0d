"""The outbox: messages to receivers, what receivers called them, and how receivers do."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("id", "receiver", "type", "subject")),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("supersedes", sa.Boolean, nullable=False),
        sa.Column("is_paging", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_failed_at", sa.Double),
        sa.Column("lease_until", sa.Double),
        sa.Column("lease_owner", sa.Text, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("delivered_at", "finished_at", "fall_back_at")),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    _make_indexes()
    op.create_table(
        "outbox_subject",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("outbox_subject_by_age", "outbox_subject", ["at"])
    op.create_table(
        "receiver_condition",
        sa.Column("receiver", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )


def _make_indexes() -> None:
    op.create_index("outbox_by_id", "outbox", ["id"], unique=True)
    _index("outbox_due", "state = 'queued'", "receiver", "due_at", "number")
    _index("outbox_sending", "state = 'sending'", "receiver")
    _index("outbox_undone", "finished_at IS NULL", "receiver", "subject", "sequence", "number", "created_at")
    _index("outbox_done", "finished_at IS NOT NULL", "finished_at")
    _index("outbox_dead", "state = 'dead'", "receiver", "finished_at")
    _index("outbox_fall_back", "fall_back_at IS NOT NULL", "fall_back_at")


def _index(name: str, where: str, *columns: str) -> None:
    only = sa.text(where)
    op.create_index(name, "outbox", list(columns), sqlite_where=only, postgresql_where=only)
