from pathlib import Path

import pytest

from exporters.analytics.segments import Names, Segment, lock_directory, recover
from tests.fakes.clock import FakeClock

NAME = "01800000000000-0badcafe-000001.calls"


def test_names_never_repeat_even_when_the_clock_stands(tmp_path: Path) -> None:
    names = Names(tmp_path, FakeClock())

    made = {names.next("calls", ".open").stem for _ in range(100)}

    assert len(made) == 100


def test_a_restarted_process_gives_other_names(tmp_path: Path) -> None:
    assert Names(tmp_path, FakeClock()).next("calls", "") != Names(tmp_path, FakeClock()).next("calls", "")


@pytest.mark.parametrize(
    ("content", "left"),
    [
        pytest.param(b'{"a":1}\n{"a":2}\n{"a"', b'{"a":1}\n{"a":2}\n', id="torn"),
        pytest.param(b'{"a":1}\n', b'{"a":1}\n', id="whole"),
        pytest.param(b'{"a"', None, id="nothing-whole"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"x" * (1 << 20) + b"\n" + b"y" * (1 << 20), b"x" * (1 << 20) + b"\n", id="long-lines"),
    ],
)
def test_a_torn_last_line_is_cut_and_the_rest_sealed(
    tmp_path: Path, content: bytes, left: bytes | None
) -> None:
    (tmp_path / f"{NAME}.open").write_bytes(content)

    segments = list(recover(tmp_path))

    sealed = tmp_path / f"{NAME}.ndjson"
    assert [path.name for path in tmp_path.iterdir()] == ([sealed.name] if left else [])
    if left:
        assert sealed.read_bytes() == left
        assert segments == [Segment(sealed, "calls", 1_800_000_000.0, left.count(b"\n"), len(left))]


def test_staged_files_are_removed_and_foreign_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.stage").write_bytes(b"{}\n")
    (tmp_path / "notes.ndjson").write_bytes(b"{}\n")

    assert list(recover(tmp_path)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["notes.ndjson"]


def test_a_directory_belongs_to_one_process(tmp_path: Path) -> None:
    lock_directory(tmp_path)

    with pytest.raises(BlockingIOError, match="another process"):
        lock_directory(tmp_path)
