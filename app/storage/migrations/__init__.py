"""Alembic's environment and the versions, forward only; a version names the one before as `down_revision`."""
