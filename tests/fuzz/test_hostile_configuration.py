"""Wrong configurations, thousands of them, in a process that may take one GiB; and files without an end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.demo.configuration import Origins, populate, write
from app.settings import SettingsError, load_settings
from integrations.clock import SystemClock
from integrations.manifest.loading import Catalog
from integrations.simulator.faults import FaultBoard
from integrations.simulator.simulator import Simulator
from tests.fuzz.conftest import Covered

SECONDS = 25


def test_a_wrong_configuration_is_refused_with_its_place_soon_and_within_memory(
    tmp_path: Path, covered: Covered
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("no certificate")
    clock = SystemClock()
    simulator = Simulator(Catalog.bundled(), clock=clock, faults=FaultBoard(clock=clock))
    populate(simulator, now=clock.time())
    plain, secure = "http://127.0.0.1:1", "https://127.0.0.1:2"
    origins = Origins(plain=plain, secure=secure, authority=authority, inbox=plain)
    write(tmp_path, listen="127.0.0.1:0", simulator=simulator, origins=origins, inbox_secret="whsec_MDEy")

    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.configuration_child", "5", str(SECONDS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    covered(ran.stdout.strip())


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "/proc/self/mem", "."])
def test_a_file_without_an_end_is_not_read(path: str) -> None:
    with pytest.raises(SettingsError, match=r":1: found"):
        load_settings(Path(path))


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SettingsError, match="something else than a regular file"):
        load_settings(tmp_path / "pipe")


def test_a_file_of_a_hundred_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"a: " + b"x" * 100_000_000)

    with pytest.raises(SettingsError, match="more than 16777216 bytes"):
        load_settings(path)
