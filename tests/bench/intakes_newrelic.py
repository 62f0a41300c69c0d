"""What it costs to build and compress 10,000 points for New Relic, beside newrelic-telemetry-sdk in the same
run.

Run: python -m tests.bench.intakes_newrelic
"""

import statistics
import time
from collections.abc import Callable

import msgspec
from newrelic_telemetry_sdk import CountMetric, GaugeMetric, MetricClient, SummaryMetric

from exporters.events import Events
from exporters.naming import dotted
from exporters.newrelic.events import NewRelicEvents
from exporters.newrelic.metrics import NewRelic
from exporters.push.representatives import values_of
from exporters.push.window import Point, Spread, Window, labelled
from exporters.settings import NewRelicSettings
from integrations.credentials.secret import Secret
from tests.bench.windows import SECONDS, Traffic
from tests.fakes.told import STORY

POINTS, EVENTS = 10_000, 2_000
GOAL = 0.020
ROUNDS, PEER_ROUNDS = 25, 5
SETTINGS = NewRelicSettings(license_key=Secret("k" * 40), account_id=42, attributes={"env": "production"})


def cpu(work: Callable[[], object], rounds: int) -> float:
    """Median CPU seconds of one run."""
    found = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return statistics.median(found)


def by_library(client: MetricClient, window: Window) -> int:
    """The same points as the library's metrics, written and compressed by its client; bytes."""
    metrics = [_metric(point) for point in window.points]
    common = {"timestamp": int(window.began * 1000), "attributes": {"env": "production"}}
    return len(client._create_payload(metrics, common))


def _metric(point: Point) -> dict[str, object]:
    name, tags, milliseconds = dotted(point.family), dict(labelled(point)), int(SECONDS * 1000)
    if isinstance(point.value, Spread):
        values, spread = values_of(point), point.value
        low, high = values[0], values[-1]
        return SummaryMetric(name, spread.observations, spread.total, low, high, milliseconds, tags)
    if point.family.kind == "gauge":
        return GaugeMetric(name, point.value, tags)
    return CountMetric(name, point.value, milliseconds, tags)


def main() -> None:
    """Print CPU and bytes of each way."""
    traffic = Traffic(points=POINTS)
    traffic.cut()
    window = traffic.cut()
    points = msgspec.structs.replace(window, points=window.points[:POINTS])
    metrics = NewRelic(SETTINGS, version="1")
    client = MetricClient(SETTINGS.license_key.reveal())
    ours = cpu(lambda: metrics.encode(points), ROUNDS)
    theirs = cpu(lambda: by_library(client, points), PEER_ROUNDS)
    size = sum(len(batch.body) for batch in metrics.encode(points))
    print(f"{len(points.points):,} points, built and compressed; median CPU of {ROUNDS}")
    print(f"{'counts, gauges and summaries':<34} {ours * 1e3:7.1f} ms   {size:>9,} bytes")
    library = f"{by_library(client, points):>9,} bytes   {theirs / ours:.0f} x"
    print(f"{'newrelic-telemetry-sdk':<34} {theirs * 1e3:7.1f} ms   {library}")
    told = Events(points=STORY * (EVENTS // len(STORY)), home="https://dialtone.example.com")
    events = NewRelicEvents(SETTINGS, version="1")
    print(f"{f'{EVENTS:,} events':<34} {cpu(lambda: events.encode(told), ROUNDS) * 1e3:7.1f} ms")
    print(f"goal: {GOAL * 1e3:.0f} ms: {'met' if ours <= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
