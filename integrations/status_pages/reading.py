"""What a status page says, in one form for all formats, and what of it matters to an integration."""

from collections.abc import Collection, Iterable

import msgspec

from integrations.signals import Indicator

SEVERITY = (
    Indicator.OPERATIONAL,
    Indicator.MAINTENANCE,
    Indicator.DEGRADED,
    Indicator.PARTIAL_OUTAGE,
    Indicator.MAJOR_OUTAGE,
)
"""From best to worst."""


class UnreadablePageError(ValueError):
    """What came is no status page of the kind that was expected; the message shows nothing of it."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One component of a vendor, and how the page says it is."""

    name: str
    indicator: Indicator


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """An incident or maintenance that is not over. `components` are those it names (empty: it names none, and
    counts for all), `started_at` when it began by the vendor's word, `announced_at` when the vendor said so;
    both UTC seconds. `is_watched`: it is mended and being watched, so that its components decide.
    """

    title: str
    indicator: Indicator
    components: tuple[str, ...] = ()
    url: str = ""
    started_at: float | None = None
    announced_at: float | None = None
    is_watched: bool = False


class PageReading(msgspec.Struct, frozen=True, kw_only=True):
    """A page as it was read. `parts` is empty for a format that tells troubles alone."""

    parts: tuple[Part, ...] = ()
    troubles: tuple[Trouble, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says of the components an integration depends on. `components` are those concerned,
    `unknown` those asked for that the page does not have.
    """

    indicator: Indicator = Indicator.OPERATIONAL
    components: tuple[str, ...] = ()
    title: str = ""
    url: str = ""
    started_at: float | None = None
    announced_at: float | None = None
    unknown: tuple[str, ...] = ()


def worst(indicators: Iterable[Indicator]) -> Indicator:
    """The worst of several; operational for none."""
    return max(indicators, key=SEVERITY.index, default=Indicator.OPERATIONAL)


def select(reading: PageReading, wanted: Collection[str]) -> Said:
    """What a page says of the `wanted` components (none: of all), by name without regard to case.

    A component's own state decides. A trouble that names it decides too while it is not yet mended, because
    pages are known to announce an incident first and colour the component later.
    """
    names = {name.casefold() for name in wanted}
    parts = [part for part in reading.parts if not names or part.name.casefold() in names]
    troubles = [one for one in reading.troubles if _concerns(one, names)]
    of_troubles = worst(one.indicator for one in troubles if not one.is_watched)
    indicator = worst((of_troubles, *(part.indicator for part in parts)))
    known = {part.name.casefold() for part in reading.parts}
    unknown = tuple(name for name in wanted if known and name.casefold() not in known)
    if indicator is Indicator.OPERATIONAL:
        return Said(unknown=unknown)
    bad = [part.name for part in parts if part.indicator is not Indicator.OPERATIONAL]
    leading = max(troubles, key=_gravity, default=None)
    if leading is None:
        return Said(indicator=indicator, components=tuple(bad), unknown=unknown)
    named = [name for name in leading.components if not names or name.casefold() in names]
    return Said(
        indicator=indicator,
        components=tuple(dict.fromkeys(bad or named)),
        title=leading.title,
        url=leading.url,
        started_at=leading.started_at,
        announced_at=leading.announced_at if leading.announced_at is not None else leading.started_at,
        unknown=unknown,
    )


def _concerns(trouble: Trouble, names: Collection[str]) -> bool:
    if not names or not trouble.components:
        return True
    return any(name.casefold() in names for name in trouble.components)


def _gravity(trouble: Trouble) -> tuple[int, float]:
    """The worst first, of equals the one that began first."""
    return SEVERITY.index(trouble.indicator), -(trouble.started_at or 0.0)
