"""What a simulated account created of one kind: found, changed and deleted by a key."""

from collections.abc import Callable, Mapping

from integrations.simulator.accounts import Account

Thing = dict[str, object]


class Shelf:
    """An account's things of one kind, oldest first; `key` is the field that tells them apart."""

    def __init__(self, account: Account, kind: str, *, key: str = "id") -> None:
        self._account = account
        self._kind = kind
        self._key = key

    @property
    def all(self) -> list[Thing]:
        """Return every thing, oldest first."""
        return list(self._account.kept(self._kind))

    def number(self) -> int:
        """Return a number that no thing of this kind had."""
        return self._account.number(self._kind)

    def find(self, value: object) -> Thing | None:
        """Return the thing whose key is this; a number and its text are the same."""
        return next((one for one in self.all if str(one.get(self._key)) == str(value)), None)

    def add(self, thing: Thing) -> Thing:
        """Put a thing on the shelf."""
        return self._account.keep(self._kind, thing)

    def change(self, value: object, given: Mapping[str, object]) -> Thing | None:
        """Set what is given, and return the thing; None where there is none."""
        thing = self.find(value)
        if thing is not None:
            thing.update(given)
        return thing

    def remove(self, value: object) -> bool:
        """Take a thing away, and return whether it was there."""
        thing = self.find(value)
        if thing is not None:
            self._account.kept(self._kind).remove(thing)
        return thing is not None

    def page(self, start: int, size: int, *, fits: Callable[[Thing], bool] = bool) -> list[Thing]:
        """Return at most so many of those that fit, after the first `start`."""
        return [one for one in self.all if fits(one)][start : start + max(size, 1)]
