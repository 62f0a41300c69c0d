"""Where Prometheus' own tools are; a test that needs one is skipped where it is not installed."""

import shutil
import sys
from pathlib import Path

import pytest

OURS = Path(sys.executable).parent
"""`make test` puts them there where it may (tests/dashboards/install.sh)."""


def tool(name: str) -> str:
    """The program's path; skips the test, and says why, where there is none."""
    found = shutil.which(name) or shutil.which(name, path=OURS)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {PACKAGES[name]}")
    return found


PACKAGES = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}


def promtool() -> str:
    """Prometheus' tool for rules."""
    return tool("promtool")
