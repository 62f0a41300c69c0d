"""When a credential ends, as vendors write it: in headers, in answers and in JWTs."""

import base64
import datetime as dt
import email.utils
import re

import msgspec

_JWT = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
_ZONE_AFTER_SPACE = re.compile(r" (UTC|Z|[+-]\d{2}:?\d{2})$")
_YEAR_10000 = 253_402_300_800.0


def read_time(text: str, unit: str = "time") -> float | None:
    """UTC seconds; None when the text is no time.

    `unit` is epoch_seconds, epoch_milliseconds, or time: ISO 8601 (UTC where it names no zone; a day alone is
    its first second), `2026-12-01 10:00:00 UTC`, or an HTTP date (RFC 9110, 5.6.7).
    """
    text = text.strip()
    try:
        if unit != "time":
            seconds = float(text) * (0.001 if unit == "epoch_milliseconds" else 1.0)
            return seconds if 0 < seconds < _YEAR_10000 else None
        return _stamp(text).timestamp()
    except (ValueError, OverflowError):
        return None


def jwt_end(text: str) -> float | None:
    """When a JWT ends by its own `exp` (RFC 7519, 4.1.4), unverified; None for what is no JWT or has none."""
    match = _JWT.fullmatch(text)
    if match is None:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
    except (ValueError, msgspec.DecodeError):
        return None
    end = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(end, bool) or not isinstance(end, (int, float)):
        return None
    return float(end) if 0 < end < _YEAR_10000 else None


def _stamp(text: str) -> dt.datetime:
    try:
        stamp = dt.datetime.fromisoformat(_ZONE_AFTER_SPACE.sub(_zone, text))
    except ValueError:
        stamp = email.utils.parsedate_to_datetime(text)
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC)


def _zone(match: re.Match[str]) -> str:
    return "+00:00" if match[1] in ("UTC", "Z") else match[1]
