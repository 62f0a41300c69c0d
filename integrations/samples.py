"""What *is*, as opposed to what happens: gauges and counts that their owner returns when asked."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class Sample(NamedTuple):
    """One value of one metric at the moment of asking.

    `metric` is a name of exporters/catalogue and `labels` are its label values in the catalogue's order;
    a test holds every name against the catalogue. `value` is in the catalogue's unit.
    """

    metric: str
    labels: tuple[str, ...]
    value: float


class Sampled(Protocol):
    """An owner of state that can be sampled; called on the event loop at scrape and flush."""

    def samples(self) -> Iterable[Sample]:
        """Return the values of now, without waiting."""
        ...
