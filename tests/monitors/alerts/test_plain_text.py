"""Text that others wrote, made harmless; and texts that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.alerts.plain import and_more, plain, shortened, shortened_to_bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two\r\nlines\u2028three\tfour", "two lines three four"),
        ("  much   space ", "much space"),
        ("a\u202etxt.exe\u202c b", "atxt.exe b"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\x1b[31mred\x00", "[31mred"),
        ("see https://evil.example/a", "see https: //evil.example/a"),
        ("JAVASCRIPT://x file://y", "JAVASCRIPT: //x file: //y"),
        ("www.evil.example", "www .evil.example"),
        ("half a pair \ud800", "half a pair"),
        ("straße 東京 naïve", "straße 東京 naïve"),
    ],
    ids=["lines", "space", "direction", "width", "control", "address", "schemes", "www", "surrogate", "kept"],
)
def test_what_could_act_is_taken_out(text: str, said: str) -> None:
    assert plain(text) == said


@given(st.text(), st.integers(20, 300))
def test_plain_text_is_one_short_line_without_addresses(text: str, limit: int) -> None:
    said = plain(text + " https://x.example", limit=limit)

    assert len(said) <= limit
    assert "://" not in said
    assert said.isprintable()


@given(st.text(), st.integers(20, 300))
def test_a_text_that_is_too_long_says_that_it_was_shortened(text: str, limit: int) -> None:
    short = shortened(text, limit)

    assert len(short) <= limit
    assert short == text if len(text) <= limit else short.endswith(("(shortened)", "…"))


@given(st.text(), st.integers(30, 300))
def test_bytes_are_counted_as_they_are_sent(text: str, limit: int) -> None:
    short = shortened_to_bytes(text, limit)

    assert len(short.encode("utf-8", "surrogatepass")) <= limit or short == text


def test_a_list_names_as_many_as_fit_and_counts_the_rest() -> None:
    assert and_more(["ada", "bob", "cy"], limit=100) == "ada, bob, cy"
    assert and_more(["ada", "bob", "cyrus the great"], limit=18) == "ada and 2 more"
    assert and_more(["a" * 50, "b"], limit=10) == "2 in all"
    assert and_more([], limit=10) == ""
