"""What is read from a text, with its lines; problems say where, what was found and what was meant."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import msgspec

Path = tuple[str | int, ...]

MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_KEY = 1024
MAX_PROBLEMS = 100
"""Of one document: characters and values with aliases expanded, levels, characters of a key with those
around it, and problems that are told.
"""

_MAX_WORD = 64
_MAX_WORDS = 1000


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a source: where (`line` counts from 1; 0 where there are
    none), what stands there, what should.

    `found` is empty where the values are right one by one but not together; `nearest` is the valid word that
    was perhaps meant.
    """

    file: str
    line: int
    key: str
    found: str
    expected: str
    nearest: str = ""

    def __str__(self) -> str:
        what = f"found {self.found}, expected {self.expected}" if self.found else self.expected
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{place}: {self.key}: " if self.key else f"{place}: "
        return where + what + (f"; did you mean {self.nearest}?" if self.nearest else "")


class SourceError(ValueError):
    """A source cannot be used; `problems` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A source read: `value` is plain data (mappings, lists, text, numbers, booleans, None)."""

    name: str
    value: object
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of the key or item at `path`, or of the nearest thing around it that the text holds."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, *, found: str, expected: str, nearest: str = "") -> Problem:
        """A problem at `path`, for a caller that checks more than types."""
        return Problem(
            file=self.name,
            line=self.line(path),
            key=key_of(path),
            found=found,
            expected=expected,
            nearest=nearest,
        )


def key_of(path: Path) -> str:
    """A path as people write it: `integrations[0].policy.timeout`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def nearest(word: str, valid: Iterable[str]) -> str:
    """The valid word that looks most like `word`, or nothing; long words and the thousandth are left out,
    because comparing takes long.
    """
    if len(word) > _MAX_WORD:
        return ""
    words = islice((each for each in valid if len(each) <= _MAX_WORD), _MAX_WORDS)
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=0.6)), "")
