"""`dialtone analytics`: what is kept of everything that happened."""

import click

from app.commands.analytics_schema import schema


@click.group()
def analytics() -> None:
    """What is kept in DuckDB: its tables, and copies of it for other programs."""


analytics.add_command(schema)
