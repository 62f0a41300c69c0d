"""A copy of the whole table, made in slices between which the event loop runs."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import anyio.lowlevel

from exporters.table import MetricTable, Reading
from exporters.told import Told
from integrations.clock import Clock

SLICE = 0.002
"""Seconds of copying after which the event loop gets its turn."""
_ROWS = 50
"""Rows between two looks at the clock."""
Choose = Callable[[Sequence[Reading]], Sequence[Reading]]


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
    began = clock.monotonic()
    while chunk := list(islice(rows, _ROWS)):
        readings += chosen(chunk)
        if clock.monotonic() - began >= SLICE:
            yield readings
            readings = []
            began = clock.monotonic()
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
