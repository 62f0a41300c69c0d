import base64
import json

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import InvalidParams
from integrations.manifest.hosts import ForeignHostError, Origins, parsed_url
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Action, Manifest, Vendor
from tests.fakes.clock import FakeClock


def plan(action: dict[str, object], *, base: str = "https://h", **parts: object) -> RequestPlan:
    declared = msgspec.convert({"title": "a", "effect": "read", "path": "/a", **action}, Action)
    manifest = Manifest(
        manifest=1,
        id="x",
        version="1",
        vendor=Vendor(name="X", docs=""),
        base_url="{config.base_url}",
        hosts=("{config.base_url}",),
        auth={},
        actions={"a": declared},
        capabilities={"read": ("a",)},
        **parts,
    )
    config = {"base_url": base, "team": "t 1"}
    return RequestPlan(manifest, "a", config=config, origins=Origins([base]), clock=FakeClock())


def built(action: dict[str, object], params: dict[str, object], **parts: object) -> httpx.Request:
    made = plan(action, **parts)
    return made.build(made.check(params), key="key-1")


@pytest.mark.parametrize(
    ("declared", "value", "query"),
    [
        ({"in": "query"}, "a b&c=d", "q=a%20b%26c%3Dd"),
        ({"in": "query", "type": "integer"}, 10**15, "q=1000000000000000"),
        ({"in": "query", "type": "number"}, 0.1, "q=0.1"),
        ({"in": "query", "type": "boolean"}, False, "q=false"),
        ({"in": "query", "type": "array"}, ["x", 1, True], "q=x&q=1&q=true"),
        ({"in": "query", "type": "array", "style": "csv"}, ["x", "y"], "q=x%2Cy"),
        ({"in": "query", "type": "array", "style": "brackets"}, ["x", "y"], "q%5B%5D=x&q%5B%5D=y"),
        ({"in": "query", "type": "object"}, {"a": [1]}, "q=%7B%22a%22%3A%5B1%5D%7D"),
        ({"in": "query", "name": "Q-Name"}, "x", "Q-Name=x"),
    ],
    ids=str,
)
def test_query_inputs(declared: dict[str, object], value: object, query: str) -> None:
    sent = built({"input": {"q": declared}}, {"q": value}).url.query.decode()

    assert sent.replace("+", "%20") == query


def test_a_header_that_is_filled_with_nothing_is_left_out() -> None:
    request = built({"headers": {"X-Client": "{config.team|trim}"}}, {}, headers={"X-Empty": ""})

    assert (request.headers["x-client"], "x-empty" in request.headers) == ("t 1", False)


def test_constants_and_headers() -> None:
    action = {
        "query": {"v": "2", "team": "{config.team}"},
        "headers": {"X-Team": "{config.team}", "X-Time": "{unix_time()}", "X-ISO": "{iso_time()}"},
        "input": {"trace": {"in": "header", "name": "X-Trace"}},
    }

    request = built(action, {"trace": "abc"}, headers={"accept": "application/json"})

    assert dict(request.url.params) == {"v": "2", "team": "t 1"}
    names = ("x-team", "x-time", "x-iso", "x-trace", "accept", "user-agent")
    assert [request.headers[name] for name in names] == [
        "t 1",
        "1800000000",
        "2027-01-15T08:00:00Z",
        "abc",
        "application/json",
        "Dialtone",
    ]


def test_a_json_body_is_put_together_by_pointers() -> None:
    action = {
        "method": "POST",
        "body": {"kind": "json", "base": {"fields": {"kind": "bug"}}},
        "input": {
            "title": {"in": "body", "to": "/fields/title"},
            "labels": {"in": "body", "to": "/fields/labels", "type": "array"},
            "a/b": {"in": "body"},
        },
    }

    first = built(action, {"title": "x", "labels": ["y"], "a/b": "z"})
    second = built(action, {})

    assert json.loads(first.content) == {"fields": {"kind": "bug", "title": "x", "labels": ["y"]}, "a/b": "z"}
    assert json.loads(second.content) == {"fields": {"kind": "bug"}}
    assert first.headers["content-type"] == "application/json"


def test_other_bodies() -> None:
    both = {"x": {"in": "body"}, "n": {"in": "body", "type": "integer"}}
    form = built({"method": "POST", "body": {"kind": "form"}, "input": both}, {"x": "a b", "n": 3})
    assert (form.content, form.headers["content-type"]) == (b"x=a+b&n=3", "application/x-www-form-urlencoded")

    one = {"x": {"in": "body"}}
    text = built(
        {"method": "POST", "body": {"kind": "text", "content_type": "text/csv"}, "input": one}, {"x": "a,b"}
    )
    assert (text.content, text.headers["content-type"]) == (b"a,b", "text/csv")

    upload = {
        "method": "POST",
        "body": {"kind": "multipart"},
        "input": {**one, "f": {"in": "file", "type": "bytes"}},
    }
    request = built(upload, {"x": "a", "f": base64.b64encode(b"\x00\x01").decode()})
    content = request.read()
    assert b'name="x"' in content
    assert b'name="f"; filename="f"' in content
    assert b"\x00\x01" in content

    raw = built(
        {"method": "PUT", "body": {"kind": "bytes"}, "input": {"f": {"in": "file", "type": "bytes"}}},
        {"f": b"z"},
    )
    assert raw.content == b"z"


def test_a_graphql_document_and_its_variables() -> None:
    action = {
        "path": "/graphql",
        "graphql": "query($id: ID!) { node(id: $id) { id } }",
        "input": {"id": {"in": "variable"}},
    }

    request = built(action, {"id": "x"})

    assert request.method == "POST"
    assert json.loads(request.content) == {"query": action["graphql"], "variables": {"id": "x"}}


@pytest.mark.parametrize("place", [{"header": "Idempotency-Key"}, {"to": "/meta/key"}])
def test_the_idempotency_key_goes_where_the_vendor_wants_it(place: dict[str, str]) -> None:
    request = built({"method": "POST", "body": {"kind": "json"}, "idempotency": place}, {})

    body = json.loads(request.content)
    assert "key-1" in (request.headers.get("idempotency-key"), body.get("meta", {}).get("key"))


@pytest.mark.parametrize(("params", "path"), [({}, "/send/key-1"), ({"txn": "mine"}, "/send/mine")])
def test_the_idempotency_key_stands_in_for_a_path_input_that_is_not_given(
    params: dict[str, object], path: str
) -> None:
    action = {"path": "/send/{txn}", "input": {"txn": {"in": "path"}}, "idempotency": {"path": "txn"}}

    assert built(action, params).url.path.endswith(path)


@pytest.mark.parametrize(("longest", "sent"), [(0, "key-1"), (5, "key-1"), (4, "be29")])
def test_a_key_that_is_too_long_for_the_vendor_is_replaced_by_its_hash(longest: int, sent: str) -> None:
    place = {"header": "Idempotency-Key", "longest": longest}

    assert built({"method": "POST", "idempotency": place}, {}).headers["idempotency-key"] == sent


def test_defaults_count_and_null_is_not_given() -> None:
    action = {"input": {"a": {"in": "query", "default": "x"}, "b": {"in": "query"}}}

    assert dict(built(action, {"a": None, "b": None}).url.params) == {"a": "x"}


@pytest.mark.parametrize(
    ("declared", "value", "said"),
    [
        ({"in": "query", "type": "integer"}, "5", "must be a whole number"),
        ({"in": "query", "type": "integer"}, True, "must be a whole number"),
        ({"in": "query", "type": "number"}, "x", "must be a number"),
        ({"in": "query", "type": "boolean"}, 1, "must be true or false"),
        ({"in": "query", "type": "array"}, "x", "must be a list"),
        ({"in": "query", "type": "object"}, [], "must be an object"),
        ({"in": "query"}, 5, "must be text"),
        ({"in": "query", "required": True}, None, r"is required \(text\)"),
        (
            {"in": "query", "enum": ["open", "closed"]},
            "opn",
            "must be one of open, closed; did you mean open",
        ),
        ({"in": "file", "type": "bytes"}, "not base64!", "must be bytes, or text in base64"),
    ],
    ids=str,
)
def test_a_param_of_the_wrong_type_is_refused(declared: dict[str, object], value: object, said: str) -> None:
    with pytest.raises(InvalidParams, match=said):
        plan({"body": {"kind": "json"}, "input": {"q": declared}}).check({"q": value})


@given(st.text(max_size=20))
def test_a_header_value_cannot_add_a_header(value: str) -> None:
    made = plan({"input": {"h": {"in": "header", "name": "X-H"}}})
    try:
        request = made.build(made.check({"h": value}))
    except (InvalidParams, UnicodeEncodeError):
        return
    assert len(request.headers.raw) == 3
    assert not any(control in raw for _, raw in request.headers.raw for control in (b"\r", b"\n", b"\0"))


def test_the_base_url_keeps_its_path() -> None:
    assert str(built({}, {}, base="https://h:8443/prefix/").url) == "https://h:8443/prefix/a"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example/x", True),
        ("https://api.example:443/x", True),
        ("https://API.EXAMPLE/x", True),
        ("http://api.example/x", False),
        ("https://api.example:8443/x", False),
        ("https://api.example.evil/x", False),
        ("https://user:pass@api.example/x", False),
        ("http://local.example:9090/", True),
        ("http://local.example/", False),
        ("https://a.my.example/", True),
        ("https://my.example/", True),
        ("https://evilmy.example/", False),
        ("http://a.my.example/", False),
    ],
)
def test_only_exact_origins_and_stated_suffixes_are_allowed(url: str, *, allowed: bool) -> None:
    origins = Origins(["api.example", "http://local.example:9090"], suffixes=["my.example"])
    if allowed:
        assert origins.check(httpx.URL(url)) == httpx.URL(url)
        return
    with pytest.raises(ForeignHostError, match="is not an allowed host") as error:
        origins.check(httpx.URL(url))
    assert "pass" not in str(error.value)


def test_a_next_page_stays_on_the_allowed_hosts() -> None:
    made = plan({})
    first = made.build({})

    assert str(made.follow("?page=2", first).url) == "https://h/a?page=2"
    for url in ("https://evil/", "//evil/x", "https://h@evil/"):
        with pytest.raises(ForeignHostError):
            made.follow(url, first)


@pytest.mark.parametrize(
    ("action", "idempotent"),
    [
        ({}, True),
        ({"method": "POST"}, False),
        ({"method": "DELETE"}, True),
        ({"method": "PATCH"}, False),
        ({"method": "POST", "idempotent": True}, True),
        ({"idempotent": False}, False),
    ],
)
def test_idempotency_is_by_method_unless_the_manifest_says_otherwise(
    action: dict[str, object], *, idempotent: bool
) -> None:
    assert plan(action).idempotent is idempotent


def test_one_configured_address_allows_its_own_origin_and_no_other() -> None:
    origins = Origins(["http://shop.example:8080/health"])

    for allowed in (
        "http://shop.example:8080/health",
        "http://Shop.example:8080/",
        "http://shop.example:8080?q",
    ):
        assert origins.check(parsed_url(allowed)) is parsed_url(allowed)
    assert origins.first == ("http", "shop.example", 8080)
    for foreign in (
        "https://shop.example:8080/health",
        "http://shop.example/",
        "http://a@shop.example:8080/",
    ):
        with pytest.raises(ForeignHostError):
            origins.check(parsed_url(foreign))


def test_a_configured_address_with_a_user_in_it_is_never_allowed() -> None:
    address = "https://mona@shop.example/"

    with pytest.raises(ForeignHostError):
        Origins([address]).check(parsed_url(address))
