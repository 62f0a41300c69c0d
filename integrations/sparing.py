"""What most integrations hardly have, or have alike, kept in little memory; there may be ten thousand.

A dict takes 184 to 232 bytes for one entry, a Sole 48; what is equal and never changes is one object for all.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar, cast, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
T = TypeVar("T", bound=tuple[object, ...])

_NOTHING: Mapping[object, object] = MappingProxyType({})


class Sole(Mapping[K, V]):
    """A mapping of exactly one entry. `put` makes one, and changes it."""

    __slots__ = ("key", "value")

    def __init__(self, key: K, value: V) -> None:
        self.key = key
        self.value = value

    def __getitem__(self, key: K) -> V:
        """The value, for the one key there is."""
        if key == self.key:
            return self.value
        raise KeyError(key)

    @overload
    def get(self, key: K, /) -> V | None: ...

    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...

    def get(self, key: K, /, default: object = None) -> object:
        """The value, or what stands in for it, without an exception on the way as in that of Mapping."""
        return self.value if key == self.key else default

    def __contains__(self, key: object) -> bool:
        """Whether this is the key."""
        return key == self.key

    def __iter__(self) -> Iterator[K]:
        """The one key."""
        yield self.key

    def __len__(self) -> int:
        """One."""
        return 1


def nothing() -> Mapping[K, V]:
    """The empty mapping, of which all share one."""
    return cast("Mapping[K, V]", _NOTHING)


def put(known: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """The mapping with this entry, to take the place of `known`: itself where it can be changed."""
    if isinstance(known, Sole):
        if key != known.key:
            return {known.key: known.value, key: value}
        known.value = value
        return known
    if isinstance(known, dict):
        known[key] = value
        return known
    return {**known, key: value} if known else Sole(key, value)


def compact(entries: Mapping[K, V]) -> Mapping[K, V]:
    """The same entries in as little as they take."""
    if len(entries) != 1:
        return entries
    ((key, value),) = entries.items()
    return Sole(key, value)


def alike(names: T) -> T:
    """The one tuple of these names and marks that all share."""
    return cast("T", _kept(names))


@lru_cache(maxsize=4096)
def _kept(names: object) -> object:
    return names
