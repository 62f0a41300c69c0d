"""The pages of vendors are what their manifests and locks say."""

from pathlib import Path

import pytest

from integrations.manifest.loading import Catalog
from integrations.manifest.pages import NOTE, index, page, write
from tests.fakes.framework import CATALOG

DOCS = Path(__file__).parents[3] / "docs" / "vendors"


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_the_committed_page_is_what_the_manifest_says(vendor: str) -> None:
    written = page(CATALOG.manifest(vendor), CATALOG.lock(vendor))

    assert (DOCS / f"{vendor}.md").read_text("utf-8") == written, "run `make docs`"


def test_the_committed_list_is_that_of_the_catalogue() -> None:
    assert (DOCS / "README.md").read_text("utf-8") == index(CATALOG), "run `make docs`"
    assert {one.stem for one in DOCS.glob("*.md")} == {"README", *CATALOG.vendors()}


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_a_page_names_every_action_input_and_secret(vendor: str) -> None:
    manifest = CATALOG.manifest(vendor)
    text = page(manifest, CATALOG.lock(vendor))
    inputs = {name for action in manifest.actions.values() for name in action.input}
    secrets = {name for auth in manifest.auth.values() for name in auth.secrets}

    assert [word for word in (*manifest.actions, *inputs, *secrets) if f"`{word}`" not in text] == []


def test_writing_takes_away_the_page_of_a_vendor_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text(NOTE, "utf-8")
    catalog = Catalog({"slack": CATALOG.manifest("slack")}, {})

    written = write(catalog, tmp_path)

    assert [one.name for one in written] == ["README.md", "slack.md"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["README.md", "slack.md"]


@pytest.mark.parametrize("vendor", CATALOG.vendors())
def test_no_cell_breaks_its_table(vendor: str) -> None:
    text = page(CATALOG.manifest(vendor), CATALOG.lock(vendor))

    for block in text.split("\n\n"):
        bars = {row.replace("\\|", "").count("|") for row in block.splitlines() if row.startswith("|")}
        assert len(bars) <= 1, block
