"""Which messages of the outbox tell of an end: no later one makes them needless."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of messages that are there already nothing is known."""
    op.add_column("outbox", sa.Column("tells_of_ends", sa.Boolean, nullable=False, server_default=sa.false()))
