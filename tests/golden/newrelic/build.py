"""What New Relic gets, byte for byte: `python -m tests.golden.newrelic.build` writes the files beside this
one anew. Look at the difference before you commit it: dashboards and queries of users are written for what
stands there.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

from exporters.catalogue import CATALOGUE
from exporters.events import Events, TrialEvent
from exporters.native import NativeHistogram
from exporters.newrelic.events import NewRelicEvents
from exporters.newrelic.metrics import NewRelic
from exporters.push.batchfile import Batch
from exporters.push.exporter import Intake
from exporters.push.window import Point, Spread, Window
from exporters.settings import NewRelicSettings
from integrations.credentials.secret import Secret
from tests.fakes.told import AT, STORY

HERE = Path(__file__).parent
SETTINGS = NewRelicSettings(
    license_key=Secret("canary-key-golden"), account_id=42, attributes={"environment": "test"}
)
REQUEST_ID = "5b4e0d2c-6c2e-4f4c-9b39-1f6f0a4f8a11"


def texts() -> dict[str, str]:
    """The files by name."""
    metrics = NewRelic(SETTINGS, version="1.2.3", new_id=lambda: REQUEST_ID)
    events = NewRelicEvents(SETTINGS, version="1.2.3", new_id=lambda: REQUEST_ID)
    told = Events(points=(*STORY, TrialEvent(at=AT)), home="https://dialtone.example.com")
    return {
        "metrics.txt": "".join(_requests(metrics, metrics.encode(window()))),
        "events.txt": "".join(_requests(events, events.encode(told))),
    }


def window() -> Window:
    """One of each kind: counts, gauges, histograms with and without native buckets."""
    calls, depth = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
    health, lag = CATALOGUE["dialtone_health"], CATALOGUE["dialtone_check_start_lag_seconds"]
    native, classic = spread(lag.buckets, 0.125, 0.25, 2.0), spread(lag.buckets, 0.125)
    labels = ("github-prod", "github", "repos.get", "traffic", "ok")
    points = (
        Point(calls, labels, 3.0, 120.0),
        Point(calls, ("café ☕", "github", "repos.get", "traffic", "timeout"), 0.1 + 0.2, 1.0),
        Point(depth, ("spool",), 1e300, 1e300),
        Point(health, ("github-prod", "github", "", "down"), 1.0, 1.0),
        Point(lag, (), native, native),
        Point(lag, (), classic._replace(native=None), classic),
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


def _requests(intake: Intake[Window] | Intake[Events], batches: object) -> Iterator[str]:
    assert isinstance(batches, list)
    for batch in batches:
        assert isinstance(batch, Batch)
        address = intake.address(batch)
        yield f"POST {address.url}\n"
        headers = {**batch.headers, **address.headers, "api-key": "***"}
        yield from (f"{name}: {value}\n" for name, value in sorted(headers.items()))
        yield f"\n{gzip.decompress(batch.body).decode()}\n"


if __name__ == "__main__":
    for name, text in texts().items():
        (HERE / name).write_text(text)
