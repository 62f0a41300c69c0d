import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.storage.errors import StateDirectoryError, StateDirectoryLockedError
from app.storage.lock import StateDirectory

HOLD = (
    "import sys; from pathlib import Path; from app.storage.lock import StateDirectory;"
    "StateDirectory(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
)


def test_the_directory_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "a" / "state")

    directory.acquire()

    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert (directory.path / "lock").read_text() == f"{os.getpid()}\n"
    directory.release()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        with pytest.raises(StateDirectoryLockedError, match=f"in use by process {other.pid}: stop it first"):
            StateDirectory(tmp_path).acquire()


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.kill()

    directory = StateDirectory(tmp_path)
    directory.acquire()
    directory.release()


def test_a_released_directory_can_be_held_again(tmp_path: Path) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    first.acquire()
    with pytest.raises(StateDirectoryLockedError):
        second.acquire()
    first.release()
    first.release()

    second.acquire()
    second.release()


def test_a_directory_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    for path in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(StateDirectoryError, match="cannot use the state directory"):
            StateDirectory(path).acquire()
