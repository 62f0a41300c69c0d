import contextlib
import string
from enum import StrEnum
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.manifest.decoding import decode
from integrations.manifest.plain import read_yaml
from integrations.manifest.source import MAX_KEY, Document, SourceError, key_of, nearest


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    low: int = 0
    high: int = 10

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must be at most high")


class Square(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="square"
):
    side: float


class Circle(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="circle"
):
    radius: float


class Outer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    colour: Colour = Colour.RED
    size: Literal["small", "large"] = "small"
    inner: Inner | None = None
    shapes: dict[str, Square | Circle] = {}
    items: tuple[Inner, ...] = ()
    secrets: dict[str, str] = {}


def problems(text: str, type_: object = Outer) -> list[str]:
    with pytest.raises(SourceError) as error:
        decode(read_yaml(text, name="a.yaml"), type_)
    return [str(problem) for problem in error.value.problems]


def refusal(text: str) -> str:
    with pytest.raises(SourceError) as error:
        read_yaml(text, name="a.yaml")
    return str(error.value)


def test_a_right_document_decodes() -> None:
    text = "title: a\nshapes:\n  one: {kind: circle, radius: 2}\nitems: [{low: 1}]\n"

    value = decode(read_yaml(text, name="a.yaml"), Outer)

    assert value == Outer(title="a", shapes={"one": Circle(radius=2)}, items=(Inner(low=1),))


def test_all_problems_are_told_with_their_lines() -> None:
    text = (
        "tittle: a\ncolour: rad\ninner:\n  low: x\n  hihg: 2\n"
        "shapes:\n  one: {kind: sqare}\n  two: {kind: square, side: big}\n"
    )

    keys = "colour, inner, items, secrets, shapes, size, title"

    assert problems(text) == [
        f"a.yaml:1: tittle: found an unknown key, expected one of {keys}; did you mean title?",
        "a.yaml:1: title: found nothing, expected a value",
        "a.yaml:2: colour: found 'rad', expected one of blue, red; did you mean red?",
        "a.yaml:5: inner.hihg: found an unknown key, expected one of high, low; did you mean high?",
        "a.yaml:4: inner.low: found 'x', expected a whole number",
        "a.yaml:7: shapes.one.kind: found 'sqare', expected one of circle, square; did you mean square?",
        "a.yaml:8: shapes.two.side: found 'big', expected a number",
    ]


def test_values_that_do_not_fit_together_are_told_at_the_mapping() -> None:
    assert problems("title: a\nitems:\n  - {low: 1}\n  - low: 9\n    high: 3\n") == [
        "a.yaml:4: items[1]: low must be at most high"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("title: [1]", "a.yaml:1: title: found a list, expected text"),
        ("title: 5", "a.yaml:1: title: found 5, expected text"),
        ("title: true", "a.yaml:1: title: found true, expected text"),
        ("title:", "a.yaml:1: title: found nothing, expected text"),
        ("title: a\ninner: [1]", "a.yaml:2: inner: found a list, expected a mapping or nothing"),
        ("title: a\nitems: 3", "a.yaml:2: items: found 3, expected a list"),
        ("title: a\nsize: big", "a.yaml:2: size: found 'big', expected one of large, small"),
        ("[1]", "a.yaml:1: found a list, expected a mapping"),
    ],
)
def test_a_wrong_type_is_told_in_plain_words(text: str, found: str) -> None:
    assert problems(text) == [found]


def test_what_may_be_a_secret_is_never_shown() -> None:
    assert problems("title: a\nsecrets: {token: 12345}") == [
        "a.yaml:2: secrets.token: found a value, expected text"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "a.yaml:3: a: found the key again, expected it once (first on line 1)"),
        ("a: !!python/object:os.system x", "a.yaml:1: a: found the tag"),
        ("a: !local x", "plain data without tags"),
        ("? [1]\n: 2", "a.yaml:1: found a key that is no text"),
        ("a: 1\n---\nb: 2", "a.yaml:2: found a second document"),
        ("a: *b", "alias *b"),
        ("a: &a [*a]", "alias *a"),
        ("a: [1", "this is no YAML: did not find expected ',' or ']'"),
        ("a: 'x\n", "this is no YAML"),
        ("a: \x07", "characters that YAML does not allow"),
        ("[" * 1000 + "]" * 1000, "too deep a nesting"),
        ("x" * 4_200_000, "4200000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_plain_data_is_refused(text: str, said: str) -> None:
    assert said in refusal(text)


def test_an_alias_bomb_is_refused() -> None:
    layers = "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )

    assert "too many values" in refusal("a: &a [1, 2, 3]\n" + layers)


def test_an_alias_is_the_value_of_its_anchor() -> None:
    assert read_yaml("a: &x {b: 1}\nc: *x", name="a.yaml").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("true", True), ("FALSE", False), ("~", None),
        ("null", None), ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"), ("12", 12), ("-3", -3), ("0x1f", 31), ("0o17", 15), ("1.5", 1.5),
        ("1e3", 1000.0), ("'12'", "12"), ('"true"', "true"), (".5", 0.5), ("1_000", "1_000"),
        (".inf", ".inf"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}", name="a.yaml").value == {"a": value}


def test_an_empty_text_is_an_empty_mapping() -> None:
    assert read_yaml("# nothing\n", name="a.yaml").value == {}


def test_a_line_that_is_not_there_is_that_of_what_is_around_it() -> None:
    document = read_yaml("a:\n  b:\n    - 1\n    - 2\n", name="a.yaml")

    assert [document.line(path) for path in [("a",), ("a", "b", 1), ("a", "b", 7, "c"), ("z",), ()]] == [
        1,
        4,
        2,
        1,
        1,
    ]


def test_the_nearest_word_is_found_or_none() -> None:
    assert nearest("timout", ["timeout", "interval"]) == "timeout"
    assert nearest("zzz", ["timeout"]) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["title", "inner", "kind", "x"]), inner)
    ),
    max_leaves=8,
)  # fmt: skip


@given(JSON)
def test_every_wrong_value_is_explained_and_never_crashes(value: object) -> None:
    document = Document(name="a.yaml", value=value, lines={})
    try:
        msgspec.convert(value, Outer)
    except msgspec.ValidationError:
        with pytest.raises(SourceError) as error:
            decode(document, Outer)
        assert error.value.problems


@given(st.text(max_size=60))
def test_any_text_reads_or_is_refused(text: str) -> None:
    with contextlib.suppress(SourceError):
        assert isinstance(read_yaml(text, name="a.yaml"), Document)


@pytest.mark.parametrize(
    "around",
    [
        "{{{key}: 1}}",
        "{{a: {{{key}: 1}}}}",
        "{{a: [0, {{{key}: 1}}]}}",
        "[{{{key}: 1}}]",
        "[[0, {{{key}: 1}}]]",
    ],
)
def test_a_key_is_as_long_as_it_may_be_with_those_around_it(around: str) -> None:
    around_it = max(read_yaml(around.format(key="k"), name="x").lines, key=lambda path: len(key_of(path)))
    longest = "k" * (MAX_KEY - len(key_of(around_it)) + 1)

    read_yaml(around.format(key=f"? {longest}\n"), name="x")
    with pytest.raises(SourceError, match="too long a key"):
        read_yaml(around.format(key=f"? {longest}k\n"), name="x")
