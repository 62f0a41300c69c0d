"""Fallbacks: another integration, or a fixed answer, in place of one that fails.

A fallback keeps a fifth of the time. Integrations may fall back on one another in a chain; a circle is
refused where a file is loaded, and at run time ends where it would begin again.
"""

from collections.abc import Mapping

from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.execution.outcome import FailureKind
from integrations.manifest.schema import Manifest

LONGEST = 16
"""Integrations that a chain of fallbacks may lead through: the last one's share of the time is nothing."""

KEPT = 0.2
"""The share of the time that is left for the fallback."""

_K = FailureKind
REPLACEABLE = frozenset(
    {
        _K.TIMEOUT,
        _K.CONNECTION,
        _K.TLS,
        _K.DNS,
        _K.SERVER_ERROR,
        _K.MALFORMED,
        _K.TOO_LARGE,
        _K.VENDOR_ERROR,
        _K.EXPECTATION,
        _K.THROTTLED,
        _K.REJECTED,
    }
)
"""The failures another answer may stand in for: the vendor is down, or no call may be made now. What the
vendor refuses to us, or says is not there, stays its answer."""


def check_fallback(connection: Connection, manifest: Manifest) -> None:
    """Refuse a fallback that cannot work. Whether others lead back here only the whole configuration shows.

    Raises:
        ConfigurationError: for actions that the vendor does not have, and for a fallback on itself.
    """
    fallback = connection.fallback
    for action in fallback.actions:
        if action not in manifest.actions:
            raise ConfigurationError(
                connection.id,
                key="fallback.actions",
                found=repr(action),
                expected=f"an action of {manifest.id}",
                valid=manifest.actions,
                word=action,
            )
    if fallback.integration == connection.id:
        raise ConfigurationError(
            connection.id, key="fallback.integration", found="itself", expected="another integration"
        )


def circle_from(start: str, links: Mapping[str, str]) -> list[str]:
    """The way from `start` back to itself along `links`; empty when there is none of at most 16."""
    way = _way_from(start, links)
    return [*way, start] if links.get(way[-1]) == start else []


def is_too_long(start: str, links: Mapping[str, str]) -> bool:
    """Whether the way from `start` along `links` leads through more than 16 others."""
    return len(_way_from(start, links)) > LONGEST


def _way_from(start: str, links: Mapping[str, str]) -> list[str]:
    way = [start]
    while (following := links.get(way[-1])) and following not in way and len(way) <= LONGEST:
        way.append(following)
    return way
