"""Pages of a named query's answer: a cursor says where the next one begins.

All pages of an answer are counted from the same moment, so that `now` and `-24h` mean on the last page what
they meant on the first.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from exporters.analytics.parameters import InvalidParams
from exporters.analytics.sql.frames import Format

RESERVED = frozenset({"format", "rows", "cursor", "id"})
"""Parameters of every named query; none has one of its own of these names."""

_MOST = (1 << 53) - 1
_LATEST = 253_402_300_799.0
_SHOWN = 40


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a named query. `rows` can only lower the configuration's limit, `cursor` is the page
    before's `next`, and `id` names the query to those who may want to end it.
    """

    name: str
    params: Mapping[str, str]
    format: Format = Format.JSON
    rows: int | None = None
    cursor: str = ""
    id: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the format asked for. `next` is the cursor of the one behind it, empty where there is none.

    `as_of` is the moment that relative times count from (UTC seconds), `duration` seconds.
    """

    id: str
    name: str
    body: bytes
    rows: int
    next: str
    as_of: float
    duration: float


class Place(NamedTuple):
    """Where a page begins: behind so many rows of the answer to a question that was first asked `at`."""

    skip: int
    at: float

    def cursor(self, request: PageRequest) -> str:
        """Return it as text, which no other question can go on from."""
        content = msgspec.json.encode((self.skip, self.at, _mark(request)))
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def place_of(request: PageRequest, *, now: float) -> Place:
    """Return where the page begins that is asked for.

    Raises:
        InvalidParams: when its cursor is none, or one of another question.
    """
    if not request.cursor:
        return Place(0, now)
    try:
        padded = request.cursor + "=" * (-len(request.cursor) % 4)
        content = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        skip, at, mark = msgspec.json.decode(content, type=tuple[int, float, str])
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError, UnicodeDecodeError):
        raise _refused(request, "the `next` of the page before") from None
    if mark != _mark(request):
        raise _refused(request, "the `next` of a page of the same query with the same parameters")
    if not (0 <= skip <= _MOST and 0 <= at <= _LATEST):
        raise _refused(request, "the `next` of the page before")
    return Place(skip, at)


def _refused(request: PageRequest, expected: str) -> InvalidParams:
    return InvalidParams("cursor", found=request.cursor[:_SHOWN], expected=expected)


def _mark(request: PageRequest) -> str:
    content = msgspec.json.encode((request.name, sorted(request.params.items())))
    return hashlib.sha256(content).hexdigest()[:16]
