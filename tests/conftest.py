"""What every test has: asyncio as the backend, hypothesis profiles, and a rule for what coverage counts."""

import gc
import os
from collections.abc import Generator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, settings

from tests.untraced import untraced

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_finish() -> None:
    """Set aside the twenty thousand tests, so that no full collection walks them: a seventh of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Name the cases of a test untraced: its module is imported by then, and no line of ours runs."""
    with untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Hand out the tests untraced where workers run them."""
    hands_out = session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput")
    with untraced() if hands_out else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run what is marked so untraced."""
    with untraced() if item.get_closest_marker("untraced") else nullcontext():
        return (yield)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
