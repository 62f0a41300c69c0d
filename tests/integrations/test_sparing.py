"""Mappings that are small while they hold one entry, held against a dict."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.sparing import Sole, alike, compact, nothing, put

ENTRIES = st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=6)


@given(ENTRIES)
def test_what_is_put_is_found_as_in_a_dict(entries: list[tuple[str, int]]) -> None:
    kept, expected = nothing(), {}
    for key, value in entries:
        kept, expected[key] = put(kept, key, value), value

        assert dict(kept) == expected
        assert list(kept) == list(expected)
        assert len(kept) == len(expected)
        assert kept == expected
        assert [kept.get(name, 0.5) for name in "abcd"] == [expected.get(name, 0.5) for name in "abcd"]
        assert [name in kept for name in "abcd"] == [name in expected for name in "abcd"]
        assert list(kept.values()) == list(expected.values())


@given(st.dictionaries(st.text(max_size=2), st.integers(), max_size=3))
def test_what_is_compact_holds_the_same(entries: dict[str, int]) -> None:
    assert dict(compact(entries).items()) == entries


def test_one_entry_takes_a_fraction_of_a_dict() -> None:
    kept = put(nothing(), "read", 1.0)

    assert isinstance(kept, Sole)
    assert sys.getsizeof(kept) * 3 < sys.getsizeof({"read": 1.0})
    assert isinstance(compact({"read": 1.0}), Sole)


def test_a_key_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        put(nothing(), "read", 1)["write"]


def test_what_is_empty_is_shared_and_never_changed() -> None:
    empty: object = nothing()
    put(nothing(), "read", 1)

    assert nothing() is empty
    assert not nothing()


def test_equal_names_are_one_object() -> None:
    first, second = tuple("ab"), tuple("ab")

    assert first is not second
    assert alike(first) is alike(second) == first
