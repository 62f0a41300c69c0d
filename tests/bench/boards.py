"""What every panel of every board costs on a Prometheus with six hours of a thousand integrations.

The history is written by promtool's backfill at a step of 60 s: what boards read, recorded series included.
Each query is sent as Grafana sends it: over six hours, with all integrations chosen where a board lets one. A
panel's time is that of its queries one after the other, with reading the answers; the median of five, and the
least, which a machine that is busy with other things disturbs less.

Run: python -m tests.bench boards (needs prometheus and promtool; takes about five minutes), or python -m
tests.bench.boards FOLDER, which keeps the history there and takes it up the next time.
"""

import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import promql_parser

from tests.bench.board_history import HOURS, INTEGRATIONS, STEP, backfill, integration, recorded
from tests.bench.process import cpu_seconds, resident_bytes
from tests.real.servers import answers, eventually, free_port, program, running

BOARDS = Path(__file__).parents[2] / "dashboards"
GOAL = 0.1
TURNS = 5
BUILT_IN = {
    "$__rate_interval": f"{4 * STEP}s",
    "$__interval": f"{STEP}s",
    "$__range": f"{HOURS * 3_600}s",
    "$__range_s": f"{HOURS * 3_600}",
}

Object = dict[str, Any]


class Panel(NamedTuple):
    """A panel and its queries, as they are sent; `instant` are asked for the last moment only."""

    board: str
    title: str
    queries: tuple[tuple[str, bool], ...]


def boards() -> Iterator[tuple[str, Object]]:
    """Return every board by its name."""
    for path in sorted(BOARDS.rglob("*.json")):
        board = json.loads(path.read_text())
        if "panels" in board:
            yield path.stem, board


def panels() -> list[Panel]:
    """Return all panels that ask Prometheus."""
    found = []
    for name, board in boards():
        chosen = {one["name"]: _chosen(one) for one in board["templating"]["list"]}
        for panel in board["panels"]:
            targets = [one for one in panel.get("targets", ()) if one.get("expr") and not one.get("hide")]
            queries = tuple((filled(one["expr"], chosen), bool(one.get("instant"))) for one in targets)
            if queries:
                found.append(Panel(name, panel["title"], queries))
    return found


def _chosen(variable: Object) -> str:
    """What Grafana puts in place of a variable: of `All` its own value, or every value there is."""
    if variable["name"] != "integration" or variable.get("allValue"):
        return variable.get("allValue") or ".+"
    every = [integration(number)["integration"] for number in range(INTEGRATIONS)]
    return f"({'|'.join(every)})" if variable.get("includeAll") else every[1]


def filled(query: str, chosen: Mapping[str, str]) -> str:
    """Return a query with all variables replaced."""
    values = BUILT_IN | {f"${name}": value for name, value in chosen.items()}
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${{{name[1:]}}}", values[name]).replace(name, values[name])
    return re.sub(r"\$\{\w+(:\w+)?\}", ".+", query)


def names(queries: Iterator[str]) -> set[str]:
    """Return what the queries read."""
    found: list[object] = []
    for query in queries:
        promql_parser.walk(promql_parser.parse(query), found.append)  # type: ignore[arg-type]  # the stubs say Expr, parse gives its kinds
    return {str(node.name) for node in found if isinstance(node, promql_parser.VectorSelector)}


def cost(client: httpx.Client, panel: Panel, *, now: int) -> tuple[float, int]:
    """Return the seconds that a panel takes, and how many bytes it is answered with."""
    began, size = time.perf_counter(), 0
    for query, is_instant in panel.queries:
        window = {"start": now - HOURS * 3_600, "end": now, "step": STEP}
        asked = {"query": query, **({"time": now} if is_instant else window)}
        answer = client.post("/api/v1/query" if is_instant else "/api/v1/query_range", data=asked)
        if answer.status_code != 200:
            raise RuntimeError(f"{panel.board}: {panel.title}: {answer.text[:300]}")
        size += len(answer.content)
    return time.perf_counter() - began, size


class Result(NamedTuple):
    """What a panel took: seconds as a rule and at least, Prometheus' CPU, and the bytes of its answers."""

    seconds: float
    least: float
    cpu: float
    size: int
    panel: Panel


def measure(client: httpx.Client, *, pid: int, now: int) -> None:
    """Print the panels that cost most, and all that miss the goal."""
    results = []
    for panel in panels():
        before = cpu_seconds(pid)
        turns = [cost(client, panel, now=now) for _ in range(TURNS)]
        cpu = (cpu_seconds(pid) - before) / TURNS
        times = [seconds for seconds, _ in turns]
        results.append(Result(statistics.median(times), min(times), cpu, turns[0][1], panel))
    results.sort(key=lambda one: -one.seconds)
    missed = [one for one in results if one.seconds > GOAL]
    for seconds, least, cpu, size, panel in results[: max(12, len(missed))]:
        what = f"{panel.board}: {panel.title}"
        time_taken = f"{seconds * 1e3:7.0f} ms, at least {least * 1e3:4.0f}"
        print(f"{time_taken}  CPU {cpu * 1e3:6.0f} ms {size / 1024:8.0f} KiB  {what}")
    times = [one.seconds for one in results]
    typical = statistics.median(times)
    print(f"{len(results)} panels; median {typical * 1e3:.0f} ms, slowest {times[0] * 1e3:.0f} ms")
    print(f"goal: every panel within {GOAL * 1e3:.0f} ms: {len(missed)} not, {'MISSED' if missed else 'met'}")
    slow, busy = sum(one.least > GOAL for one in results), sum(one.cpu > GOAL for one in results)
    print(f"on a busy machine: by the least time {slow} not, by the CPU that Prometheus takes {busy} not")


def written(folder: Path) -> int:
    """Write the history into a folder, unless it is there; return its last moment."""
    mark = folder / "now"
    if mark.exists():
        return int(mark.read_text())
    now, began = int(time.time()) // STEP * STEP, time.perf_counter()
    queries = (query for panel in panels() for query, _ in panel.queries)
    # All that is recorded is there, so that a board may change between two runs; buckets only if read.
    read = names(queries) | {name for name in recorded() if "_bucket" not in name}
    total, of_one = backfill(read, folder, now=now)
    print(
        f"{INTEGRATIONS:,} integrations with {of_one} series each, {total:,} in all, "
        f"{HOURS} h at {STEP} s, written in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    mark.write_text(str(now))
    return now


def ask(folder: Path) -> None:
    """Start Prometheus on the history, and ask for every panel."""
    port, now = free_port(), written(folder)
    (folder / "prometheus.yml").write_text("{}")
    command = [
        *(program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y"),
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, log=folder / "log") as process, httpx.Client(base_url=url, timeout=120) as client:
        eventually("Prometheus is ready", lambda: answers(f"{url}/-/ready"), within=120)
        measure(client, pid=process.pid, now=now)
        print(f"Prometheus holds {resident_bytes(process.pid) / 2**20:.0f} MiB")


def main(folder: Path | None = None) -> None:
    """Measure, in a folder that is kept, or in one of its own."""
    if folder is not None:
        folder.mkdir(exist_ok=True)
        ask(folder)
        return
    with tempfile.TemporaryDirectory(prefix="dialtone-boards-") as name:
        ask(Path(name))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
