"""An address with a query is the one that httpx makes."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.manifest.queries import with_query

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ADDRESSES = st.sampled_from(
    ["https://shop.example", "http://shop.example:8080/a%20b/", "https://[::1]/é", "https://a.example/?x=1&x=2",
     "https://a.example/b?", "https://a.example/#end"]
)  # fmt: skip


@given(ADDRESSES, st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_it_is_what_httpx_makes_of_it(address, pairs):
    made = with_query(httpx.URL(address), tuple(pairs))
    wanted = httpx.URL(address).copy_merge_params(httpx.QueryParams(pairs))
    assert (str(made), made.raw_path, made.query) == (str(wanted), wanted.raw_path, wanted.query)
    assert made == wanted
    assert httpx.Request("GET", made).url == wanted


def test_without_pairs_it_is_the_address():
    address = httpx.URL("https://shop.example/a?b=c")
    assert with_query(address, ()) is address


def test_an_address_that_gets_too_long_is_none():
    with pytest.raises(httpx.InvalidURL):
        with_query(httpx.URL("https://shop.example/"), (("a", "x" * 70_000),))


def test_what_is_no_unicode_can_not_be_asked():
    with pytest.raises(UnicodeError):
        with_query(httpx.URL("https://shop.example/"), (("a", "\ud800"),))
