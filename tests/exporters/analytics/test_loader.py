from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporters.analytics.segments import Segment
from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable
from integrations.signals import Health
from tests.exporters.analytics.generated import (
    SETTINGS,
    START,
    call,
    health_change,
    operator_action,
    request,
    started,
)


def test_a_segment_seen_twice_is_loaded_once(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.write([call(1), call(2)])
    twice = list(pair.spool.sealed)
    pair.writer.step()
    pair.spool.sealed.extend(twice)

    pair.writer.step()

    assert pair.seqs() == [1, 2]
    pair.close()


def test_who_catches_up_has_also_what_is_not_sealed_yet(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.spool.write([call(1)])

    pair.writer.catch_up()

    assert pair.seqs() == [1]
    pair.close()


def test_who_catches_up_does_not_wait_for_a_backlog(tmp_path: Path) -> None:
    pair = started(tmp_path)
    for number in range(70):
        pair.write([call(number)])

    pair.writer.catch_up()

    assert 0 < pair.writer.rows["calls"] < 70
    pair.close()


def test_a_copy_of_the_file_has_what_is_not_sealed_yet(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.spool.write([call(1)])

    pair.writer.flush()

    assert pair.seqs() == [1]
    pair.close()


def test_a_segment_that_stayed_after_its_load_is_not_loaded_by_the_next_process(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1), call(2)])
    pair.close()
    assert len(list((tmp_path / "spool").glob("*.ndjson"))) == 1

    again = started(tmp_path)
    again.writer.checkpoint()

    assert again.seqs() == [1, 2]
    assert list((tmp_path / "spool").glob("*.ndjson")) == []
    again.close()


def test_segments_stay_until_the_checkpoint_that_holds_them(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    assert len(list((tmp_path / "spool").glob("*.ndjson"))) == 1

    pair.clock.advance(SETTINGS.checkpoint_seconds)
    pair.writer.step()

    assert list((tmp_path / "spool").glob("*.ndjson")) == []
    assert pair.spool.size == 0
    pair.close()


def test_a_large_log_is_checkpointed_early(tmp_path: Path) -> None:
    pair = started(tmp_path, settings=AnalyticsSettings(disk_floor=0, checkpoint_bytes=1))

    pair.load([call(1)])

    assert pair.spool.size == 0
    pair.close()


def test_the_ledger_forgets_segments_that_are_gone(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    pair.writer.checkpoint()

    pair.load([call(2)])

    assert pair.rows("SELECT count(*) FROM ledger") == [(1,)]
    pair.close()


def test_a_line_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.write([call(1), call(2), call(3)])
    segment = pair.spool.sealed[0]
    lines = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(lines[0] + b'{"at": "never"}\n' + lines[2])
    pair.write([request(4)])

    pair.writer.step()

    assert pair.seqs() == [1, 3]
    assert pair.writer.lost == {"calls": 1}
    assert pair.rows("SELECT count(*) FROM api_requests") == [(1,)]
    pair.close()


def test_a_segment_that_someone_removed_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.write([call(1)])
    pair.spool.sealed[0].path.unlink()

    pair.load([request(2)])

    assert pair.writer.lost == {"calls": 1}
    assert pair.rows("SELECT count(*) FROM api_requests") == [(1,)]
    pair.close()


def test_a_failed_load_leaves_nothing_and_is_made_up_for(tmp_path: Path) -> None:
    pair = started(tmp_path)
    loader = pair.writer._loader
    assert loader is not None
    loader._intakes["calls"] = loader._intakes["calls"]._replace(table="no_such_table")
    pair.write([call(1), request(1)])
    with pytest.raises(AnalyticsUnavailable, match="no_such_table"):
        pair.writer.step()
    assert "no_such_table" in pair.writer.problem

    pair.writer.step()

    assert pair.seqs() == [1]
    assert pair.rows("SELECT count(*) FROM api_requests") == [(1,)]
    assert pair.writer.problem == ""
    pair.close()


def test_a_disk_below_the_floor_stops_loading_until_there_is_room(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.write([call(1)])
    pair.spool._free = lambda _: -1
    with pytest.raises(AnalyticsUnavailable, match="MiB are free"):
        pair.writer.step()

    pair.spool._free = lambda _: 1 << 40
    pair.writer.step()

    assert pair.seqs() == [1]
    assert pair.writer.problem == ""
    pair.close()


def test_a_long_backlog_is_loaded_and_let_go_of_in_several_transactions(tmp_path: Path) -> None:
    pair = started(tmp_path, settings=AnalyticsSettings(disk_floor=0, checkpoint_bytes=1))
    for number in range(1, 6):
        pair.write([call(number)])
    pair.spool.sealed = deque(segment._replace(rows=120_000) for segment in pair.spool.sealed)
    loader, loaded = pair.writer._loader, []
    assert loader is not None
    load = loader.load

    def watched(segments: Sequence[Segment]) -> None:
        loaded.append((len(segments), len(list((tmp_path / "spool").glob("*.ndjson")))))
        load(segments)

    loader.load = watched  # type: ignore[method-assign] # it is watched

    pair.writer.step()

    assert loaded == [(3, 5), (2, 2)]
    assert pair.seqs() == [1, 2, 3, 4, 5]
    pair.close()


def test_a_disk_below_the_floor_stops_no_reader(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    pair.spool._free = lambda _: -1
    for write in (
        lambda: pair.load([call(2)]),
        lambda: pair.writer.copy([(1, operator_action(START))]),
        pair.writer.flush,
        lambda: pair.writer.with_archive(lambda _: pair.writer.checkpoint()),
    ):
        with pytest.raises(AnalyticsUnavailable, match="MiB are free"):
            write()

    assert pair.seqs() == [1]
    assert "MiB are free" in pair.writer.problem
    pair.close()


def test_stored_signals_are_copied_with_their_cursor(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.writer.copy([(4, health_change(START, Health.DOWN)), (9, operator_action(START + 1)), (11, call(1))])

    assert pair.writer.position() == 11
    assert pair.rows("SELECT after FROM health_changes") == [("down",)]
    assert pair.rows("SELECT expires_at - ts FROM operator_actions")[0][0].total_seconds() == 60  # type: ignore[attr-defined] # a timedelta
    assert pair.seqs() == []
    assert list((tmp_path / "spool").glob("*.stage")) == []
    pair.close()
