"""Parting what is to be sent into requests that keep to an intake's limits."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from exporters.push.batchfile import Batch

T = TypeVar("T")


class Limits(NamedTuple):
    """What one request may hold: so many items, and so many bytes before and after compression."""

    items: int
    plain_bytes: int
    bytes: int


def packed(
    items: Sequence[T],
    *,
    encode: Callable[[Sequence[T]], bytes],
    seal: Callable[[bytes, int], Batch],
    limits: Limits,
) -> Iterator[Batch]:
    """Yield requests that keep to the limits: `encode` makes a body of items, `seal` compresses it and takes
    how many they were. What is too large is made again of each half; a single item that is too large is
    yielded as it is, for the intake to judge.
    """
    for start in range(0, len(items), limits.items):
        part = items[start : start + limits.items]
        yield from _halved(part, encode=encode, seal=seal, limits=limits)


def _halved(
    items: Sequence[T],
    *,
    encode: Callable[[Sequence[T]], bytes],
    seal: Callable[[bytes, int], Batch],
    limits: Limits,
) -> Iterator[Batch]:
    plain = encode(items)
    is_single = len(items) == 1
    if is_single or len(plain) <= limits.plain_bytes:
        batch = seal(plain, len(items))
        if is_single or len(batch.body) <= limits.bytes:
            yield batch
            return
    for half in halves(items):
        yield from _halved(half, encode=encode, seal=seal, limits=limits)


def halves(items: Sequence[T]) -> list[Sequence[T]]:
    """Both halves of several items; none of a single one."""
    middle = len(items) // 2
    return [items[:middle], items[middle:]] if middle else []
