import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.manifest import pointers
from integrations.manifest.pointers import MISSING

# The example of RFC 6901, section 5.
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", MISSING),
        ("/foo/-", MISSING),
        ("/foo/01", MISSING),
        ("/foo/bar", MISSING),
        ("/nope", MISSING),
        ("/foo/0/x", MISSING),
        ("/foo/²", MISSING),
    ],
)
def test_the_examples_of_the_rfc(pointer: str, value: object) -> None:
    assert pointers.get(DOCUMENT, pointer) == value


@pytest.mark.parametrize("pointer", ["foo", "/a~2b", "/a~", "#/foo"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match="JSON Pointer"):
        pointers.parse(pointer)


def test_put_makes_the_way() -> None:
    value: dict[str, object] = {}

    pointers.put(value, "/a/b", 1)
    pointers.put(value, "/list/-", {"x": 1})
    pointers.put(value, "/list/0/y", 2)
    pointers.put(value, "/list/0", {"z": 3})

    assert value == {"a": {"b": 1}, "list": [{"z": 3}]}


@pytest.mark.parametrize("pointer", ["", "/a/b/c", "/list/5", "/list/x/y"])
def test_put_refuses_a_way_that_leads_nowhere(pointer: str) -> None:
    with pytest.raises(ValueError, match=r"nowhere|whole"):
        pointers.put({"a": {"b": 1}, "list": []}, pointer, 1)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.integers())
def test_what_was_put_is_got(tokens: list[str], item: int) -> None:
    pointer = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)
    if "-" in tokens:
        return
    value: dict[str, object] = {}

    pointers.put(value, pointer, item)

    assert pointers.get(value, pointer) == item


@given(
    st.text(max_size=12),
    st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)
def test_get_never_crashes(pointer: str, value: object) -> None:
    try:
        pointers.parse(pointer)
    except ValueError:
        return
    pointers.get(value, pointer)
