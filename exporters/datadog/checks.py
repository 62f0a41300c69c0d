"""The health of integrations as Datadog's service checks."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import itemgetter

import msgspec

from exporters.datadog.tags import tag_of
from exporters.push.window import Point, labelled

CHECK = "dialtone.integration"
_HEALTH = "dialtone_health"
_STATUS: Mapping[str, int] = {"up": 0, "degraded": 1, "throttled": 1, "down": 2, "unauthorized": 2}
"""OK, WARNING and CRITICAL by the state of health; the others are UNKNOWN."""
_UNKNOWN = 3


class ServiceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The health of one integration as Datadog takes it."""

    check: str
    host_name: str
    status: int
    tags: list[str]
    timestamp: int
    message: str


def service_checks(
    points: Iterable[Point], *, at: int, host: str, tags: Mapping[str, str]
) -> Iterator[ServiceCheck]:
    """Yield one service check an integration, by its health as a whole."""
    health = (group for family, group in groupby(points, key=itemgetter(0)) if family.name == _HEALTH)
    for point in chain.from_iterable(health):
        if point.value != 1:
            continue
        labels = dict(labelled(point))
        state = labels.pop("state", "")
        if "capability" not in labels:
            yield ServiceCheck(
                check=CHECK,
                host_name=host,
                status=_STATUS.get(state, _UNKNOWN),
                tags=[tag_of(name, value) for name, value in {**labels, **tags}.items()],
                timestamp=at,
                message=f"{labels.get('integration', '')} is {state}",
            )
