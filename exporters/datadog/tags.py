"""Tags as Datadog keeps them, so that two series which would become one there are one already here.

Datadog keeps one value for a metric, its tags and a second: two series whose tags are equal after Datadog has
mended them would overwrite each other. So tags are mended here, and what becomes equal is added up.
Source: https://docs.datadoghq.com/getting_started/tagging/#define-tags
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from math import isfinite
from operator import getitem, itemgetter

from exporters.catalogue import Family
from exporters.push.window import Point, Spread, Window
from exporters.settings import MAX_TAG

MOST_REMEMBERED = 50_000
"""Values of one label whose tags are remembered; beyond it they are forgotten and made anew."""
_FAMILY = itemgetter(0)
_FOREIGN = re.compile(r"[^\w\-:./]")


def tag_of(name: str, value: str) -> str:
    """The tag of a label: lower case, with `_` for what a tag cannot hold, and no longer than one may be."""
    return _FOREIGN.sub("_", f"{name}:{value}".lower())[:MAX_TAG].rstrip(":")


class _Known(dict[str, str]):
    """The written tags of one label by its value, each with a comma after it; of no value there is none."""

    def __init__(self, name: str, write: Callable[[str], str]) -> None:
        super().__init__()
        self._name = name
        self._write = write

    def __missing__(self, value: str) -> str:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        text = self[value] = f"{self._write(tag_of(self._name, value))}," if value else ""
        return text


class Tags:
    """Writes tags, joined by commas: `write` makes one tag's text, such as JSON's quotes. `constant` are on
    all points.
    """

    def __init__(self, constant: Mapping[str, str], *, write: Callable[[str], str] = str) -> None:
        self._write = write
        self._constant = ",".join(write(tag_of(name, value)) for name, value in constant.items())
        self._known: dict[str, _Known] = {}

    def writer(self, family: Family) -> Callable[[tuple[str, ...]], str]:
        """What writes the tags of this family's label values; labels without a value have none."""
        columns = [self._column(name) for name in family.labels]
        constant = self._constant

        def written(labels: tuple[str, ...]) -> str:
            own = "".join(map(getitem, columns, labels))
            return own + constant if constant else own[:-1]

        return written

    def _column(self, name: str) -> _Known:
        return self._known.setdefault(name, _Known(name, self._write))


def second_of(window: Window, *, after: int) -> int:
    """The second a window is told for: one that no other has, neither one before it (`after` is theirs)
    nor the last one of an earlier process, which ended before this window began.
    """
    return max(int(window.ended), int(window.began) + 1, after + 1)


def numbers(points: Iterable[Point], *, head_of: Callable[[Family], str], tags: Tags) -> dict[str, float]:
    """Counters and gauges by their family's head and their tags. What has the same text is one series, and is
    added up; of gauges the last one counts. A number that cannot be written, such as NaN, is left out.
    """
    found: dict[str, float] = {}
    for family, group in groupby(points, key=_FAMILY):
        head, written, is_gauge = head_of(family), tags.writer(family), family.kind == "gauge"
        for _, labels, value, _ in group:
            if not isinstance(value, Spread) and isfinite(value):
                text = head + written(labels)
                found[text] = value if is_gauge else found.get(text, 0.0) + value
    return found


def spreads(
    points: Iterable[Point], *, head_of: Callable[[Family], str], tags: Tags
) -> dict[str, list[Point]]:
    """Histograms by their family's head and their tags; those with the same text are one series."""
    found: dict[str, list[Point]] = {}
    for family, group in groupby(points, key=_FAMILY):
        if family.kind == "histogram":
            head, written = head_of(family), tags.writer(family)
            for point in group:
                found.setdefault(head + written(point.labels), []).append(point)
    return found
