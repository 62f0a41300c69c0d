"""`make bench`: every benchmark in turn, each beside its peers, each printing what it measured."""

import importlib
import sys

BENCHMARKS = (
    "executor",
    "answers",
    "metrics",
    "scheduler",
    "analytics",
    "analytics_scale",
    "storage",
    "live",
    "webhooks",
    "checks",
    "actions",
    "deliveries",
    "pages",
    "boards",
    "tracing",
    "exporters",
    "outage",
)


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    names = sys.argv[1:] or BENCHMARKS
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n== {name} ==", flush=True)
        importlib.import_module(f"tests.bench.{name}").main()


main()
