"""A million hostile label values: no metric past its limit, and at most 5 MB more memory."""

import json
import subprocess
import sys

MILLION = 1_000_000


def test_a_million_labels_grow_no_metric_past_its_limit_and_memory_by_five_megabytes() -> None:
    command = [sys.executable, "-m", "tests.exporters.hostile_labels", str(MILLION)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=600)
    told = json.loads(done.stdout)
    assert told["most"] == told["limit"] + 1
    assert told["grown"] <= 5_000_000
    assert told["dropped"] > 6 * MILLION
