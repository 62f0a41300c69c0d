"""Finds the next page of an answer, as the manifest's `paginate` says."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from integrations.errors import InvalidParams
from integrations.execution.transport import Reply
from integrations.manifest import pointers
from integrations.manifest.schema import Paginate

_LINK = re.compile(r"<([^<>]{1,2048})>([^,<]*)")
_NEXT = re.compile(r'\brel\s*=\s*"?(?:[^"]*\s)?next\b', re.IGNORECASE)
_EMPTY = re.compile(r'\bresults\s*=\s*"?false\b', re.IGNORECASE)


PAGES = "_pages"
"""The param that says how many pages a paged action may take; without it one page is taken."""

MAX_PAGES = 100


class Next(NamedTuple):
    """Where the next page is: a URL, or params to ask with."""

    url: str = ""
    params: Mapping[str, object] = {}


def pages_in(params: Mapping[str, object], paginate: Paginate | None, action: str) -> int:
    """How many pages are asked for; one where there are none.

    Raises:
        InvalidParams: when it is no number from 1 to 100.
    """
    if paginate is None:
        return 1
    pages = params.get(PAGES, 1)
    if isinstance(pages, bool) or not isinstance(pages, int) or not 1 <= pages <= MAX_PAGES:
        raise InvalidParams(action, {PAGES: f"must be a whole number from 1 to {MAX_PAGES}"})
    return pages


def sized(paginate: Paginate, params: Mapping[str, object]) -> dict[str, object]:
    """Params with a page size, where the vendor takes one and the caller named none."""
    if paginate.size and paginate.size not in params:
        return {**params, paginate.size: paginate.size_default}
    return dict(params)


def next_page(
    paginate: Paginate, reply: Reply, params: Mapping[str, object], *, items: Sequence[object]
) -> Next | None:
    """The page after this answer, which held `items` and was asked for with `params`; None after the last,
    and where a cursor leads to itself.
    """
    if paginate.kind == "link":
        url = _link(reply.headers.get("link", "")[:8192])
        return Next(url=url) if url else None
    if paginate.more and pointers.get(reply.json(), paginate.more) is not True:
        return None
    if paginate.kind in ("cursor", "next_url"):
        value = pointers.get(reply.json(), paginate.next)
        return _named(paginate, value, params) if _is_place(value) else None
    if paginate.kind == "last_item":
        return _after(paginate, params, items)
    return _counted(paginate, params, items=len(items), says_more=_says_more(paginate, reply))


def _after(paginate: Paginate, params: Mapping[str, object], items: Sequence[object]) -> Next | None:
    """The page after a full one, by what its last item holds."""
    is_full = len(items) >= _whole(params.get(paginate.size), paginate.size_default)
    value = pointers.get(items[-1], paginate.next) if items and (is_full or paginate.more) else None
    return _named(paginate, value, params) if _is_place(value) else None


def _says_more(paginate: Paginate, reply: Reply) -> bool:
    """Whether the vendor itself said, of pages that are counted, that another one follows."""
    if paginate.more:
        return True
    return bool(paginate.next) and _is_place(pointers.get(reply.json(), paginate.next))


def _is_place(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""


def _named(paginate: Paginate, value: object, params: Mapping[str, object]) -> Next | None:
    if paginate.kind == "next_url":
        return Next(url=str(value))
    return None if params.get(paginate.cursor) == value else Next(params={paginate.cursor: value})


def _counted(paginate: Paginate, params: Mapping[str, object], *, items: int, says_more: bool) -> Next | None:
    """Pages by number or offset end with a page that is not full, unless the vendor says so."""
    size = _whole(params.get(paginate.size), paginate.size_default)
    if items == 0 or (items < size and not says_more):
        return None
    if paginate.kind == "page":
        return Next(params={paginate.page: _whole(params.get(paginate.page), paginate.first_page) + 1})
    return Next(params={paginate.offset: _whole(params.get(paginate.offset), 0) + items})


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _link(header: str) -> str:
    """The target with rel=next (RFC 8288), unless it says that nothing is there.

    The latter is `results="false"`: https://docs.sentry.io/api/pagination.
    """
    found = ((target, params) for target, params in _LINK.findall(header) if _NEXT.search(params))
    return next((target for target, params in found if not _EMPTY.search(params)), "")
