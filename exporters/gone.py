"""Who is no longer configured, so that nothing late brings its series back."""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Literal

from exporters.catalogue import CATALOGUE, Family
from integrations.signals import Signal

Removable = Literal["integration", "receiver"]
"""Labels whose values come and go with the configuration."""

MOST_GONE = 10_000
"""Values of a label that are remembered; the oldest are forgotten."""
_LABELS: tuple[Removable, ...] = ("integration", "receiver")
_PLACES: Mapping[str, tuple[tuple[Removable, int], ...]] = {
    name: tuple((label, row.labels.index(label)) for label in _LABELS if label in row.labels)
    for name, row in CATALOGUE.items()
}


class Gone:
    """Remembers who is gone; true while there is anybody."""

    def __init__(self) -> None:
        self._values: dict[Removable, dict[str, None]] = {label: {} for label in _LABELS}
        self.is_any = False

    def __bool__(self) -> bool:
        return self.is_any

    def add(self, label: Removable, values: Collection[str]) -> None:
        """These are gone."""
        known = self._values[label]
        known.update(dict.fromkeys(values))
        for value in list(islice(known, max(0, len(known) - MOST_GONE))):
            del known[value]
        self.is_any = self.is_any or bool(values)

    def discard(self, label: Removable, values: Iterable[str]) -> None:
        """These are there."""
        for value in values:
            self._values[label].pop(value, None)
        self.is_any = any(self._values.values())

    def is_told_of_by(self, signal: Signal) -> bool:
        """Whether a signal tells of one that is gone."""
        return any(getattr(signal, label, None) in known for label, known in self._values.items())

    def has(self, family: Family, labels: tuple[str, ...]) -> bool:
        """Whether a series is of one that is gone."""
        return any(labels[place] in self._values[label] for label, place in _PLACES[family.name])
