"""What coverage counts: every test but those marked untraced."""

import sys
import threading
from types import FrameType
from typing import Self

import coverage
import pytest

from tests.untraced import untraced


class Seen:
    """A tracer, in place of the one that was there."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._before = sys.gettrace(), threading.gettrace()

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        self.names.add(frame.f_code.co_name)

    def __enter__(self) -> Self:
        threading.settrace(self)
        sys.settrace(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before[0])
        threading.settrace(self._before[1])  # type: ignore[arg-type]  # the stub lacks None


def inside() -> None: ...


def in_a_thread() -> None: ...


def afterwards() -> None: ...


def run_in_thread() -> None:
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()


def test_no_tracer_sees_what_runs_inside_nor_the_threads_that_start_there() -> None:
    with Seen() as seen:
        with untraced():
            inside()
            run_in_thread()
        afterwards()

    assert {"inside", "in_a_thread", "afterwards"} & seen.names == {"afterwards"}


def test_a_thread_that_starts_afterwards_is_seen() -> None:
    with Seen() as seen:
        with untraced():
            pass
        run_in_thread()

    assert "in_a_thread" in seen.names


def test_an_error_inside_ends_it_too() -> None:
    with Seen() as seen:
        with pytest.raises(ZeroDivisionError), untraced():
            raise ZeroDivisionError
        afterwards()

    assert "afterwards" in seen.names


def test_a_test_is_counted_where_coverage_runs() -> None:
    assert coverage.Coverage.current() is None or sys.gettrace() is not None


@pytest.mark.untraced
def test_one_that_is_marked_is_not() -> None:
    assert sys.gettrace() is None
