"""Remembers which webhooks came already, for as long as their manifest says, within a bound."""

from collections import OrderedDict

MAX_REMEMBERED = 100_000


class ReplayWindow:
    """Ids by integration. When it is full the oldest is forgotten first."""

    def __init__(self, *, bound: int = MAX_REMEMBERED) -> None:
        self._until: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._bound = bound

    def seen(self, integration: str, webhook_id: str, *, now: float, window: float) -> bool:
        """Whether this id came before, within its window; if not, it is remembered for `window` seconds."""
        key = integration, webhook_id
        self._forget(now)
        if self._until.get(key, 0.0) > now:
            return True
        self._until[key] = now + window
        self._until.move_to_end(key)
        if len(self._until) > self._bound:
            self._until.popitem(last=False)
        return False

    def forget(self, integration: str) -> None:
        """Forget all ids of an integration that is gone."""
        for key in [key for key in self._until if key[0] == integration]:
            del self._until[key]

    def _forget(self, now: float) -> None:
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)

    def __len__(self) -> int:
        return len(self._until)
