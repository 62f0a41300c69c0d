"""Values read quickly are those that are read with their lines, or none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.manifest.plain import read_with_lines, read_yaml
from integrations.manifest.quick import UnusualError, value_of
from integrations.manifest.source import MAX_DEPTH, MAX_KEY, MAX_VALUES, SourceError

ROOT = Path(__file__).parents[3]
GOOD = [ROOT / "dialtone.example.yaml", *sorted((ROOT / "integrations/catalog").glob("*/manifest.yaml"))]

SCALARS = st.sampled_from(
    [
        "a",
        "''",
        "1",
        "-1",
        "0o7",
        "0x1F",
        "1.5",
        ".inf",
        "1e999",
        "true",
        "no",
        "~",
        "",
        '"\\n"',
        "'1'",
        "3" * 301,
    ]
)
MARKS = st.sampled_from(["", "", "", "&x ", "&y ", "!!str ", "! "])
NODES = st.recursive(
    st.builds(str.__add__, MARKS, SCALARS) | st.sampled_from(["*x", "*y"]),
    lambda below: (
        st.builds(lambda mark, items: f"{mark}[{', '.join(items)}]", MARKS, st.lists(below, max_size=3))
        | st.builds(
            lambda mark, pairs: f"{mark}{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}",
            MARKS,
            st.lists(
                st.tuples(st.sampled_from(["a", "b", "&x c", "'d'", "1", "!!str e", "[f]", "*x "]), below),
                max_size=3,
            ),
        )
    ),
    max_leaves=8,
)
TEXTS = st.builds("\n---\n".join, st.lists(NODES, max_size=2)) | st.text(max_size=30)


def _slowly(text: str) -> str:
    """What is read with lines, as text, in which 1, 1.0 and true differ; nothing where it is refused."""
    try:
        return repr(read_with_lines(text, "a.yaml").value)
    except SourceError:
        return ""


@given(TEXTS)
def test_what_is_read_quickly_is_what_is_read_with_its_lines(text: str) -> None:
    try:
        value = value_of(text)
    except UnusualError:
        return
    assert repr(value) == _slowly(text)


@given(TEXTS)
def test_a_text_is_refused_where_it_is_when_its_lines_are_read(text: str) -> None:
    try:
        found = repr(read_yaml(text, name="a.yaml").value)
    except SourceError:
        found = ""
    assert found == _slowly(text)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.parent.name)
def test_a_good_file_is_read_quickly(path: Path) -> None:
    text = path.read_text("utf-8")

    assert repr(value_of(text)) == _slowly(text)


@pytest.mark.parametrize(
    "text",
    [
        "{" * (MAX_DEPTH + 2) + "a: 1" + "}" * (MAX_DEPTH + 2),
        "[" * 100_000,
        f"? {'k' * (MAX_KEY + 1)}\n: 1",
        "[" + "0," * (MAX_VALUES + 1) + "]",
        "a0: &a0 [0]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 9)),
        "a: 1\na: 2",
        "a: *b",
        "a: !!str 1",
        "[a]: 1",
        "a: 1\n---\nb: 2",
        "a: [",
        "",
    ],
    ids=[
        "deep", "endless", "long key", "many", "bomb", "key twice", "no anchor", "tag", "key that is none",
        "two documents", "no YAML", "nothing",
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_the_reader_of_lines(text: str) -> None:
    with pytest.raises(UnusualError):
        value_of(text)


def test_lines_are_read_when_the_first_is_asked_for() -> None:
    text = "a:\n  b:\n    - 1\n    - {c: 2}\n"
    document = read_yaml(text, name="a.yaml")

    assert dict(document.lines) == read_with_lines(text, "a.yaml").lines
    assert document.line(("a", "b", 1, "c")) == 4
    assert len(document.lines) == 6


@pytest.mark.parametrize(
    "much",
    [
        "k0: &a0 [1]\n" + "".join(f"k{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 99)),
        "- 1\n" * (MAX_VALUES + 1),
    ],
    ids=["bomb", "many"],
)
def test_what_is_too_much_is_given_up_before_its_end(much: str) -> None:
    with pytest.raises(UnusualError) as caught:
        value_of(much + "]")
    assert caught.value.__cause__ is None, "it was read to the end, which is no YAML"
