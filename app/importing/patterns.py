"""Patterns of the peers as conditions: Go's regular expressions and Gatus's globs, within our bounds."""

import re
import warnings
from collections.abc import Callable

from app.importing.draft import Rule
from app.importing.references import escaped
from integrations.manifest.patterns import compile_pattern

Test = Callable[[dict[str, object]], Rule]
"""Makes a condition of one test, such as `{"contains": "ok"}`."""

_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")
_ESCAPED = re.compile(r"\\([^A-Za-z0-9\s])")
_FOREIGN = re.compile(r"\\[QECzpPx]|\[\[:|\(\?<|\(\?[a-zA-Z-]*[sU]|\\n")


class UntranslatableError(ValueError):
    """A peer's expression has no condition of ours; `instead` is what the operator can do."""

    def __init__(self, why: str, instead: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.instead = instead


def literal(pattern: str) -> str | None:
    """What a Go regular expression searches for, where it is plain text."""
    core = re.sub(r"^(?:\.\*)+|(?:(?<!\\)\.\*)+$", "", pattern)
    plain = _ESCAPED.sub(r"\1", core)
    return (
        plain if not _SPECIAL.search(_ESCAPED.sub("", core)) and "\\" not in _ESCAPED.sub("", core) else None
    )


def bounded(pattern: str) -> str:
    """A regular expression that ours accepts as it is.

    Raises:
        UntranslatableError: saying why it does not.
    """
    if _FOREIGN.search(pattern):
        raise UntranslatableError(
            "this regular expression has parts that are not known here or spans lines",
            "Write it anew: a pattern is searched line by line",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile_pattern(pattern)
    except (ValueError, Warning) as error:
        raise UntranslatableError(str(error), "Write it anew, or as several conditions") from error
    return pattern


def glob_rules(pattern: str, make: Test, *, is_present: Rule) -> Rule:
    """A glob of Gatus (`*`, `?`, `[abc]`) on one text.

    Raises:
        UntranslatableError: when its regular expression would not be bounded.
    """
    pattern = re.sub(r"\*+", "*", pattern)
    if pattern == "*":
        return is_present
    if not re.search(r"[*?\[\\]", pattern):
        return make({"equals": escaped(pattern)})
    inner = pattern.removeprefix("*").removesuffix("*")
    if not re.search(r"[*?\[\\]", inner) and pattern == f"*{inner}*":
        return make({"contains": escaped(inner)})
    start = "" if pattern.startswith("*") else "^"
    end = "" if pattern.endswith("*") else "$"
    return make({"matches": escaped(bounded(start + glob_pattern(inner) + end))})


def glob_pattern(glob: str) -> str:
    """The regular expression of a glob, without anchors.

    Raises:
        UntranslatableError: when the glob has an escape or a class that is not closed.
    """
    parts = re.split(r"(\*|\?|\[\^?[^\]\\]+\])", glob)
    for part in parts[::2]:
        if "\\" in part or "[" in part:
            raise UntranslatableError("this pattern has an escape or a class that is not closed")
    known = {"*": ".*", "?": "."}
    return "".join(
        known.get(part, part) if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
