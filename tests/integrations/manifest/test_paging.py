import msgspec
import pytest

from integrations.execution.transport import Reply
from integrations.manifest.paging import Next, next_page, sized
from integrations.manifest.schema import Paginate


def reply(body: object = None, link: str = "") -> Reply:
    return Reply(status=200, headers={"link": link} if link else {}, body=msgspec.json.encode(body or {}))


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ('<https://h/?page=2>; rel="next", <https://h/?page=9>; rel="last"', "https://h/?page=2"),
        ('<https://h/?page=1>; rel="prev", <https://h/?page=3>; rel=next', "https://h/?page=3"),
        ('<https://h/?a=1,2&page=2>; title="x"; rel="prev next"', "https://h/?a=1,2&page=2"),
        ('<https://h/?page=1>; rel="nextish"', None),
        (
            '<https://h/?c=1>; rel="previous"; results="true", <https://h/?c=2>; rel="next"; results="false"',
            None,
        ),
        (
            '<https://h/?c=1>; rel="previous"; results="false", <https://h/?c=2>; rel="next"; results="true"',
            "https://h/?c=2",
        ),
        ('<https://h/?page=1>; rel="last"', None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_links_of_rfc_8288(link: str, url: str | None) -> None:
    found = next_page(Paginate(kind="link"), reply(link=link), {}, items=[{}])

    assert (found.url if found else None) == url


CURSOR = Paginate(kind="cursor", cursor="after", next="/meta/next")
COUNTED = Paginate(kind="page", page="page", size="size", size_default=2)
CAPPED = Paginate(kind="offset", offset="from", size="size", size_default=9, next="/next")
OFFSET = Paginate(kind="offset", offset="from", size="size", size_default=2, more="/more")


@pytest.mark.parametrize(
    ("paginate", "body", "params", "items", "found"),
    [
        (CURSOR, {"meta": {"next": "c2"}}, {}, 1, Next(params={"after": "c2"})),
        (CURSOR, {"meta": {"next": ""}}, {}, 1, None),
        (CURSOR, {"meta": {"next": None}}, {}, 1, None),
        (CURSOR, {}, {}, 1, None),
        (COUNTED, {}, {}, 2, Next(params={"page": 2})),
        (COUNTED, {}, {"page": 4, "size": 3}, 3, Next(params={"page": 5})),
        (COUNTED, {}, {}, 1, None),
        (COUNTED, {}, {}, 0, None),
        (OFFSET, {"more": True}, {"from": 10}, 1, Next(params={"from": 11})),
        (OFFSET, {"more": False}, {"from": 10}, 2, None),
        (OFFSET, {"more": True}, {}, 0, None),
        (CAPPED, {"next": "https://h/?skip=3"}, {"from": 1}, 2, Next(params={"from": 3})),
        (CAPPED, {}, {"from": 3}, 2, None),
        (CAPPED, {}, {}, 9, Next(params={"from": 9})),
        (CAPPED, {"next": "https://h/?skip=3"}, {}, 0, None),
        (Paginate(kind="next_url", next="/next"), {"next": "https://h/2"}, {}, 1, Next(url="https://h/2")),
        (Paginate(kind="next_url", next="/next"), {"next": False}, {}, 1, None),
    ],
)
def test_where_the_next_page_is(
    paginate: Paginate, body: object, params: dict[str, object], items: int, found: Next | None
) -> None:
    assert next_page(paginate, reply(body), params, items=[{}] * items) == found


def test_the_page_size_is_the_callers_or_the_manifests() -> None:
    assert sized(COUNTED, {}) == {"size": 2}
    assert sized(COUNTED, {"size": 9}) == {"size": 9}
    assert sized(CURSOR, {}) == {}
