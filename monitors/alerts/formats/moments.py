"""Moments as receivers write them."""

from datetime import UTC, datetime

ZERO = "0001-01-01T00:00:00Z"
"""Go's zero time: what Alertmanager says of an alert that has not ended."""


def rfc3339(moment: float) -> str:
    """UTC seconds as Go's RFC3339Nano writes them, to the millisecond: `2026-11-22T21:40:00.5Z`."""
    millis = round(moment * 1000)
    whole = datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{millis % 1000:03d}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"
