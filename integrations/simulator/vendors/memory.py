"""What an account has created of a vendor that has no double of its own: it can be got, changed, listed and
deleted again.

Actions say it by their names: `cards.create`, `cards.get`, `cards.update`, `cards.delete`, `cards.list` are
of one kind. What nobody created is answered as before, so that examples work; what was deleted is gone.
"""

from collections.abc import Mapping

from integrations.simulator.accounts import Account
from integrations.simulator.operations import Operation

Record = dict[str, object]

_MADE = ("id", "key", "identifier", "number")
_CHOSEN = ("slug", "version")
_NAMES = (*_MADE, *_CHOSEN)
"""What things are called by: names the vendor makes up, and names that who creates them chooses."""

_CREATES = frozenset({"create", "add", "post"})


class Gone(Exception):  # noqa: N818 - what happened to the thing, not to the program
    """The thing was deleted."""


class Memory:
    """The things of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, operation: Operation, record: Record, *, sent: Mapping[str, object]) -> Record:
        """The record of an answer, as far as it is remembered; `record` is what is answered otherwise.

        Raises:
            Gone: when the thing was deleted.
        """
        kind, _, verb = operation.name.rpartition(".")
        if verb in _CREATES:
            return self._created(kind, record, sent)
        found = self.find(operation, sent)
        if found is None or verb not in {"get", "update", "delete"}:
            return record
        if verb == "delete":
            self._account.kept(kind).remove(found)
            self._account.keep(f"{kind} gone", found)
            return record
        if verb == "update":
            found |= _taken(found, sent)
        return {**record, **found}

    def listed(self, operation: Operation, items: list[object]) -> list[object]:
        """A list with what was created before it, newest first."""
        kind, _, verb = operation.name.rpartition(".")
        first = items[0] if items and isinstance(items[0], dict) else {}
        made = self._account.kept(kind) if verb == "list" else []
        return [*({**first, **one} for one in reversed(made)), *items]

    def find(self, operation: Operation, sent: Mapping[str, object]) -> Record | None:
        """The thing that a request names.

        Raises:
            Gone: when it was deleted.
        """
        kind = operation.name.rpartition(".")[0]
        in_path = list(operation.path_values.values())
        wanted = in_path[-1] if in_path else str(sent.get("id", ""))
        if any(_is_called(one, wanted) for one in self._account.kept(f"{kind} gone")):
            raise Gone(wanted)
        return next((one for one in self._account.kept(kind) if _is_called(one, wanted)), None)

    def _created(self, kind: str, record: Record, sent: Mapping[str, object]) -> Record:
        number = self._account.number(kind)
        made = {**record, **_taken(record, sent)}
        is_number = isinstance(record.get("id"), int) and not _is_open(record)
        made["id"] = 1000 + number if is_number else f"{kind}-{number}"
        for name in ("key", "identifier"):
            if name in made:
                made[name] = f"SIM-{1000 + number}"
        return self._account.keep(kind, made)


def _taken(record: Record, sent: Mapping[str, object]) -> Record:
    """What was sent of the fields that a record has; of all, where nothing is known of it."""
    is_open = _is_open(record)
    return {
        name: value
        for name, value in sent.items()
        if name in _CHOSEN
        or (name not in _MADE and (is_open or (name in record and type(record[name]) is type(value))))
    }


def _is_open(record: Record) -> bool:
    """Whether nothing is known of a record's fields: it is made up whole."""
    return set(record) <= {"id", "name"}


def _is_called(record: Record, name: str) -> bool:
    return any(str(record[key]) == name for key in _NAMES if key in record)
