"""An outbox in SQLite without its thread, so that virtual time holds; senders that answer as told; and
messages to put in.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio.lowlevel
import msgspec

from app.storage import sqlite
from app.storage.outbox import OutboxRows
from app.storage.outbox_keeping import OutboxKeepingRows
from app.storage.storage import FILE_NAME, open_database
from app.storage.units import T, Unit
from monitors.alerts.alert import Alert
from monitors.alerts.event_types import event_type
from monitors.alerts.exchange import Exchange
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Message, new_message_id
from monitors.alerts.schedule import Sent

ANSWERED = Sent(status=200)


class DirectUnits:
    """Runs units at once, each in its transaction. `failure` makes them all fail."""

    def __init__(self, path: Path) -> None:
        self._connection = open_database(path)
        self.failure: Exception | None = None
        self.count = 0

    async def run(self, unit: Unit[T]) -> T:
        await anyio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.count += 1
        with self._connection.begin():
            return unit(self._connection)

    def close(self) -> None:
        sqlite.close(self._connection)


class Box:
    """An outbox with all its faces."""

    def __init__(self, units: DirectUnits) -> None:
        self.units = units
        self.rows = OutboxRows(units)
        self.keeping = OutboxKeepingRows(units)

    async def states(self) -> dict[str, str]:
        found = await self.units.run(
            lambda connection: connection.exec_driver_sql("SELECT id, state FROM outbox").all()
        )
        return {str(name): str(state) for name, state in found}


@contextmanager
def open_box(folder: Path) -> Iterator[Box]:
    units = DirectUnits(folder / FILE_NAME)
    try:
        yield Box(units)
    finally:
        units.close()


Answer = Sent | Exception | Callable[[Letter], Awaitable[Sent]]


class FakeSender:
    """Answers as told, by turns, the last one for ever; remembers the letters."""

    def __init__(self, *answers: Answer, repeat: float | None = None) -> None:
        self.answers = list(answers) or [ANSWERED]
        self.letters: list[Letter] = []
        self.at_once = self.most_at_once = 0
        self._repeat = repeat

    async def send(self, letter: Letter) -> Sent:
        self.letters.append(letter)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(letter)
        finally:
            self.at_once -= 1

    async def _answer(self, letter: Letter) -> Sent:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Sent) else await answer(letter)

    async def converse(self, letter: Letter) -> tuple[Sent, tuple[Exchange, ...]]:
        return await self.send(letter), ()

    def repeat_after(self, letter: Letter) -> float | None:
        return self._repeat

    async def aclose(self) -> None:
        pass

    @property
    def ids(self) -> list[str]:
        return [letter.message.id for letter in self.letters]


_numbers = itertools.count(1)


def notification(receiver: str = "pager", **more: object) -> Notification:
    labels = {"alertname": "IntegrationDown", "severity": "critical", "integration": "slack-prod"}
    down = Alert(labels=labels, annotations={"summary": "slack-prod is down"}, starts_at=1_799_999_970.0)
    known: dict[str, object] = {
        "group_key": '{}:{vendor="slack"}', "receiver": receiver, "reason": Reason.FIRST, "status": "firing",
        "sequence": 1, "at": 1_800_000_000.0, "group_labels": {"vendor": "slack"},
        "alerts": (down,),
    }  # fmt: skip
    return Notification(**{**known, **more})  # type: ignore[arg-type]  # known by their names


def queued(name: str = "", *, at: float = 1_800_000_000.0, **more: object) -> Message:
    """A message as the notifier makes it; `name` is its id."""
    receiver = str(more.get("receiver", "pager"))
    told = notification(receiver)
    known: dict[str, object] = {
        "id": name or new_message_id(at), "receiver": receiver, "type": event_type(told),
        "subject": f"subject-{next(_numbers)}", "sequence": 1, "created_at": at,
        "content": msgspec.json.encode(told),
    }  # fmt: skip
    return Message(**{**known, **more})  # type: ignore[arg-type]  # the same
