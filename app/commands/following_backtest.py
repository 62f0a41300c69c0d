"""Shows how far a backtest is, while a person waits for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import msgspec
from rich.status import Status

from app.commands import exits
from app.commands.session import Session

RUNNING = "/v2/analytics/running"
_EVERY = 0.5
_PATIENCE = 5.0


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    query: str
    progress: float | None = None


class _List(msgspec.Struct, frozen=True, kw_only=True):
    queries: tuple[_Running, ...]


@contextmanager
def following(session: Session, name: str) -> Iterator[None]:
    """Ask the server now and then how far the query of this id is, and show it where a person looks."""
    if not session.errors.is_terminal:
        yield
        return
    over = threading.Event()
    with session.errors.status("Reading what was recorded …") as status:
        watching = threading.Thread(
            target=partial(_follow, session, name, status=status, over=over), daemon=True
        )
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join(timeout=_PATIENCE)


def _follow(session: Session, name: str, *, status: Status, over: threading.Event) -> None:
    while not over.wait(_EVERY):
        # What cannot be told is not shown; the answer itself tells what went wrong.
        with suppress(exits.CommandError, msgspec.ValidationError):
            if text := progress_of(session, name):
                status.update(text)


def progress_of(session: Session, name: str) -> str:
    """Return how far a query is, in words; nothing when it is not known."""
    reply = session.server.get(RUNNING)
    found = msgspec.convert(reply.body, _List).queries if reply.ok else ()
    mine = next((each for each in found if each.id == name), None)
    if mine is None or mine.progress is None:
        return ""
    return f"Replaying {mine.query.removeprefix('backtest ')}: {mine.progress:.0%}"
