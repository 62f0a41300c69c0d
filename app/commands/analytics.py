"""`dialtone analytics`: what is kept of everything that happened."""

import click


@click.group()
def analytics() -> None:
    """What is kept in DuckDB: its tables, and copies of it for other programs."""
