"""Numbers and times of a report as people read them."""

import datetime as dt
import math
from zoneinfo import ZoneInfo

from app.web.words import NOTHING, number
from exporters.analytics.report.period import Period

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_NB = "\N{NO-BREAK SPACE}"

SAME = "same"
"""What has not grown."""


class Times:
    """Moments in a report's zone."""

    def __init__(self, period: Period) -> None:
        self.zone = ZoneInfo(period.zone)
        self._year = dt.datetime.fromtimestamp(period.start, self.zone).year

    def day(self, at: float) -> str:
        """`4 Nov`, with the year where it is not the report's."""
        moment = dt.datetime.fromtimestamp(at, self.zone)
        return self._day(moment)

    def moment(self, at: float) -> str:
        """`4 Nov, 14:05`."""
        moment = dt.datetime.fromtimestamp(at, self.zone)
        return f"{self._day(moment)},{_NB}{moment:%H:%M}"

    def _day(self, moment: dt.datetime) -> str:
        year = "" if moment.year == self._year else f"{_NB}{moment.year}"
        return f"{moment.day}{_NB}{moment:%b}{year}"


def length(seconds: float | None) -> str:
    """Return a length of time in its two largest units: `2 h 15 min`."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}{_NB}s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes}{_NB}min" + (f"{_NB}{rest}{_NB}s" if minutes < 5 and rest else "")
    if whole < 2 * _DAY:
        hours, rest = divmod(round(whole / _MINUTE), 60)
        return f"{hours}{_NB}h" + (f"{_NB}{rest}{_NB}min" if rest else "")
    days, rest = divmod(round(whole / _HOUR), 24)
    return f"{days}{_NB}days" + (f"{_NB}{rest}{_NB}h" if rest else "")


def availability(ratio: float | None) -> str:
    """Return a share of good requests in per cent, never rounded up: what is missed does not look met."""
    if ratio is None:
        return NOTHING
    digits = 3 if ratio >= 0.999 else 2
    scale = 10**digits
    # A ratio such as 0.999 is a little less in binary.
    return f"{math.floor(ratio * 100 * scale + 1e-6) / scale:.{digits}f}".rstrip("0").rstrip(".") + f"{_NB}%"


def part(ratio: float | None) -> str:
    """Return a share in whole per cent, below one with a digit."""
    if ratio is None:
        return NOTHING
    percent = ratio * 100
    return f"{percent:.{1 if 0 < percent < 0.95 else 0}f}{_NB}%"


def growth(now: float, before: float | None) -> str:
    """Return by how much something grew: `+23 %`, `3.2 times`, `new`, or a dash where it cannot be told."""
    if before is None:
        return NOTHING
    if before == 0:
        return "new" if now else NOTHING
    ratio = now / before
    if ratio >= 3:
        return f"{ratio:.1f}{_NB}times"
    change = round((ratio - 1) * 100)
    return f"{change:+d}{_NB}%".replace("-", "\N{MINUS SIGN}") if change else SAME


def money(amount: float, currency: str) -> str:
    """Return an amount; small ones with the digits that matter."""
    digits = 2 if abs(amount) >= 0.1 or amount == 0 else 4
    return f"{amount:,.{digits}f}{_NB}{currency}"


def count(value: float, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def listed(names: tuple[str, ...] | list[str], most: int = 3) -> str:
    """Return names in a row, the rest as a number."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "nobody"
