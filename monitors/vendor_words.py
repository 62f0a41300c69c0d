"""What a vendor says of itself, as a part of our verdict's reason."""

from datetime import UTC, datetime

from integrations.signals import Health, Indicator
from monitors.report import VendorWord

_WORDS = {
    Indicator.OPERATIONAL: "no trouble",
    Indicator.MAINTENANCE: "maintenance",
    Indicator.DEGRADED: "degraded performance",
    Indicator.PARTIAL_OUTAGE: "partial outage",
    Indicator.MAJOR_OUTAGE: "major outage",
}
_AT_ONCE = 30.0
"""Seconds between our detection and the vendor's word below which they count as one."""


def lag(word: VendorWord, *, bad_since: float | None) -> float | None:
    """How long after our own detection the vendor announced its trouble (seconds, below 0: before)."""
    if bad_since is None or word.announced_at is None or word.indicator is Indicator.OPERATIONAL:
        return None
    return word.announced_at - bad_since


def tell(word: VendorWord, *, vendor: str, state: Health, bad_since: float | None) -> str:
    """One sentence on the vendor's word, with who was first; empty where it adds nothing to the verdict."""
    if word.indicator is Indicator.OPERATIONAL:
        if state is not Health.DOWN:
            return ""
        return f"{vendor}'s status page shows no trouble, as read at {_clock(word.read_at)}."
    of = f" of {', '.join(word.components)}" if word.components else ""
    since = f" since {_clock(word.started_at)}" if word.started_at is not None else ""
    title = f" ({word.title})" if word.title else ""
    ours = _first(lag(word, bad_since=bad_since))
    return f"{vendor} says: {_WORDS[word.indicator]}{of}{since}{title}{ours}."


def with_word(
    reason: str, word: VendorWord | None, *, vendor: str, state: Health, bad_since: float | None
) -> str:
    """A reason with the vendor's word behind it, where it has one; `vendor` is its name if it gives none."""
    if word is None:
        return reason
    told = tell(word, vendor=word.name or vendor, state=state, bad_since=bad_since)
    return f"{reason} {told}" if told else reason


def _first(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if abs(seconds) < _AT_ONCE:
        return "; our detection came at the same time"
    return f"; our detection was {_length(abs(seconds))} {'earlier' if seconds > 0 else 'later'}"


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %H:%M UTC")
