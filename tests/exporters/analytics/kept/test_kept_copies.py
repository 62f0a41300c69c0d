"""What lives in the database alone comes back when that is lost, whenever it is, and is never doubled."""

import itertools
import shutil
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporters.analytics.kept.pieces import Piece
from exporters.analytics.kept.returning import Returning
from exporters.analytics.rollups.roller import Roller
from exporters.analytics.settings import AnalyticsSettings, Retention
from tests.exporters.analytics.archive.sealing_by_hand import expire, seal_all
from tests.exporters.analytics.generated import START, Pair, abandon, call
from tests.exporters.analytics.kept.kept_by_hand import (
    copies,
    declare,
    held,
    keep,
    lose,
    opened,
    priced,
    reopened,
    roll,
)
from tests.exporters.analytics.model import Model, SteppingClock, moment

HOUR, DAY = 3_600.0, 86_400.0
NOON = START // DAY * DAY + DAY / 2
WHOLE = "SELECT sum(calls)::BIGINT FROM calls_hourly"

happenings = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), max_size=6),
        st.sampled_from([None, 0.5, 2.0]),
        st.sampled_from(["goes on", "lost", "older", "killed", "killed while writing", "begins anew"]),
    ),
    min_size=1,
    max_size=3,
)


def before(pair: Pair, *, days: float = 3, calls: int = 3) -> Pair:
    """Calls of some days that are rolled up, priced and kept."""
    declare(pair, priced(NOON - 10 * DAY, 0.5))
    pair.load([call(number, at=NOON - days * DAY + number * HOUR, caller="bot") for number in range(calls)])
    roll(pair)
    keep(pair)
    return pair


@settings(max_examples=3)
@given(story=happenings)
def test_whatever_happens_to_the_database_what_was_kept_is_there_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[list[tuple[int, int]], float | None, str]]
) -> None:
    directory = tmp_path_factory.mktemp("kept") / "analytics"
    pair = opened(directory, NOON)
    numbers = itertools.count()
    older = b""
    for calls, price, event in story:
        if price is not None:
            pair.clock.advance(60)
            declare(pair, priced(pair.clock.time(), price))
        pair.load([call(next(numbers), at=NOON - ago * DAY - hours * HOUR) for ago, hours in calls])
        roll(pair)
        keep(pair)
        was = held(pair)

        pair, older = happen(pair, event, older)

        assert held(pair) == was
        assert keep(pair) == 0
        assert list(pair.writer.kept.glob("*/*.part")) == []
    pair.close()


def happen(pair: Pair, event: str, older: bytes) -> tuple[Pair, bytes]:
    """Let it happen; return what is open then, and a copy of an older database."""
    directory, now = pair.writer.path.parent, pair.clock.time()
    if event == "killed while writing":
        for file in copies(pair):
            torn = (pair.writer.kept / file.name).with_suffix(".part")
            torn.write_bytes(b"PAR1 and no more")
    if event.startswith("killed"):
        abandon(pair)
        return reopened(directory, now), older
    if event == "lost":
        return lose(pair), older
    if event == "older":
        return lose(pair, older=older), older
    if event == "begins anew":
        pair.writer.checkpoint()
        return pair, (directory / "hot.duckdb").read_bytes()
    return pair, older


def test_rows_that_are_there_still_and_copies_of_their_rollup_are_not_counted_twice(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    seal_all(pair)
    was, usage = held(pair), pair.rows("SELECT * FROM usage_and_cost ORDER BY ALL")

    again = lose(pair)
    roll(again)

    assert held(again) == was
    assert again.rows(WHOLE) == [(3,)]
    assert again.rows("SELECT * FROM usage_and_cost ORDER BY ALL") == usage
    again.load([call(9, at=NOON - 3 * DAY)])
    roll(again)
    assert again.rows(WHOLE) == [(4,)]
    again.close()


def test_days_whose_calls_are_gone_come_back(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON), days=8)
    seal_all(pair)
    assert expire(pair, Retention(calls=5)) == 1
    was = pair.rows("SELECT * FROM cost_daily ORDER BY ALL")

    again = lose(pair)

    assert again.rows("SELECT day, cost, currency FROM cost_daily") == [(was[0][0], 1.5, "EUR")]
    assert again.rows("SELECT * FROM cost_daily ORDER BY ALL") == was
    again.close()


def test_prices_and_teams_hold_from_when_they_did(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    declare(pair, priced(NOON - DAY, 7.0, team="cart"))
    keep(pair)
    was = held(pair)

    again = lose(pair)
    declare(again, priced(NOON, 7.0, team="cart"))

    assert held(again) == was
    assert again.rows("SELECT valid_from, valid_to IS NULL FROM declared_callers ORDER BY ALL")[0][1] is False
    again.close()


def test_late_rows_are_kept_too_and_nothing_else_is_written_again(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    first = copies(pair)
    pair.load([call(9, at=NOON - 3 * DAY)])
    roll(pair)

    made = keep(pair)

    assert made == 2
    assert len(copies(pair)) == len(first)
    changed = {file.piece.table for file in set(copies(pair)) - set(first)}
    assert changed == {"rollup_calls", "rollup_usage"}
    pair.close()


def test_of_two_copies_the_newer_one_comes_back_and_the_other_goes(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    shutil.copytree(pair.writer.kept, tmp_path / "first")
    pair.load([call(9, at=NOON - 3 * DAY)])
    roll(pair)
    keep(pair)
    was, newest = held(pair), copies(pair)
    shutil.copytree(tmp_path / "first", pair.writer.kept, dirs_exist_ok=True)

    again = lose(pair)

    assert held(again) == was
    assert len(copies(again)) > len(newest)
    assert keep(again) == 0
    assert set(copies(again)) == set(newest)
    again.close()


def test_a_kill_while_days_come_back_takes_none_of_them(tmp_path: Path) -> None:
    model = Model(tmp_path).holding([call(ago, at=NOON - ago * DAY) for ago in range(1, 5)], now=NOON).roll()
    keep(model.opened)
    was = held(model.opened)
    model.forget()
    returning = returning_into(model)
    roller = Roller(model.connection, clock=SteppingClock(model), returning=returning)

    seen = []
    for _ in range(5):
        roller.step()
        seen += model.rows(WHOLE)
    assert not returning.is_over
    model.restart(killed=True)
    model.roll()

    assert seen == [(4,)] * 5
    assert held(model.opened) == was
    model.close()


def returning_into(model: Model, aside: list[str] | None = None) -> Returning:
    returning = Returning(
        model.connection,
        model.opened.writer.kept,
        clock=model.opened.clock,
        set_aside=([] if aside is None else aside).append,
    )
    returning.open()
    return returning


def test_a_whole_database_is_given_nothing_back(tmp_path: Path) -> None:
    model = Model(tmp_path).holding([call(1, at=NOON - DAY)], now=NOON).roll()
    keep(model.opened)

    assert returning_into(model).is_over
    model.close()


def test_hours_of_a_copy_and_hours_counted_since_stay_each_with_more_rows(tmp_path: Path) -> None:
    model = Model(tmp_path).holding([call(number, at=NOON - DAY) for number in range(3)], now=NOON)
    model.load([call(5, at=NOON - DAY + HOUR)])
    model.roll()
    keep(model.opened)
    model.forget("hot_calls")
    model.load([call(1, at=NOON - DAY), *(call(number, at=NOON - DAY + HOUR) for number in range(6, 8))])
    model.roll()

    returning = returning_into(model)
    Roller(model.connection, clock=SteppingClock(model), returning=returning).step()

    assert model.rows("SELECT hour, sum(calls)::BIGINT FROM calls_hourly GROUP BY ALL ORDER BY ALL") == [
        (moment(NOON - DAY), 3), (moment(NOON - DAY + HOUR), 2)
    ]  # fmt: skip
    model.close()


def test_a_copy_that_cannot_be_read_is_set_aside_and_told_and_the_others_come_back(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    broken = next(file for file in copies(pair) if file.piece.table == "rollup_calls")
    content = bytearray((pair.writer.kept / broken.name).read_bytes())
    (pair.writer.kept / broken.name).write_bytes(content[: len(content) // 2])

    again = lose(pair)

    (aside,) = again.writer.set_aside
    assert aside.startswith(f"kept/{broken.name}.damaged-")
    assert (tmp_path / aside).exists()
    assert again.rows("SELECT count(*) FROM rollup_calls") == [(0,)]
    assert again.rows("SELECT sum(runs)::BIGINT FROM usage_daily") == [(3,)]
    again.load([call(9)])
    assert again.seqs() == [9]
    again.close()


def test_copies_that_go_before_their_turn_are_no_damage(tmp_path: Path) -> None:
    model = Model(tmp_path).holding([call(ago, at=NOON - ago * DAY) for ago in range(1, 3)], now=NOON).roll()
    keep(model.opened)
    model.forget()
    aside: list[str] = []
    returning = returning_into(model, aside)
    shutil.rmtree(model.opened.writer.kept)

    with capture_logs() as logs:
        Roller(model.connection, clock=model.opened.clock, returning=returning).step()

    assert returning.is_over
    assert (logs, aside) == ([], [])
    model.close()


def test_a_copy_that_cannot_be_opened_is_left_for_the_next_time(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    was = held(pair)
    path = next(pair.writer.kept / file.name for file in copies(pair) if file.piece.table == "rollup_calls")
    path.rename(tmp_path / "moved")
    path.mkdir()

    again = lose(pair)
    assert (again.writer.set_aside, again.rows("SELECT count(*) FROM rollup_calls")) == ((), [(0,)])
    now = again.clock.time()
    again.close()
    path.rmdir()
    (tmp_path / "moved").rename(path)
    again = reopened(tmp_path, now)

    assert held(again) == was
    again.close()


def test_a_copy_of_another_shape_is_set_aside_and_the_others_come_back(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    for file in copies(pair):
        column = {"rollup_calls": "bucket", "declared_callers": "valid_from"}.get(file.piece.table)
        if column is not None:
            path = str(pair.writer.kept / file.name)
            duckdb.sql(f"SELECT * REPLACE ('none' AS {column}) FROM '{path}'").write_parquet(f"{path}.new")
            Path(f"{path}.new").rename(path)

    again = lose(pair)

    assert {aside.split("/")[1] for aside in again.writer.set_aside} == {"rollup_calls", "declared_callers"}
    assert again.rows("SELECT sum(runs)::BIGINT FROM usage_daily") == [(3,)]
    assert again.writer.rollups.problem == ""
    again.close()


def test_a_folder_that_cannot_be_used_keeps_nothing_from_being_loaded(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    shutil.rmtree(pair.writer.kept / "rollup_calls")
    (pair.writer.kept / "rollup_usage" / "2027-01-12-3-0123456789abcdef.part").mkdir()

    again = lose(pair)
    again.load([call(9)])

    assert again.seqs() == [9]
    again.close()


def test_what_is_over_goes_and_does_not_come_back(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON), days=20)
    settings = AnalyticsSettings(disk_floor=0, retention=Retention(rollups=15, calls=10))

    again = lose(pair, settings=settings)
    assert again.rows("SELECT count(*) FROM rolled") == [(0,)]
    assert keep(again, settings.retention) == 0

    assert {file.piece for file in copies(again)} == {
        Piece("declared_integrations"), Piece("declared_vendors"), Piece("declared_callers")
    }  # fmt: skip
    again.close()


def test_columns_that_came_later_or_are_no_more_do_not_stand_in_the_way(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    (file,) = (file for file in copies(pair) if file.piece.table == "rollup_usage")
    path = str(pair.writer.kept / file.name)
    duckdb.sql(f"SELECT * EXCLUDE team, 1 AS later FROM '{path}'").write_parquet(f"{path}.new")
    Path(f"{path}.new").rename(path)

    again = lose(pair)

    assert again.rows("SELECT team, sum(runs)::BIGINT FROM usage_daily GROUP BY ALL") == [(None, 3)]
    assert again.writer.set_aside == ()
    again.close()


def test_files_that_are_not_dialtones_are_left_alone(tmp_path: Path) -> None:
    pair = before(opened(tmp_path, NOON))
    was = held(pair)
    strange = [
        pair.writer.kept / name
        for name in (
            "rollup_calls/notes.txt",
            "rollup_calls/all-7-0123456789abcdef.parquet",
            "rollup_calls/2026-13-45-7-0123456789abcdef.parquet",
            "declared_callers/2026-11-20-7-0123456789abcdef.parquet",
            "mine/2026-11-20-7-0123456789abcdef.parquet",
        )
    ]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")

    again = lose(pair)

    assert held(again) == was
    assert keep(again) == 0
    assert [path.read_text() for path in strange] == ["mine"] * len(strange)
    again.close()
