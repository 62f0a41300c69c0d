"""Tells at the end of `make fuzz` what it has covered."""

from collections.abc import Callable

import pytest

_COVERED = pytest.StashKey[list[str]]()

Covered = Callable[[str], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_COVERED] = []


@pytest.fixture
def covered(request: pytest.FixtureRequest) -> Covered:
    """Takes a line that tells how much a test has tried."""
    return request.config.stash[_COVERED].append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("covered")
    for line in config.stash[_COVERED]:
        terminalreporter.line(line)
