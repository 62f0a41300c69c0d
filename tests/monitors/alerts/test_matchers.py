"""Matchers mean what Alertmanager's mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.alerts.matchers import (
    Matcher,
    MatcherError,
    all_match,
    parse_matcher,
    parse_matchers,
    quote,
    written,
)


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ('team="payments"', "team", "=", "payments"),
        ("team=payments", "team", "=", "payments"),
        ('  team  !=  "a b"  ', "team", "!=", "a b"),
        ('code=~"5.."', "code", "=~", "5.."),
        ('code!~"4..|5.."', "code", "!~", "4..|5.."),
        ('team=""', "team", "=", ""),
        ("team=", "team", "=", ""),
        (r'q="She said: \"Hi, ladies!\""', "q", "=", 'She said: "Hi, ladies!"'),
        (r'p="a\\b\nc\d"', "p", "=", "a\\b\nc\\d"),
        ('"schöner name"="x"', "schöner name", "=", "x"),
        ('größe="∞"', "größe", "=", "∞"),
        ('a="=~"', "a", "=", "=~"),
        ('a="{}"', "a", "=", "{}"),
    ],
)
def test_a_matcher_is_read(text: str, name: str, operator: str, value: str) -> None:
    matcher = parse_matcher(text)
    assert (matcher.name, matcher.operator, matcher.value) == (name, operator, value)


@pytest.mark.parametrize(
    "text", ['{foo = "bar", dings != "bums", }', "foo=bar,dings!=bums", "foo=bar, dings!=bums"]
)
def test_several_matchers_are_parted_by_commas(text: str) -> None:
    assert [str(each) for each in parse_matchers(text)] == ['foo="bar"', 'dings!="bums"']


def test_a_comma_in_quotes_parts_nothing() -> None:
    assert [each.value for each in parse_matchers('a="x,y",b="z"')] == ["x,y", "z"]


@pytest.mark.parametrize("text", ["", "{}", "  ", "{ }"])
def test_no_matchers_match_everything(text: str) -> None:
    assert parse_matchers(text) == ()
    assert all_match(parse_matchers(text), {"a": "b"})


@pytest.mark.parametrize(
    "text",
    [
        "team",
        "=x",
        'team=="x"',
        'team="x',
        'team=x"',
        "{team=x",
        "team=x}",
        "a=b,,c=d",
        "a=b c=d",
        "a b=c",
        "a<b",
        'a=~"("',
        'a=~"(?=x)"',
        "a=~*",
    ],
)
def test_what_is_no_matcher_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(MatcherError) as caught:
        parse_matchers(text)
    assert str(caught.value)


def test_an_expression_of_thousands_of_characters_is_refused() -> None:
    with pytest.raises(MatcherError, match="at most 4096"):
        parse_matchers('a="' + "x" * 5_000 + '"')


def test_one_matcher_is_asked_for_and_several_are_refused() -> None:
    with pytest.raises(MatcherError, match="expected one matcher"):
        parse_matcher("a=b,c=d")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a=x", "x", True),
        ("a=x", "y", False),
        ("a!=x", "y", True),
        ('a=~"x|y"', "y", True),
        ('a=~"x"', "xy", False),
        ('a=~"x"', "yx", False),
        ('a=~"a|b.*"', "bcd", True),
        ('a=~"a|b"', "ab", False),
        ('a!~"5.."', "503", False),
        ('a!~"5.."', "404", True),
        ('a=~"(?i)GITHUB"', "github", True),
        ('a=~".*"', "", True),
        ('a=~".+"', "", False),
        ('a=~"a.b"', "a\nb", False),
        ('a=~"ü."', "üß", True),
        (r'a=~"\\d+"', "123", True),
    ],
)
def test_a_regular_expression_must_match_the_whole_value(text: str, value: str, *, expected: bool) -> None:
    assert parse_matcher(text).matches({"a": value}) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [('a=""', True), ('a!=""', False), ('a!="x"', True), ('a=~"x?"', True), ('a!~"x"', True)],
)
def test_a_label_that_is_missing_is_the_empty_text(text: str, *, expected: bool) -> None:
    assert parse_matcher(text).matches({}) is expected


def test_an_expression_that_makes_others_hang_is_answered_at_once() -> None:
    assert not parse_matcher('a=~"(x+x+)+y"').matches({"a": "x" * 50_000})


def test_matchers_are_written_sorted_by_name_value_and_kind_as_alertmanager_does() -> None:
    matchers = parse_matchers('b="1",a!~"2",a="2",a=~"2",a!="2",a="1"')
    assert written(matchers) == '{a="1",a="2",a!="2",a=~"2",a!~"2",b="1"}'
    assert written(()) == "{}"


def test_quoting_is_that_of_go() -> None:
    assert quote('a"\\\n\t\r\x00\u200bü😀') == '"a\\"\\\\\\n\\t\\r\\x00\\u200bü😀"'


@given(st.text(), st.sampled_from(["=", "!="]))
def test_what_is_written_is_read_again(value: str, operator: str) -> None:
    matcher = Matcher(name="a", operator=operator, value=value)  # type: ignore[arg-type] # one of both
    if len(str(matcher)) < 4_000:
        assert parse_matcher(str(matcher)) == matcher


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    try:
        matchers = parse_matchers(text)
    except MatcherError as error:
        assert str(error)  # noqa: PT017 - both ends are good here, and each says something
    else:
        assert parse_matchers(written(matchers)) == tuple(
            sorted(matchers, key=lambda each: written(matchers).index(str(each)))
        )
