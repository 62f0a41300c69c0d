"""What is sent by OTLP, byte for byte: `python -m tests.golden.otlp.build` writes the files beside this one
anew. Look at the difference of the JSON before you commit it.
"""

import gzip
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from exporters.catalogue.family import counter, gauge, histogram
from exporters.native import Native
from exporters.otlp.metrics import OTLPMetrics
from exporters.push.window import Point, Spread, Window
from exporters.settings import Histograms, OTLPSettings, Temporality

HERE = Path(__file__).parent

CALLS = counter("golden_calls", ("integration", "vendor"), "Calls of the golden window.")
DEPTH = gauge("golden_depth", (), "A gauge of the golden window.")
DURATION = histogram(
    "golden_duration_seconds", ("integration",), "A histogram of the golden window.", buckets=(0.5, 1.0, 2.0)
)
NOW = Native(schema=2, zero=1, buckets={-3: 2, 1: 1}, low=0.0, high=1.1)
"""What came in the window: 0, twice about 0.55, and 1.1."""
SINCE = Native(schema=2, zero=1, buckets={-3: 2, 1: 3, 900: 1}, low=0.0, high=1.1)
"""What came since the start: so wide that the buckets must be made coarser."""
WINDOW = Window(
    started=1_800_000_000.0,
    began=1_800_000_020.5,
    ended=1_800_000_030.5,
    points=(
        Point(CALLS, ("github-prod", "github"), 3.0, 41.0),
        Point(CALLS, ('"quoted" \n ü', ""), 1.0, 1.5),
        Point(DEPTH, (), 0.0, 0.0),
        Point(DURATION, ("github-prod",), Spread((1, 2, 1, 0), 2.2, NOW), Spread((1, 2, 3, 1), 9.5, SINCE)),
    ),
)


def bodies() -> Iterator[tuple[str, bytes]]:
    """The name of each file, and what is sent with those settings, unpacked."""
    for temporality, histograms in product(Temporality, Histograms):
        settings = OTLPSettings(
            endpoint="https://otlp.example.com",
            temporality=temporality,
            histograms=histograms,
            resource={"deployment.environment.name": "production"},
        )
        (batch,) = OTLPMetrics(settings, version="1.2.3", instance="web-1").encode(WINDOW)
        yield f"{temporality}-{histograms}", gzip.decompress(batch.body)


def readable(body: bytes) -> str:
    """The same as JSON, as opentelemetry-proto reads it."""
    return MessageToJson(ExportMetricsServiceRequest.FromString(body), indent=1) + "\n"


def main() -> None:
    """Write all files."""
    for name, body in bodies():
        (HERE / f"{name}.binpb").write_bytes(body)
        (HERE / f"{name}.json").write_text(readable(body), encoding="utf-8")


if __name__ == "__main__":
    main()
