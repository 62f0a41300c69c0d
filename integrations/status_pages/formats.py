"""Which reader takes which kind of status page, and where the kind has its data."""

import codecs
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from integrations.status_pages import feeds, google, salesforce, slack, statuspage
from integrations.status_pages.reading import PageReading, UnreadablePageError

PATHS: Mapping[str, str] = MappingProxyType({"statuspage": statuspage.PATH, "slack": slack.PATH})
"""What a kind adds to the page's address; the others' addresses are those of the data."""

_JSON: Mapping[str, Callable[[object], PageReading]] = MappingProxyType(
    {
        "statuspage": statuspage.read,
        "slack": slack.read,
        "google": google.read,
        "salesforce_trust": salesforce.read,
        "aws": feeds.read_aws_events,
    }
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF16_LE, "utf-16"),
)


def address(kind: str, url: str) -> str:
    """Where the data of a page of this kind is."""
    path = PATHS.get(kind, "")
    return url if not path or url.endswith(path) else url.rstrip("/") + path


def read_page(kind: str, body: bytes, *, components: tuple[str, ...] = (), now: float) -> PageReading:
    """Read what a page of this kind answered; `components` are names to look for where it has free text only.

    Raises:
        UnreadablePageError: when it is no such page.
    """
    text = _text(body)
    if kind == "azure":
        return feeds.read_azure(text, components=components)
    if kind == "aws" and text.lstrip().startswith("<"):
        return feeds.read_aws_feed(text, now=now)
    if kind not in _JSON:
        raise UnreadablePageError(f"there is no reader for status pages of kind {kind}")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadablePageError("the answer is no JSON") from error
    return _JSON[kind](value)


def _text(body: bytes) -> str:
    """The body as text: UTF-8, or what its byte order mark says."""
    charset = next((name for mark, name in _MARKS if body.startswith(mark)), "utf-8")
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        raise UnreadablePageError("the answer is no text") from error
