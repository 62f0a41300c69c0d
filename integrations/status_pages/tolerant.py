"""Takes values out of what a status page sent: what is not as expected is left out, and all is bounded."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_ITEMS = 500
"""Components or incidents of one page that are looked at."""

MOST_TEXT = 200

_FIRST, _LAST = 0.0, 253_402_300_799.0
_SPACES = re.compile(r"\s+")


def mapping(value: object) -> Mapping[str, object]:
    """The value when it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[object]:
    """The first items of a list; nothing for anything else."""
    return value[:MOST_ITEMS] if isinstance(value, list) else []


def mappings(value: object) -> list[Mapping[str, object]]:
    """The mappings in a list."""
    return [one for one in listed(value) if isinstance(one, dict)]


def text(value: object) -> str:
    """One line of text, cut where it is too long; empty for anything else."""
    if not isinstance(value, str):
        return ""
    line = _SPACES.sub(" ", value[: MOST_TEXT * 4]).strip()
    line = "".join(letter for letter in line if letter.isprintable())
    return line if len(line) <= MOST_TEXT else line[: MOST_TEXT - 1] + "…"


def texts(value: object) -> tuple[str, ...]:
    """The texts in a list, without the empty ones."""
    return tuple(filter(None, map(text, listed(value))))


def link(value: object) -> str:
    """A web address that may be shown as a link; empty for anything else."""
    address = text(value)
    is_web = address.startswith(("https://", "http://"))
    return address if is_web and not address.endswith("…") and " " not in address else ""


def moment(value: object) -> float | None:
    """UTC seconds of an ISO 8601 or RFC 5322 date, or of a number of seconds; None for anything else."""
    seconds = _seconds(value)
    return seconds if seconds is not None and _FIRST < seconds < _LAST else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        return None
    if re.fullmatch(r"\d{9,11}", value):
        return float(value)
    return _date(value)


def _date(value: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(value.strip())
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None
