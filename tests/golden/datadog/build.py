"""What Datadog gets, byte for byte: `python -m tests.golden.datadog.build` writes the files beside this one
anew. Look at the difference before you commit it: dashboards and monitors of users are written for what
stands there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from exporters.catalogue import CATALOGUE
from exporters.datadog.dogstatsd import DogStatsD, DogStatsDEvents
from exporters.datadog.events import DatadogEvents
from exporters.datadog.metrics import Datadog
from exporters.events import Events, TrialEvent
from exporters.native import NativeHistogram
from exporters.push.batchfile import Batch
from exporters.push.compression import decompressed
from exporters.push.exporter import Intake
from exporters.push.window import Point, Spread, Window
from exporters.settings import DatadogEventChoice, DatadogSettings, Distributions
from integrations.credentials.secret import Secret
from tests.fakes.told import AT, STORY

HERE = Path(__file__).parent
SETTINGS = DatadogSettings(
    api_key=Secret("canary-key-golden"),
    host="web-1",
    tags={"env": "test"},
    events=DatadogEventChoice.ALL,
)
SKETCHES = msgspec.structs.replace(SETTINGS, distributions=Distributions.SKETCHES)
AGENT = DatadogSettings(
    dogstatsd="unix:///var/run/datadog/dsd.socket", tags={"env": "test"}, events=DatadogEventChoice.ALL
)
EVENTS = Events(points=(*STORY, TrialEvent(at=AT)), home="https://dialtone.example.com")


def texts() -> dict[str, str]:
    """The files by name."""
    metrics, events = Datadog(SETTINGS), DatadogEvents(SETTINGS)
    agent, agent_events = DogStatsD(AGENT), DogStatsDEvents(AGENT)
    sketches = Datadog(SKETCHES)
    return {
        "metrics.txt": "".join(_requests(metrics, metrics.encode(window()))),
        "sketches.txt": "".join(_requests(sketches, sketches.encode(window())[-1:])),
        "events.txt": "".join(_requests(events, events.encode(EVENTS))),
        "dogstatsd.txt": "".join(_requests(agent, agent.encode(window()))),
        "dogstatsd-events.txt": "".join(_requests(agent_events, agent_events.encode(EVENTS))),
    }


def window() -> Window:
    """One of each kind: counts, gauges, health, histograms with and without native buckets."""
    calls, depth = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
    health, lag = CATALOGUE["dialtone_health"], CATALOGUE["dialtone_check_start_lag_seconds"]
    webhooks = CATALOGUE["dialtone_webhook_lag_seconds"]
    native, classic = spread(lag.buckets, 0.0, 0.125, 0.25, 0.25, 2.0), spread(webhooks.buckets, 0.125)
    labels = ("github-prod", "github", "repos.get", "traffic", "ok")
    points = (
        Point(calls, labels, 3.0, 120.0),
        Point(calls, ("Café ☕", "github", "repos.get", "traffic", "timeout"), 0.1 + 0.2, 1.0),
        Point(depth, ("spool",), 1e300, 1e300),
        Point(health, ("github-prod", "github", "", "down"), 1.0, 1.0),
        Point(health, ("github-prod", "github", "read", "down"), 1.0, 1.0),
        Point(lag, (), native, native),
        Point(webhooks, ("github-prod",), classic._replace(native=None), classic),
    )
    return Window(started=AT - 3_600, began=AT - 10, ended=AT, points=points)


def spread(bounds: tuple[float, ...], *values: float) -> Spread:
    """A histogram's share of a window that holds these values."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[next((place for place, bound in enumerate(bounds) if value <= bound), len(bounds))] += 1
    histogram = NativeHistogram()
    histogram.add(values)
    return Spread(tuple(counts), sum(values), histogram.copy(cut=True))


def _requests(intake: Intake[Window] | Intake[Events], batches: Sequence[Batch]) -> Iterator[str]:
    for batch in batches:
        address = intake.address(batch)
        headers = {**batch.headers, **dict.fromkeys(address.headers, "***")}
        yield f"{address.method} {address.url}\n"
        yield from (f"{name}: {value}\n" for name, value in sorted(headers.items()))
        plain = decompressed(batch.body, batch.headers.get("content-encoding", ""))
        yield f"\n{plain.hex() if batch.route == 'sketches' else plain.decode()}\n"


if __name__ == "__main__":
    for name, text in texts().items():
        (HERE / name).write_text(text)
