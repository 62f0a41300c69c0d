"""Puts the parts together and talks to clients."""

from app.unadorned import load_unadorned

load_unadorned(("structlog", "httpx"), without=("rich", "pygments"))
