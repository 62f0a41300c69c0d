"""`dialtone query NAME`, --running and --cancel against the application, in-process."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from litestar import Litestar
from litestar.testing import TestClient

from app.asgi import create_app
from app.cli import main
from exporters.analytics.running import RunningQuery
from exporters.analytics.sql.frames import Format
from tests.fakes.parts import FakeDialtone
from tests.fakes.sql import BODIES


class GivingUp(TestClient[Litestar]):
    """Somebody presses Ctrl-C while the server thinks, and sees what is sent then."""

    ended: list[str]

    def request(self, method: str, url: object, **options: object) -> httpx.Response:  # type: ignore[override] # all of them
        if method == "DELETE":
            self.ended.append(str(url))
            return httpx.Response(204)
        self.ended.append(str((options["params"] or {}).get("id") or options["content"]))  # type: ignore[attr-defined] # a mapping
        raise KeyboardInterrupt


@pytest.fixture
def dialtone() -> FakeDialtone:
    return FakeDialtone()


def run(dialtone: FakeDialtone, *arguments: str) -> Result:
    app = create_app(dialtone.parts())

    def client(url: str) -> httpx.Client:
        return TestClient(app, base_url=url, raise_server_exceptions=False)

    return CliRunner().invoke(main, ("query", *arguments), obj=client, catch_exceptions=False)


def test_a_named_query_is_a_table_or_the_answer_as_it_came(dialtone: FakeDialtone) -> None:
    table = run(dialtone, "performance", "integration=github-prod")
    plain = run(dialtone, "performance", "--json")

    assert "github-prod" in table.stdout
    assert dialtone.pages[0][0].params == {"integration": "github-prod"}
    assert json.loads(plain.stdout)["rows"] == [["github-prod", 12], ["slack-prod", 9]]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("csv", b"integration,calls\r\ngithub-prod,3\r\ngithub-prod,3\r\n"),
        ("ndjson", BODIES[Format.NDJSON] * 2),
        ("parquet", BODIES[Format.PARQUET]),
        ("arrow", BODIES[Format.ARROW]),
    ],
)
def test_a_file_holds_all_pages_where_its_format_can_go_on(
    dialtone: FakeDialtone, tmp_path: Path, ending: str, expected: bytes
) -> None:
    dialtone.next_page = "c2"

    result = run(dialtone, "performance", "from=-1h", "-o", str(tmp_path / f"calls.{ending}"))

    assert result.exit_code == 0
    assert (tmp_path / f"calls.{ending}").read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == [f"calls.{ending}"]
    can_go_on = ending in {"csv", "ndjson"}
    assert [request.cursor for request, _ in dialtone.pages] == (["", "c2"] if can_go_on else [""])
    assert ("There are more rows" in result.stderr) is not can_go_on


def test_a_format_goes_to_the_screen_page_by_page(dialtone: FakeDialtone) -> None:
    dialtone.next_page = "c2"

    assert run(dialtone, "performance", "-f", "ndjson").stdout_bytes == BODIES[Format.NDJSON] * 2


def test_a_query_that_fails_leaves_no_file(dialtone: FakeDialtone, tmp_path: Path) -> None:
    result = run(dialtone, "perfomance", "-o", str(tmp_path / "calls.csv"))

    assert result.exit_code == 2
    assert "did you mean performance" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("performance",), ("SELECT 1",), ("performance", "-f", "csv")])
def test_ctrl_c_ends_the_query_on_the_server(dialtone: FakeDialtone, arguments: tuple[str, ...]) -> None:
    app = create_app(dialtone.parts())
    seen: list[str] = []

    def client(url: str) -> httpx.Client:
        giving_up = GivingUp(app, base_url=url)
        giving_up.ended = seen
        return giving_up

    result = CliRunner().invoke(main, ("query", *arguments), obj=client)

    asked, ended = seen
    assert ended.startswith("/v2/analytics/running/")
    assert ended.rpartition("/")[2] in asked
    assert result.exit_code == 1


def test_what_runs_is_listed_and_ended(dialtone: FakeDialtone) -> None:
    assert "Nothing runs" in run(dialtone, "--running").stderr
    dialtone.sql.queries = [
        RunningQuery(id="q7", caller="ann", query="sql", sql="SELECT 1", started_at=1_795_000_000.0)
    ]

    listed = run(dialtone, "--running")
    ended = run(dialtone, "--cancel", "q7")
    missing = run(dialtone, "--cancel", "q8")

    assert all(word in listed.stdout for word in ("q7", "ann", "SELECT 1", "18 Nov 2026"))
    assert (ended.exit_code, dialtone.sql.cancelled) == (0, ["q7"])
    assert missing.exit_code == 2
    assert "q8" in missing.stderr


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_query_is_wrong_usage(dialtone: FakeDialtone, name: str) -> None:
    result = run(dialtone, name)
    assert result.exit_code == 2
    assert "the query is empty" in result.stderr
