r"""Regular expressions that cannot hang the event loop.

Python's `re` backtracks, has no time limit and holds the interpreter's lock, so a thread would not help.
Therefore a pattern's worst case is bounded before it is used: text is searched line by line (a line's first
512 characters, 64 KiB in all), and a pattern is refused when the product of its repeats' bounds and its
branches may exceed what one unbounded repeat over such a line costs. `\d{1,3}\\.\d{1,3}` is fine, `.*a.*b` is
not: two conditions under `all` say the same.
"""

import functools
import re
import typing
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined] # Only the parsed form tells the worst case.
from re import _parser as parser  # type: ignore[attr-defined] # The same.

MAX_TEXT = 64 * 1024
MAX_LINE = 512
MAX_PATTERN = 256


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern whose worst case is bounded.

    Raises:
        ValueError: saying why it is refused.
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a regular expression may have at most {MAX_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"this is no regular expression: {error}") from error
    if _cost(parser.parse(pattern)) > MAX_LINE:
        raise ValueError(
            "this regular expression may take too long; use one * or + at most, and bounds such as {1,3}"
        )
    return compiled


def search(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The first line's match in the bounded part of the text, or None."""
    for line in text[:MAX_TEXT].split("\n"):
        if match := pattern.search(line[:MAX_LINE]):
            return match
    return None


def _cost(tokens: Iterable[tuple[typing.Any, typing.Any]]) -> int:
    """How many ways there are, at worst, to match these tokens at one place of a line."""
    cost = 1
    for token in tokens:
        cost *= _token_cost(token)
        if cost > MAX_LINE:
            return MAX_LINE + 1
    return cost


def _token_cost(token: tuple[typing.Any, typing.Any]) -> int:
    code, argument = token
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return _repeat_cost(*argument)
    if code is codes.SUBPATTERN:
        return _cost(argument[-1])
    if code is codes.ATOMIC_GROUP:
        return _cost(argument)
    if code is codes.BRANCH:
        return sum(map(_cost, argument[1]))
    if code in (codes.ASSERT, codes.ASSERT_NOT, codes.GROUPREF, codes.GROUPREF_EXISTS):
        raise ValueError("look-around and back-references are not allowed in regular expressions here")
    return 1


def _repeat_cost(low: int, high: int, body: Iterable[tuple[typing.Any, typing.Any]]) -> int:
    inner = _cost(body)
    if inner > 1:
        return 8 * int(inner ** min(high, 10))  # A branch tried again costs more than one more character.
    return min(MAX_LINE, high - low + 1)
