import time

import pytest

from integrations.manifest.patterns import MAX_LINE, MAX_TEXT, compile_pattern, search


@pytest.mark.parametrize(
    "pattern", ["ok", r"v\d{1,3}\.\d{1,3}", ".*x", "a|b|c", "(?:ab|cd){1,5}", r"^\w+$", "(?i)up", "[a-z]+"]
)
def test_bounded_patterns_are_taken(pattern: str) -> None:
    assert compile_pattern(pattern).pattern == pattern


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(a+)+$", "may take too long"),
        ("(a|aa)+$", "may take too long"),
        (".*a.*b", "may take too long"),
        (r"\d+\.\d+", "may take too long"),
        ("(a{1,30}){1,30}", "may take too long"),
        ("(", "no regular expression"),
        (r"(a)\1", "back-references"),
        ("(?=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        ("x" * 300, "at most 256 characters"),
        ("a{99999999999}", "no regular expression"),
    ],
)
def test_patterns_that_may_hang_are_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [".*x", "a*b", "(?:a|aa){1,6}b", "a{0,21}a{0,21}b"])
def test_the_worst_text_takes_no_second(pattern: str) -> None:
    text = ("a" * (MAX_LINE - 1) + "\n") * (MAX_TEXT // MAX_LINE)

    began = time.perf_counter()
    found = search(compile_pattern(pattern), text)

    assert found is None
    assert time.perf_counter() - began < 1.0


def test_text_is_searched_line_by_line_within_a_bound() -> None:
    assert search(compile_pattern("^two$"), "one\ntwo\n")
    assert not search(compile_pattern("end"), "x" * MAX_TEXT + "\nend")
    assert not search(compile_pattern("end"), "x" * MAX_LINE + "end")
