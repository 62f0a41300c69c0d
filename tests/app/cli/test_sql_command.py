"""`dialtone query "SELECT …"` against the application, in-process."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from app.commands.sql import is_statement
from exporters.analytics.sql.desk import SQLRefused
from tests.fakes.parts import FakeDialtone
from tests.fakes.sql import BODIES

SQL = "SELECT integration, count(*) AS calls FROM calls GROUP BY ALL"


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def run(dialtone: FakeDialtone, *arguments: str) -> Result:
    app = create_app(dialtone.parts())

    def client(url: str) -> httpx.Client:
        return TestClient(app, base_url=url, raise_server_exceptions=False)

    return CliRunner().invoke(main, ("query", *arguments), obj=client, catch_exceptions=False)


def test_a_statement_is_answered_as_a_table(dialtone: FakeDialtone) -> None:
    result = run(dialtone, SQL)

    assert result.exit_code == 0
    assert "github-prod" in result.stdout
    assert dialtone.sql.asked[0][0].sql == SQL


def test_json_is_the_answer_as_it_came(dialtone: FakeDialtone) -> None:
    assert json.loads(run(dialtone, SQL, "--json").stdout)["rows"] == [["github-prod", 3]]


@pytest.mark.parametrize("shape", ["csv", "ndjson", "records", "parquet"])
def test_a_format_is_printed_as_it_came(dialtone: FakeDialtone, shape: str) -> None:
    assert run(dialtone, SQL, "--format", shape).stdout_bytes == BODIES[shape]  # type: ignore[index] # by value


def test_a_file_says_its_format_by_its_ending(dialtone: FakeDialtone, tmp_path: Path) -> None:
    result = run(dialtone, SQL, "-o", str(tmp_path / "calls.parquet"))

    assert result.exit_code == 0
    assert (tmp_path / "calls.parquet").read_bytes() == BODIES["parquet"]  # type: ignore[index] # by value
    assert dialtone.sql.asked[0][0].format == "parquet"


def test_more_rows_than_came_are_told_of(dialtone: FakeDialtone, tmp_path: Path) -> None:
    dialtone.sql.truncated = True

    assert "more rows" in run(dialtone, SQL, "-f", "csv").stderr


def test_a_refusal_ends_with_2_and_says_why(dialtone: FakeDialtone) -> None:
    dialtone.sql.error = SQLRefused("there is no table 'cals'; there are calls")

    result = run(dialtone, "SELECT * FROM cals")

    assert result.exit_code == 2
    assert "there is no table 'cals'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((SQL, "from=-1h"), "quote the whole statement"),
        (("--format", "csv"), "are for an answer"),
        (("--running", "--cancel", "q"), "stand alone"),
        (("performance", "--running"), "stand alone"),
        ((SQL, "-o", "answer"), "does not say its format"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(
    dialtone: FakeDialtone, arguments: tuple[str, ...], words: str
) -> None:
    result = run(dialtone, *arguments)

    assert result.exit_code == 2
    assert words in result.stderr
    assert dialtone.sql.asked == []


def test_a_file_that_cannot_be_written_ends_with_1(dialtone: FakeDialtone, tmp_path: Path) -> None:
    result = run(dialtone, SQL, "-o", str(tmp_path / "nowhere" / "calls.csv"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", True),
        ("  with a as (select 1) from a", True),
        ("from calls", True),
        ("-- why\nselect 1", True),
        ("(select 1)", True),
        ("DROP TABLE calls", True),
        ("performance", False),
        ("selected", False),
        ("values_by_day", False),
    ],
)
def test_a_statement_is_told_from_a_name(text: str, *, expected: bool) -> None:
    assert is_statement(text) is expected
