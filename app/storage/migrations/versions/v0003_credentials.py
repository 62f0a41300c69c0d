"""Credentials that were bought or learned, encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of credentials."""
    op.create_table(
        "credential",
        sa.Column("integration", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
