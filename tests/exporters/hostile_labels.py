"""Calls whose labels all come from an enemy: `python -m tests.exporters.hostile_labels 1000000`.

Prints, as JSON, the most series that any metric has, the limit, how many values were counted as dropped, by
how many bytes the process grew, and the seconds it took.
"""

import gc
import json
import sys
import time
from collections import Counter
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.table import SERIES_LIMIT, MetricTable, Reading
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record

ODD = ("\n", '"', "\\", "\u2028", "\x00", "\ud800", "é" * 40, "😀", "\r\n# EOF\n", '"} 1\n')
"""Pieces that a text format, UTF-8 or a reader of lines might stumble over."""


def resident() -> int:
    """Bytes of this process in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("Linux tells VmRSS")


def attack(table: MetricTable, source: SampleList, calls: int) -> None:
    """Record so many calls, no two with the same labels, and let an owner tell of too many series."""
    for number in range(calls):
        name = f"{ODD[number % len(ODD)]}{number}"
        table.on_signal(call_record(integration=name, vendor=name, action=name))
    owned = (Sample("dialtone_calls_in_flight", (str(number),), 1) for number in range(3 * SERIES_LIMIT))
    source.values = tuple(owned)


def survey(readings: list[Reading]) -> dict[str, int]:
    """How many series each metric has."""
    return dict(Counter(reading.family.name for reading in readings))


def main(calls: int) -> dict[str, float]:
    """Attack a table that was used before, and look at it."""
    table, source = MetricTable(), SampleList()
    table.add_source(source)
    table.on_signal(call_record())
    render(list(table.read()), CollectorRegistry(), Format.TEXT, compress=False)
    gc.collect()
    before, began = resident(), time.perf_counter()
    attack(table, source, calls)
    source.values = ()
    gc.collect()
    grown, took = resident() - before, time.perf_counter() - began
    readings = list(table.read())
    dropped = sum(
        reading.value
        for reading in readings
        if reading.family.name == "dialtone_metric_series_dropped_total" and isinstance(reading.value, int)
    )
    return {
        "most": max(survey(readings).values()),
        "limit": SERIES_LIMIT,
        "dropped": dropped,
        "grown": grown,
        "seconds": round(took, 2),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]))) + "\n")
