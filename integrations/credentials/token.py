"""An access token that was bought, how its answer is read, and who buys it."""

import re
from typing import Protocol

import httpx
import msgspec

from integrations.credentials.secret import Secret

_BETWEEN = re.compile(r"[\s,]+")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token, its end (UTC seconds; None: until it is refused), and what came with it.

    `refresh` buys the next one, `host` is the address learned from the answer, `scopes` are those granted
    (None: not told).
    """

    access: Secret
    expires_at: float | None = None
    refresh: Secret | None = None
    host: str = ""
    scopes: tuple[str, ...] | None = None


class TokenAnswerError(ValueError):
    """An answer that holds no token: `code` is the vendor's error word, the message says what is wrong."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TokenSource(Protocol):
    """One way to buy tokens. `request` raises UnfitValueError for a secret that cannot be used, `read`
    TokenAnswerError. `hidden` is what the last request sent that nobody may see; `is_repeatable` says that
    asking twice does no harm.
    """

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be asked again: not where a refresh token is spent by its use."""
        ...

    @property
    def url(self) -> httpx.URL:
        """Where it asks."""
        ...

    def request(self, held: Token | None) -> httpx.Request:
        """The request for a new token, in place of the one that is held."""
        ...

    def read(self, answer: object) -> Token:
        """The token in a good answer, decoded from JSON."""
        ...

    def hidden(self) -> set[str]:
        """What its last request sent that nobody may see."""
        ...


def split_scopes(text: str) -> tuple[str, ...]:
    """The scopes in a text that parts them by spaces (RFC 6749, 3.3) or commas (GitHub, Slack)."""
    return tuple(sorted(filter(None, _BETWEEN.split(text))))


def text_at(value: object, what: str) -> str:
    """The value, which must be text that a header can hold.

    Raises:
        TokenAnswerError: when it is not; it never shows the value.
    """
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise TokenAnswerError(f"the answer holds no {what}")
    return value
