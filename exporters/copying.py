"""A copy of the whole table, made in slices between which the event loop runs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import anyio.lowlevel

from exporters.table import MetricTable, Reading
from exporters.told import Told
from integrations.clock import Clock

SLICE = 0.002
"""Seconds of work after which the event loop gets its turn, in the first second of that work."""
_ROWS = 50
"""Rows between two looks at the clock."""
Choose = Callable[[Sequence[Reading]], Sequence[Reading]]


def turn(lasted: float) -> float:
    """Return how many seconds to work until the event loop's next turn, after so many seconds: the longer it
    has lasted the more, so that it comes to an end beside a loop that is never idle.
    """
    return SLICE * max(1.0, lasted)


def _all(readings: Sequence[Reading]) -> Sequence[Reading]:
    return readings


def slices(
    table: MetricTable, *, clock: Clock, told: Told, cut: bool = False, chosen: Choose = _all
) -> Iterator[list[Reading]]:
    """Copy a table, or what is `chosen` of it, in slices: between two the event loop is to have its turn.
    `cut` and `told` as in `MetricTable.read`.
    """
    rows = table.read(cut=cut, told=told)
    readings: list[Reading] = []
    began = at = clock.monotonic()
    while chunk := list(islice(rows, _ROWS)):
        readings += chosen(chunk)
        if clock.monotonic() - at >= turn(at - began):
            yield readings
            readings = []
            at = clock.monotonic()
    yield readings


async def copied(
    table: MetricTable, *, clock: Clock, cut: bool = False, chosen: Choose = _all
) -> list[Reading]:
    """As `slices`, all in one."""
    readings: list[Reading] = []
    async with Told() as told:
        for copy in slices(table, clock=clock, told=told, cut=cut, chosen=chosen):
            readings += copy
            await anyio.lowlevel.checkpoint()
    return readings
