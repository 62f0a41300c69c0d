"""From a failure to the receiver, through a whole Dialtone: a confirmed failure of checks, and live calls
that open a breaker. The receiver's waits (group_wait) are taken off.

    python -m tests.bench pages
"""

import datetime as dt
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import msgspec

from tests.fakes.receiver_server import Received, ReceiverServer, Reply
from tests.real.servers import answers, dialtone_command, eventually, free_port, running

INTEGRATIONS = 200
BREAKERS = 20
GROUP_WAIT = 1.0
LONGEST = 60.0
AT_ONCE = 5
A_MINUTE = 5
ROUNDS = 1
STORM_SECONDS = 61.0
"""Over a minute: the storm guard lets through 30 pages in one, and makes a digest of more."""

CONFIG = """
listen: 127.0.0.1:{port}
state_dir: {dir}/state
log: {{level: error}}
alerts:
  receivers:
    - {{name: hook, type: webhook, url: "{hook}", send_resolved: false, allow_networks: ["127.0.0.0/8"]}}
  route: {{receiver: hook, group_by: ["..."], group_wait: {wait}}}
integrations:
"""
CHECKED = """
  - {{id: checked-{n}, vendor: http, config: {{url: "{vendor}checked-{n}"}},
     labels: {{tier: "1"}}, check: {{interval: 5, retry_interval: 1, adaptive: false}}}}
"""
CALLED = """
  - {{id: called-{n}, vendor: http, config: {{url: "{vendor}called-{n}"}},
     labels: {{tier: "1"}}, check: {{enabled: false}}, policy: {{retry: {{attempts: 1}}}}}}
"""


class Vendor:
    """Answers 200 to all but those that are said to be down."""

    def __init__(self) -> None:
        self.down: set[str] = set()

    def take(self, request: Received) -> Reply:
        return (503 if request.path.strip("/") in self.down else 200), 0.0


class Hook:
    """Notes when each integration's failure was told first, and when that was confirmed."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.confirmed: dict[str, float] = {}

    def take(self, request: Received) -> Reply:
        now, event = time.time(), msgspec.json.decode(request.body)
        for incident in event["data"]["incidents"]:
            name = incident["integration"]
            if name not in self.arrived:
                self.arrived[name] = now
                self.confirmed[name] = dt.datetime.fromisoformat(incident["opened_at"]).timestamp()
        return 204, 0.0


def show(title: str, waits: list[float]) -> None:
    """One line of figures."""
    ordered = sorted(waits)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    print(
        f"{title:<52} {len(waits):>4} told   p50 {statistics.median(ordered) * 1000:>7.0f} ms   "
        f"p99 {p99 * 1000:>7.0f} ms   (and {GROUP_WAIT:g} s group_wait)"
    )


def open_breaker(url: str, name: str) -> float:
    """Call until the circuit is open; the moment it was."""
    with httpx.Client(timeout=10) as client:
        while True:
            answer = client.post(f"{url}/v2/integrations/{name}/actions/fetch", json={"params": {}})
            if answer.json()["outcome"]["reason"] == "open_circuit":
                return time.time()


def measure(folder: Path) -> None:
    """Break one after the other, so that no common cause explains them."""
    vendor, hook, port = Vendor(), Hook(), free_port()
    with ReceiverServer(vendor.take) as vendors, ReceiverServer(hook.take) as hooks:
        text = CONFIG.format(port=port, dir=folder, hook=hooks.url(), wait=GROUP_WAIT)
        text += "".join(CHECKED.format(n=n, vendor=vendors.url()) for n in range(INTEGRATIONS))
        text += "".join(CALLED.format(n=n, vendor=vendors.url()) for n in range(BREAKERS))
        (folder / "dialtone.yaml").write_text(text)
        url = f"http://127.0.0.1:{port}"
        command = dialtone_command("serve", "--config", str(folder / "dialtone.yaml"))
        with running(command, log=folder / "log"):
            eventually("ready", lambda: answers(f"{url}/readyz"))
            time.sleep(8)
            opened = _opened(url, vendor)
            _await(lambda: sum(name in hook.arrived for name in opened) == len(opened))
            show("live calls open a breaker: open to told", _waits(hook, opened))
            _fail_some(vendor, hook)
    confirmed = {name: at for name, at in hook.confirmed.items() if name.startswith("checked")}
    show("checks confirm a failure: confirmed to told", _waits(hook, confirmed))


def _opened(url: str, vendor: Vendor) -> dict[str, float]:
    opened: dict[str, float] = {}
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, BREAKERS, 2):
            names = [f"called-{start}", f"called-{start + 1}"]
            vendor.down.update(names)
            opened |= zip(names, pool.map(partial(open_breaker, url), names), strict=True)
    return opened


def _fail_some(vendor: Vendor, hook: Hook) -> None:
    """Some of those that are checked, five at a time; no more a minute than the storm guard lets."""
    for start in range(0, ROUNDS * AT_ONCE * A_MINUTE, AT_ONCE):
        if start % (AT_ONCE * A_MINUTE) == 0:
            time.sleep(STORM_SECONDS)
        some = {f"checked-{n}" for n in range(start, start + AT_ONCE)}
        vendor.down |= some
        _await(lambda some=some: some <= set(hook.arrived))  # type: ignore[misc]  # bound at once
        vendor.down -= some


def _waits(hook: Hook, since: dict[str, float]) -> list[float]:
    return [
        max(0.0, hook.arrived[name] - at - GROUP_WAIT) for name, at in since.items() if name in hook.arrived
    ]


def _await(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + LONGEST
    while not done() and time.monotonic() < ends:
        time.sleep(0.02)


def main() -> None:
    """Measure in a temporary folder."""
    print(f"load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name))
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
