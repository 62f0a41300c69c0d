"""Text for people, whoever wrote it: one line, no control characters, nothing that becomes a link by itself,
and never longer than a receiver takes.

What a vendor says of itself, or answers, ends up in our messages. Here it loses what could act: line breaks,
characters that are not seen or turn the direction of writing, and addresses. Marks that only one receiver
understands (`<!channel>`, Markdown) are that format's to escape.
"""

import re
import unicodedata

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://|\bwww\.(?=\w)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_MARK = " … (shortened)"
LONGEST = 1000
"""Characters of one text that are looked at; nobody reads more of one sentence at night."""


def plain(text: str, *, limit: int = LONGEST) -> str:
    """A text as one line without hidden characters; an address in it is written so that nothing opens it
    (`https: //…`), since mail programs and chats make links of what looks like one.
    """
    looked_at = text[: limit * 4]
    seen = looked_at if looked_at.isprintable() else "".join(map(_shown, looked_at))
    return shortened(_ADDRESS.sub(_apart, _SPACES.sub(" ", seen).strip()), limit)


def shortened(text: str, limit: int) -> str:
    """A text of at most `limit` characters that says so where something was left out."""
    if len(text) <= limit:
        return text
    mark = _MARK if limit > 3 * len(_MARK) else "…"
    return text[: limit - len(mark)].rstrip() + mark


def shortened_to_bytes(text: str, limit: int) -> str:
    """The same, counted in bytes of UTF-8."""
    if len(text.encode()) <= limit:
        return text
    room = max(0, limit - len(_MARK.encode()))
    return text.encode()[:room].decode(errors="ignore").rstrip() + _MARK


def and_more(texts: list[str], *, limit: int) -> str:
    """Texts joined by commas, as many as fit; says how many were left out."""
    told = list(texts)
    while told:
        left = len(texts) - len(told)
        joined = ", ".join(told) + (f" and {left} more" if left else "")
        if len(joined) <= limit:
            return joined
        told.pop()
    return f"{len(texts)} in all" if texts else ""


def _shown(character: str) -> str:
    if character in "\r\n\t\v\f\u2028\u2029\x85":
        return " "
    return "" if unicodedata.category(character) in _HIDDEN else character


def _apart(found: re.Match[str]) -> str:
    return f"{found[1]}: //" if found[1] else "www ."
