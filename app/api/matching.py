"""Matchers as clients write them."""

from collections.abc import Iterable

from app.api.problems import InvalidValue, invalid
from monitors.alerts.matchers import Matcher, MatcherError, parse_matcher


def matchers_of(texts: Iterable[str], *, source: str) -> tuple[Matcher, ...]:
    """Read matchers that came in the `query` or the `body`.

    Raises:
        ProblemError: 422, with all that cannot be read.
    """
    found: list[Matcher] = []
    wrong: list[InvalidValue] = []
    key = "matcher" if source == "query" else "matchers"
    for text in texts:
        try:
            found.append(parse_matcher(text))
        except MatcherError as error:
            wrong.append(InvalidValue(message=str(error), key=key, source=source))
    if wrong:
        raise invalid("A matcher cannot be read; see errors.", *wrong)
    return tuple(found)
