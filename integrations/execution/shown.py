"""How a request and an answer are shown to a person: without what could be a secret.

Known secrets are taken out by the integration's own `redact`; what is here goes by names, for secrets that
nobody declared: a key in a query, a session in a cookie.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

MASK = "***"
MOST_BODY = 2_048
"""So many bytes of a body are shown."""

_SHORTEST_HIDDEN = 4
"""What is shorter would be taken out of half the words of an answer."""

_SECRET_NAME = re.compile(
    r"auth|cookie|credential|key|passw|pwd|secret|session|sig(nature|$)|token|x-amz-|(^|[-_])(code|sid|jwt|hmac|nonce)$",
    re.IGNORECASE,
)
_HARMLESS = frozenset({"www-authenticate", "x-ratelimit-key", "keep-alive"})
_TEXT = re.compile(r"text/|json|xml|html|javascript|x-www-form-urlencoded|csv|yaml", re.IGNORECASE)

Redact = Callable[[str], str]


def sounds_secret(name: str) -> bool:
    """Whether a header or a query parameter of this name may hold a secret."""
    return name.lower() not in _HARMLESS and _SECRET_NAME.search(name) is not None


def shown_url(url: httpx.URL, redact: Redact = str) -> str:
    """A URL without user and password, and without the values of its query that sound secret."""
    port = f":{url.port}" if url.port is not None else ""
    pairs = [
        f"{redact(name)}={MASK if sounds_secret(name) else redact(value)}"
        for name, value in url.params.multi_items()
    ]
    query = f"?{'&'.join(pairs)}" if pairs else ""
    return f"{url.scheme}://{url.host}{port}{redact(url.path)}{query}"


def secret_values(url: httpx.URL) -> frozenset[str]:
    """The values of a URL's query that sound secret: an answer may quote them."""
    return frozenset(value for name, value in url.params.multi_items() if value and sounds_secret(name))


def query_values(values: Iterable[object]) -> frozenset[str]:
    """All values in the queries of those texts that are URLs: who configures a URL may put a key there."""
    urls = [text for text in values if isinstance(text, str) and "://" in text and "?" in text]
    return frozenset(value for text in urls for _, value in parse_qsl(urlsplit(text).query))


def veiled(redact: Redact, texts: Iterable[str]) -> Redact:
    """What also takes these texts out, as they are and as they stand in a URL; the shortest stay."""
    known = {text for text in texts if len(text) >= _SHORTEST_HIDDEN}
    known |= {quote(text, safe="") for text in known}
    hidden = sorted(known, key=len, reverse=True)

    def hide(text: str) -> str:
        text = redact(text)
        for one in hidden:
            text = text.replace(one, MASK)
        return text

    return hide


def shown_headers(headers: Mapping[str, str], redact: Redact) -> dict[str, str]:
    """Headers by name, with the value masked where the name sounds secret."""
    return {name.lower(): MASK if sounds_secret(name) else redact(value) for name, value in headers.items()}


def shown_body(body: bytes, content_type: str, redact: Redact) -> str:
    """The first 2 KiB of a body as text; of one that is no text only how long it is.

    It is redacted before it is cut, so that no half of a secret is left at the end.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        if not _TEXT.search(content_type):
            return f"(binary, {len(body)} bytes)" if body else ""
        text = body.decode("utf-8", "replace")
    if "\x00" in text:
        return f"(binary, {len(body)} bytes)"
    # JSON may write a slash with a backslash before it, where no secret would be recognised.
    text = redact(text.replace("\\/", "/"))
    kept = text.encode()[:MOST_BODY].decode("utf-8", "ignore")
    return kept if len(kept) == len(text) else f"{kept}… ({len(body)} bytes in all)"
