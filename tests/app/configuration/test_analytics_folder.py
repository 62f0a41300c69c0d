"""Where the folder for other programs may lie."""

from pathlib import Path

import pytest

from app.settings import SettingsError, load_settings


def written(directory: Path, text: str) -> Path:
    path = directory / "dialtone.yaml"
    path.write_text(f"listen: 127.0.0.1:4350\nstate_dir: state\n{text}", "utf-8")
    return path


def test_it_is_looked_for_from_the_files_own_folder(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "analytics: {folder: out/parquet}\n"), environment={})

    assert settings.analytics.folder == str(tmp_path / "out" / "parquet")


@pytest.mark.parametrize("folder", ["state", "state/analytics/archive", ".", "..", "''", "x/../state/y"])
def test_it_lies_neither_among_what_dialtone_keeps_nor_around_it(tmp_path: Path, folder: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(tmp_path, f"analytics: {{folder: {folder}}}\n"), environment={})

    (problem,) = caught.value.problems
    assert (problem.key, problem.line) == ("analytics.folder", 3)
    assert "outside of state_dir" in str(problem.expected)


def test_it_cannot_be_looked_after_without_end(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="folder_seconds must be above 0"):
        load_settings(written(tmp_path, "analytics: {folder: out, folder_seconds: 0}\n"), environment={})
