"""What it costs to build and compress 10,000 points for Datadog, beside datadog-api-client in the same run.

Run: python -m tests.bench.intakes_datadog
"""

import json
import statistics
import time
import zlib
from collections.abc import Callable

import msgspec
from datadog_api_client.model_utils import data_to_dict
from datadog_api_client.v1.model.distribution_point import DistributionPoint
from datadog_api_client.v1.model.distribution_points_payload import DistributionPointsPayload
from datadog_api_client.v1.model.distribution_points_series import DistributionPointsSeries
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_resource import MetricResource
from datadog_api_client.v2.model.metric_series import MetricSeries

from exporters.datadog.dogstatsd import DogStatsD
from exporters.datadog.metrics import Datadog
from exporters.naming import datadog_unit, dotted
from exporters.push.representatives import values_of
from exporters.push.window import Point, Spread, Window, labelled
from exporters.settings import DatadogSettings, Distributions
from integrations.credentials.secret import Secret
from tests.bench.windows import Traffic

POINTS = 10_000
GOAL = 0.025
ROUNDS, PEER_ROUNDS = 25, 3
SETTINGS = DatadogSettings(api_key=Secret("k" * 32), host="web-1", tags={"env": "production"})
AGENT = DatadogSettings(dogstatsd="udp://127.0.0.1:8125", tags={"env": "production"})


def cpu(work: Callable[[], object], rounds: int) -> float:
    """Median CPU seconds of one run."""
    found = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return statistics.median(found)


def by_library(window: Window) -> int:
    """The same points as the library's models, written and compressed as its client does; bytes."""
    second = int(window.ended)
    series = [_series(point, second) for point in window.points if not isinstance(point.value, Spread)]
    spreads = [_distribution(point, second) for point in window.points if isinstance(point.value, Spread)]
    bodies = (MetricPayload(series=series), DistributionPointsPayload(series=spreads))
    return sum(len(zlib.compress(json.dumps(data_to_dict(body)).encode())) for body in bodies)


def _series(point: Point, second: int) -> MetricSeries:
    is_gauge = point.family.kind == "gauge"
    unit = datadog_unit(point.family)
    return MetricSeries(
        metric=dotted(point.family),
        type=MetricIntakeType.GAUGE if is_gauge else MetricIntakeType.COUNT,
        points=[MetricPoint(timestamp=second, value=float(point.value))],  # type: ignore[arg-type]  # No Spread.
        tags=_tags(point),
        resources=[MetricResource(name="web-1", type="host")],
        **({} if is_gauge else {"interval": 10}),
        **({"unit": unit} if unit else {}),
    )


def _distribution(point: Point, second: int) -> DistributionPointsSeries:
    return DistributionPointsSeries(
        metric=dotted(point.family),
        points=[DistributionPoint([float(second), values_of(point)])],
        tags=_tags(point),
        host="web-1",
    )


def _tags(point: Point) -> list[str]:
    return [*(f"{name}:{value}" for name, value in labelled(point).items()), "env:production"]


def main() -> None:
    """Print CPU and bytes of each way."""
    traffic = Traffic(points=POINTS)
    traffic.cut()
    window = traffic.cut()
    points = msgspec.structs.replace(window, points=window.points[:POINTS])
    ways = {
        "series and distribution points": Datadog(SETTINGS),
        "series and sketches": Datadog(
            msgspec.structs.replace(SETTINGS, distributions=Distributions.SKETCHES)
        ),
        "DogStatsD lines": DogStatsD(AGENT),
    }
    print(f"{len(points.points):,} points, built and compressed; median CPU of {ROUNDS}")
    costs = {}
    for name, intake in ways.items():
        size = sum(len(batch.body) for batch in intake.encode(points))
        costs[name] = cpu(lambda intake=intake: intake.encode(points), ROUNDS)
        print(f"{name:<34} {costs[name] * 1e3:7.1f} ms   {size:>9,} bytes")
    ours = costs["series and distribution points"]
    theirs = cpu(lambda: by_library(points), PEER_ROUNDS)
    print(
        f"{'datadog-api-client':<34} {theirs * 1e3:7.1f} ms   {by_library(points):>9,} bytes"
        f"   {theirs / ours:.0f} x"
    )
    print(f"goal: {GOAL * 1e3:.0f} ms: {'met' if ours <= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
