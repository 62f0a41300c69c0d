"""What Alembic runs: the versions, in the transaction that app/storage/schema.py has begun."""

from alembic import context

from app.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
