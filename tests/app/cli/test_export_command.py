"""`dialtone analytics export` against the application, in-process."""

import datetime as dt
import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from exporters.analytics.days.desk import OpenDay
from exporters.analytics.settings import AnalyticsBusy
from tests.fakes.analytics import FakeDays
from tests.fakes.parts import FakeDialtone

TODAY, YESTERDAY, BEFORE = (dt.date(2027, 1, day) for day in (15, 14, 13))
NOON = dt.datetime(2027, 1, 15, 8, tzinfo=dt.UTC).timestamp()


class Days(FakeDays):
    """Days as of today; `broken` arrive in part, and `refused` not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.told = {("calls", BEFORE): 3, ("calls", YESTERDAY): 4, ("check_results", TODAY): 5}
        self.at = NOON
        self.broken: set[dt.date] = set()
        self.refused: set[dt.date] = set()

    async def open(self, table: str, day: dt.date, *, caller: str) -> OpenDay:
        if day in self.refused:
            raise AnalyticsBusy("16 exports wait already")
        self.content = b"PAR1 half" if day in self.broken else f"PAR1 {table} {day} PAR1".encode()
        found = await super().open(table, day, caller=caller)
        return OpenDay(file=found.file, size=found.size, rows=found.rows, as_of=self.at)


class World:
    """A Dialtone with days, asked again and again by one application."""

    def __init__(self) -> None:
        self.dialtone = FakeDialtone()
        self.days = self.dialtone.days = Days()
        self.app = create_app(self.dialtone.parts())

    def run(self, *arguments: str) -> Result:
        def client(url: str) -> TestClient[Litestar]:
            return TestClient(self.app, base_url=url, raise_server_exceptions=False)

        return CliRunner().invoke(
            main, ("analytics", "export", *arguments), obj=client, catch_exceptions=False
        )

    def asked(self) -> list[tuple[str, dt.date]]:
        found = [(table, day) for table, day, _ in self.days.opened]
        self.days.opened.clear()
        return found


@pytest.fixture(scope="module")
def made() -> World:
    """Only once, because an application takes its time to be made."""
    return World()


@pytest.fixture
def world(made: World) -> World:
    made.days.__init__()  # type: ignore[misc] # as new
    return made


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_day_of_each_table_becomes_a_file(world: World, tmp_path: Path) -> None:
    result = world.run(str(tmp_path / "out"))

    assert result.exit_code == 0
    assert files_in(tmp_path / "out") == [
        "_dialtone_export.json",
        "calls/day=2027-01-13/part.parquet",
        "calls/day=2027-01-14/part.parquet",
        "check_results/day=2027-01-15/part.parquet",
    ]
    written = tmp_path / "out" / "calls" / "day=2027-01-14" / "part.parquet"
    assert written.read_bytes() == b"PAR1 calls 2027-01-14 PAR1"
    assert "3 files written (12 rows," in result.stderr


def test_run_again_it_writes_today_and_what_has_new_rows(world: World, tmp_path: Path) -> None:
    world.run(str(tmp_path))
    world.asked()
    again = world.run(str(tmp_path))
    first = world.asked()
    world.days.told["calls", BEFORE] = 9
    (tmp_path / "calls" / "day=2027-01-14" / "part.parquet").write_bytes(b"torn")
    world.run(str(tmp_path))

    assert first == [("check_results", TODAY)]
    assert "2 there already" in again.stderr
    assert world.asked() == [("calls", BEFORE), ("calls", YESTERDAY), ("check_results", TODAY)]


def test_a_day_that_was_not_over_when_it_was_written_is_written_again(world: World, tmp_path: Path) -> None:
    world.days.at = NOON - 86_400
    world.run(str(tmp_path))
    world.asked()
    world.run(str(tmp_path))

    assert world.asked() == [("calls", YESTERDAY), ("check_results", TODAY)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--table", "check_results"), [("check_results", TODAY)]),
        (("--from", "2027-01-14"), [("calls", YESTERDAY), ("check_results", TODAY)]),
        (("--to", "2027-01-14"), [("calls", BEFORE), ("calls", YESTERDAY)]),
        (("--from", "2027-01-14", "--to", "2027-01-14"), [("calls", YESTERDAY)]),
    ],
)
def test_tables_and_days_are_chosen(
    world: World, tmp_path: Path, arguments: tuple[str, ...], expected: list[tuple[str, dt.date]]
) -> None:
    assert world.run(str(tmp_path), *arguments).exit_code == 0
    assert world.asked() == expected


def test_a_day_that_fails_keeps_no_other_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    world.days.refused, world.days.broken = {BEFORE}, {YESTERDAY}

    result = world.run(str(tmp_path), "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["written"] == ["check_results/day=2027-01-15/part.parquet"]
    assert "exports wait" in told["failed"]["calls/day=2027-01-13/part.parquet"]
    assert "only in part" in told["failed"]["calls/day=2027-01-14/part.parquet"]
    assert files_in(tmp_path) == ["_dialtone_export.json", "check_results/day=2027-01-15/part.parquet"]
    world.days.refused, world.days.broken = set(), set()
    assert world.run(str(tmp_path)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--table", "cals"), 2, "There is no table 'cals'"),
        (("--from", "yesterday"), 2, "write it as 2026-11-22"),
    ],
)
def test_what_cannot_be_exported_says_why(
    world: World, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = world.run(str(tmp_path), *arguments)

    assert result.exit_code == code
    assert words in result.stderr


def test_a_note_that_cannot_be_read_says_what_to_do(world: World, tmp_path: Path) -> None:
    (tmp_path / "_dialtone_export.json").write_text("no json")

    result = world.run(str(tmp_path))

    assert result.exit_code == 1
    assert "remove it" in result.stderr


def test_without_a_server_it_ends_with_3(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def client(url: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(refuse), base_url=url)

    result = CliRunner().invoke(main, ("analytics", "export", str(tmp_path)), obj=client)

    assert result.exit_code == 3


def test_days_the_wrong_way_round_are_wrong_usage(world: World, tmp_path: Path) -> None:
    result = world.run(str(tmp_path), "--from", "2027-01-15", "--to", "2027-01-14")

    assert result.exit_code == 2
    assert "--from 2027-01-15 lies after --to 2027-01-14" in result.stderr


def test_a_folder_that_cannot_be_made_is_told_once_and_before_any_day(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    result = world.run(str(tmp_path / "file" / "folder"))

    assert (result.exit_code, world.asked()) == (1, [])
    assert "cannot be made: Not a directory" in " ".join(result.stderr.split())
