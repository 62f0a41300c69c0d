"""A library is loaded without what it would take along."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.unadorned import load_unadorned


@pytest.fixture
def library(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "adorned_library.py").write_text(
        "try:\n    import adornment_of_it\nexcept ImportError:\n    adornment_of_it = None\n"
    )
    (tmp_path / "adornment_of_it.py").write_text("")
    sys.path.insert(0, str(tmp_path))
    yield "adorned_library"
    sys.path.remove(str(tmp_path))
    sys.modules.pop("adorned_library", None)
    sys.modules.pop("adornment_of_it", None)


def test_what_a_library_takes_where_it_is_installed_is_hidden_from_it(library: str) -> None:
    load_unadorned((library,), without=("adornment_of_it",))

    assert sys.modules[library].adornment_of_it is None


def test_what_was_hidden_can_be_imported_afterwards(library: str) -> None:
    load_unadorned((library,), without=("adornment_of_it",))

    import adornment_of_it  # noqa: F401


def test_it_is_hidden_no_more_when_a_library_cannot_be_loaded(library: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_unadorned(("no_such_library",), without=("adornment_of_it",))

    import adornment_of_it  # noqa: F401


def test_what_is_loaded_already_stays(library: str) -> None:
    import adornment_of_it

    load_unadorned((library,), without=("adornment_of_it",))

    assert sys.modules["adornment_of_it"] is adornment_of_it
