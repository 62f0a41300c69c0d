"""Parents, counts of objectives, heartbeats and the keys of their URLs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    for name, key in (("parent_state", "key"), ("heartbeat_state", "id")):
        op.create_table(
            name,
            sa.Column(key, sa.Text, primary_key=True),
            sa.Column("body", sa.LargeBinary, nullable=False),
        )
    op.create_table(
        "slo_hour",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("good", sa.BigInteger, nullable=False),
        sa.Column("bad", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "heartbeat_key",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("current", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("previous_until", sa.Double, nullable=False),
    )
