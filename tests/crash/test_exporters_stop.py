"""SIGTERM while metrics are pushed: nothing is lost, and all has ended within five seconds."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from exporters.push.batchfile import Batch
from exporters.push.spool import Spool
from exporters.settings import LEAST_SPOOL
from integrations.clock import SystemClock
from tests.crash.exporters_child import DATADOG_KEY, NEWRELIC_KEY, OTLP_KEY
from tests.fakes.all_intakes import AllIntakes, DatadogStore
from tests.fakes.newrelic_intake import NewRelicIntake
from tests.fakes.otlp_intake import OTLPIntake
from tests.fakes.receiver_server import Received, ReceiverServer, Reply
from tests.real.servers import answers, dialtone_command, eventually, free_port

CALLS = 25
WITHIN = 5.0
HANGING = 60.0
NAMES = ("otlp", "datadog", "newrelic")


class World:
    """The intakes and a vendor on one address; the intakes may hang."""

    def __init__(self) -> None:
        self.intakes = AllIntakes(
            otlp=OTLPIntake(key=OTLP_KEY),
            datadog=DatadogStore(DATADOG_KEY),
            newrelic=NewRelicIntake(key=NEWRELIC_KEY, now=time.time),
            seed=1,
        )
        self.intakes.is_troubled = False
        self.hangs = False

    def take(self, received: Received) -> Reply:
        if received.path == "/vendor":
            return 204, 0.0
        return (200, HANGING) if self.hangs else self.intakes.take(received)

    def told(self) -> dict[str, float]:
        return self.intakes.totals("dialtone.calls", integration="web", origin="traffic")


class Site:
    """A Dialtone, started and stopped by its command, and its world."""

    def __init__(self, folder: Path, world: World, port: int) -> None:
        self.folder, self.world, self.port = folder, world, free_port()
        self.spools = folder / "state" / "exporters"
        self.spools.mkdir(parents=True)
        intakes = f"http://127.0.0.1:{port}"
        config = {
            "listen": f"127.0.0.1:{self.port}",
            "state_dir": str(folder / "state"),
            "defaults": {"check": {"interval": 3600}},
            "integrations": [{"id": "web", "vendor": "http", "config": {"url": f"{intakes}/vendor"}}],
            "exporters": {
                "flush_interval": 300,
                "spool_bytes": LEAST_SPOOL,
                "otlp": {"endpoint": intakes, "headers": {"api-key": OTLP_KEY}, "temporality": "delta"},
                "datadog": {"api_key": DATADOG_KEY, "url": intakes},
                "newrelic": {"license_key": NEWRELIC_KEY, "url": f"{intakes}/metric/v1"},
            },
        }
        (folder / "dialtone.yaml").write_text(json.dumps(config))

    def live(self, *, calls: int, before: str = "") -> float:
        """Start it, make calls, and stop it; return how long the stop took. `before` is run in its shell."""
        command = dialtone_command("serve", "--config", str(self.folder / "dialtone.yaml"))
        if before:
            command = ["unshare", "-rm", "sh", "-c", f'{before} && exec "$@"', "sh", *command]
        with (self.folder / "dialtone.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{self.port}"
            eventually("it is ready", lambda: answers(f"{url}/readyz"), within=60)
            for _ in range(calls):
                answer = httpx.post(
                    f"{url}/v2/integrations/web/actions/fetch", json={"params": {}}, timeout=10
                )
                assert answer.status_code == 200, answer.text
            began = time.monotonic()
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(30) == 0, self.log()
            return time.monotonic() - began
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        return (self.folder / "dialtone.log").read_text()

    def spool(self, name: str) -> Spool:
        return Spool(self.spools / name, limit=1 << 30, keep=3_000.0, clock=SystemClock())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    world = World()
    with ReceiverServer(world.take) as server:
        yield Site(tmp_path, world, server.port)


def nothing(_: Site) -> None:
    """Break nothing."""


def damage(site: Site) -> None:
    """Leave garbage, a torn file and one that is no batch in each spool."""
    for name in NAMES:
        folder = site.spools / name
        folder.mkdir()
        (folder / "0000000000000001-0000-5.batch").write_bytes(b"garbage")
        (folder / "0000000000000002-0000-5.batch").write_bytes(b"DTX1\0\0\0")
        (folder / "0000000000000003-0000-5.part").write_bytes(b"half")
        (folder / "notes.txt").write_text("mine")


def put_a_file_in_the_way(site: Site) -> None:
    """Make each spool a directory that cannot be made."""
    for name in NAMES:
        (site.spools / name).write_text("no directory")


@pytest.mark.parametrize("trouble", [nothing, damage, put_a_file_in_the_way], ids=lambda each: each.__name__)
def test_all_is_told_when_it_stops(site: Site, trouble: Callable[[Site], None]) -> None:
    trouble(site)

    took = site.live(calls=CALLS)

    assert site.world.told() == dict.fromkeys(NAMES, float(CALLS)), site.log()
    assert site.world.intakes.faults() == []
    assert took <= WITHIN


def test_a_full_disk_loses_nothing_while_the_intakes_work(site: Site) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("a file system of its own cannot be mounted here: `unshare -rm` is not allowed")
    spools = [str(site.spools / name) for name in NAMES]
    before = [
        f"mount -t tmpfs -o size=64k none {site.spools}",
        f"mkdir {' '.join(spools)}",
        f"{{ dd if=/dev/zero of={site.spools}/full bs=1k status=none || true; }}",
    ]

    took = site.live(calls=CALLS, before=" && ".join(before))

    assert "No space left on device" in site.log()
    assert site.world.told() == dict.fromkeys(NAMES, float(CALLS))
    assert took <= WITHIN


def test_what_intakes_that_hang_do_not_take_is_told_after_the_next_start(site: Site) -> None:
    site.world.hangs = True
    took = site.live(calls=CALLS)
    assert site.world.told() == dict.fromkeys(NAMES, 0.0)
    assert took <= WITHIN

    site.world.hangs = False
    site.live(calls=0)

    assert site.world.told() == dict.fromkeys(NAMES, float(CALLS))
    assert site.world.intakes.faults() == []


def test_a_full_spool_keeps_the_newest_while_the_intakes_hang(site: Site) -> None:
    old = Batch(
        route="none", body=os.urandom(LEAST_SPOOL), headers={}, points=7, cut_at=SystemClock.time() - 60
    )
    for name in NAMES:
        spool = site.spool(name)
        spool.open()
        spool.append([old])
    site.world.hangs = True

    took = site.live(calls=CALLS)

    kept = {name: site.spool(name) for name in NAMES}
    for spool in kept.values():
        spool.open()
    assert all(spool.bytes > 0 for spool in kept.values())
    assert took <= WITHIN
