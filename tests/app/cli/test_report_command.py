"""`dialtone report`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.parts import Parts
from tests.app.cli.test_commands import run
from tests.fakes.parts import FakeDialtone
from tests.fakes.reports import FakeReports


class Dialtone(FakeDialtone):
    """With reports."""

    def __init__(self) -> None:
        super().__init__()
        self.reports = FakeReports()

    def parts(self, **given: object) -> Parts:
        return replace(super().parts(**given), reports=self.reports)


@pytest.fixture
def dialtone() -> Dialtone:
    return Dialtone()


def test_it_prints_markdown_for_the_last_month(dialtone):
    result = run(dialtone, "report")
    assert result.exit_code == 0
    assert result.stdout.startswith("# Third parties, December 2026\n")
    assert "\n## Incidents\n" in result.stdout
    assert [period.zone for period in dialtone.reports.periods] == ["UTC"]


@pytest.mark.parametrize("arguments", [("--output", "november.html"), ("--format", "html", "-o", "november")])
def test_it_writes_a_page(dialtone, tmp_path: Path, arguments: tuple[str, ...]):
    file = tmp_path / arguments[-1]
    result = run(dialtone, "report", "--month", "2026-11", "--tz", "Asia/Tokyo", *arguments[:-1], str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert dialtone.reports.periods[0].zone == "Asia/Tokyo"
    assert "Wrote" in result.stderr


def test_a_file_of_another_name_holds_markdown(dialtone, tmp_path: Path):
    run(dialtone, "report", "--output", str(tmp_path / "november.md"))
    assert (tmp_path / "november.md").read_text(encoding="utf-8").startswith("# Third parties")


def test_another_time_is_named_by_its_ends_or_its_length(dialtone):
    run(dialtone, "report", "--from", "2026-12-01", "--to", "2026-12-08")
    run(dialtone, "report", "--from", "7d")
    named, length = dialtone.reports.periods
    assert named.name == "2026-12-01 to 2026-12-08"
    assert length.end - length.start == 7 * 86_400


def test_with_json_it_prints_the_data(dialtone):
    found = json.loads(run(dialtone, "report", "--json").stdout)
    assert found["incidents"]["lines"][0]["failures"] == 310


def test_a_month_that_is_none_ends_with_2_and_says_what_is_one(dialtone):
    result = run(dialtone, "report", "--month", "november")
    assert result.exit_code == 2
    assert "expected a month such as 2026-11" in " ".join(result.stderr.split())


def test_a_file_that_cannot_be_written_ends_with_1(dialtone, tmp_path: Path):
    result = run(dialtone, "report", "--output", str(tmp_path / "no" / "such.html"))
    assert result.exit_code == 1
    assert "cannot be written: No such file or directory" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "arguments", [("-o", "november.pdf"), ("-o", "november"), ("--json", "-o", "a.html")]
)
def test_a_file_that_could_not_hold_what_its_name_says_is_wrong_usage(
    dialtone, tmp_path: Path, arguments: tuple[str, ...]
):
    result = run(dialtone, "report", *arguments[:-1], str(tmp_path / arguments[-1]))
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert dialtone.reports.periods == []
