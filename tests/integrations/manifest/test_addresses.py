"""Where requests go when a secret, a second address or an odd path is part of it."""

import httpx
import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.errors import InvalidParams
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from integrations.manifest.hosts import Origins
from integrations.manifest.paging import Next, next_page
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Action, Manifest, Paginate, Vendor
from tests.fakes.clock import FakeClock

CANARY = "canary-0123456789abcdef"
HOOK = f"https://hooks.example/workflows/7?api-version=1&sig={CANARY}"


def manifest_with(action: dict[str, object]) -> Manifest:
    declared = msgspec.convert({"title": "a", "effect": "read", "path": "/a", **action}, Action)
    return Manifest(
        manifest=1, id="x", version="1", vendor=Vendor(name="X", docs=""), base_url="https://h",
        hosts=("h",), auth={}, actions={"a": declared}, capabilities={"read": ("a",)},
    )  # fmt: skip


def built(action: dict[str, object], params: dict[str, object]) -> httpx.Request:
    plan = RequestPlan(
        manifest_with(action),
        "a",
        config={"version": "58.0", "second": "https://ingest.example"},
        origins=Origins(["h", "ingest.example"], suffixes=["hooks.example"]),
        clock=FakeClock(),
        secrets={"url": Secret(HOOK), "token": Secret(CANARY)},
    )
    return plan.build(plan.check(params))


def answered(action: dict[str, object], reply: Reply) -> object:
    manifest = manifest_with(action)
    return AnswerReader(manifest, now=lambda: 0.0).output(reply, manifest.actions["a"])


def verdict(action: dict[str, object], reply: Reply) -> object:
    manifest = manifest_with(action)
    return AnswerReader(manifest, now=lambda: 0.0).verdict(reply, manifest.actions["a"]).kind


@pytest.mark.parametrize(
    ("path", "value", "url"),
    [
        ("/projects/{x}", "group/sub", "https://h/projects/group%2Fsub"),
        ("/job/{x|jobs}/api/json", "team/a b/build", "https://h/job/team/job/a%20b/job/build/api/json"),
        ("/A_Partner({x|odata})", "O'Neill/7", "https://h/A_Partner('O%27%27Neill%2F7')"),
        ("/services/v{config.version}/{x}", "limits", "https://h/services/v58.0/limits"),
        ("/webhooks/{x}/{secret.token}", "12", f"https://h/webhooks/12/{CANARY}"),
    ],
)
def test_paths(path: str, value: str, url: str) -> None:
    request = built({"path": path, "input": {"x": {"in": "path", "required": True}}}, {"x": value})

    assert str(request.url) == url


@pytest.mark.parametrize("value", ["", "..", "a/../b", "a//b", "a/."])
def test_a_jobs_path_cannot_be_left(value: str) -> None:
    with pytest.raises(InvalidParams):
        built({"path": "/job/{x|jobs}", "input": {"x": {"in": "path", "required": True}}}, {"x": value})


def test_an_action_may_have_an_address_of_its_own() -> None:
    request = built({"base_url": "{config.second}/v1", "path": "/accounts"}, {})

    assert str(request.url) == "https://ingest.example/v1/accounts"


def test_a_whole_address_may_be_a_secret_and_keeps_its_query() -> None:
    request = built({"base_url": "{secret.url}", "path": "", "input": {"q": {"in": "query"}}}, {"q": "more"})

    assert request.url.copy_with(query=None) == "https://hooks.example/workflows/7"
    assert dict(request.url.params) == {"api-version": "1", "sig": CANARY, "q": "more"}


def test_a_secret_that_is_no_address_is_not_told() -> None:
    action = manifest_with({"base_url": "{secret.url}", "path": ""})
    plan = RequestPlan(
        action, "a", config={}, origins=Origins(["h"]), clock=FakeClock(),
        secrets={"url": Secret(f"https://h:{CANARY}/")},
    )  # fmt: skip

    with pytest.raises(InvalidParams) as error:
        plan.build({})

    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(("effect", "idempotent"), [("read", True), ("write", False)])
def test_a_graphql_document_may_be_repeated_when_it_only_reads(effect: str, *, idempotent: bool) -> None:
    declared = {"graphql": "query { a }", "method": "POST", "effect": effect}
    plan = RequestPlan(manifest_with(declared), "a", config={}, origins=Origins(["h"]), clock=FakeClock())

    assert plan.idempotent is idempotent


@pytest.mark.parametrize(
    ("style", "sent"),
    [
        ("repeat", "tag=a&tag=b"),
        ("csv", "tag=a%2Cb"),
        ("brackets", "tag%5B%5D=a&tag%5B%5D=b"),
        ("json", "tag=%5B%22a%22%2C%22b%22%5D"),
    ],
)
def test_lists_in_a_form(style: str, sent: str) -> None:
    action = {
        "method": "POST",
        "body": {"kind": "form"},
        "input": {"tag": {"in": "body", "type": "array", "style": style}},
    }

    assert built(action, {"tag": ["a", "b"]}).content.decode() == sent


def test_one_input_may_be_the_whole_body() -> None:
    action = {
        "method": "POST",
        "body": {"whole": "alerts"},
        "input": {"alerts": {"in": "body", "type": "array"}},
    }

    assert msgspec.json.decode(built(action, {"alerts": [{"labels": {}}]}).content) == [{"labels": {}}]


def test_a_body_may_be_a_list_that_inputs_are_put_into() -> None:
    action = {
        "method": "POST",
        "body": {"base": [{"eventType": "Deployment"}]},
        "input": {"version": {"in": "body", "to": "/0/version"}},
    }

    sent = msgspec.json.decode(built(action, {"version": "1.2"}).content)

    assert sent == [{"eventType": "Deployment", "version": "1.2"}]


def test_a_file_is_sent_under_the_name_it_is_given() -> None:
    action = {
        "method": "POST",
        "body": {"kind": "multipart"},
        "input": {
            "content": {"in": "file", "type": "bytes", "name": "file"},
            "filename": {"in": "filename", "name": "file"},
        },
    }

    sent = built(action, {"content": b"abc", "filename": "log.txt"})
    content = sent.read()

    assert b'name="file"; filename="log.txt"' in content
    assert b"text/plain" in content
    with pytest.raises(InvalidParams):
        built(action, {"content": b"abc", "filename": "a\r\nb"})


@pytest.mark.parametrize(
    ("declared", "reply", "data"),
    [
        (
            {"answer": "none"},
            Reply(status=201, headers={"location": "/queue/7"}, body=b""),
            {"at": "/queue/7"},
        ),
        ({}, Reply(status=200, headers={"location": "/x"}, body=b'{"a": 1}'), {"a": 1, "at": "/x"}),
        ({"answer": "text"}, Reply(status=200, headers={}, body=b"log"), {"body": "log", "at": None}),
        ({}, Reply(status=200, headers={"location": "/x"}, body=b"[1]"), {"body": [1], "at": "/x"}),
    ],
)
def test_headers_may_be_part_of_what_is_returned(
    declared: dict[str, object], reply: Reply, data: object
) -> None:
    assert answered({**declared, "output_headers": {"at": "Location"}}, reply) == data


def test_newline_delimited_json_is_a_list() -> None:
    reply = Reply(status=200, headers={}, body=b'{"a": 1}\r\n\n{"a": 2}\n')

    assert answered({"answer": "ndjson"}, reply) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(("body", "kind"), [(b'{"a": 1}\n{"a"', "malformed"), (b'{"a": 1}\n', None)])
def test_a_cut_line_is_malformed(body: bytes, kind: str | None) -> None:
    assert verdict({"answer": "ndjson"}, Reply(status=200, headers={}, body=body)) == kind


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([{"id": "1"}, {"id": "2"}], Next(params={"after": "2"})),
        ([{"id": "1"}], None),
        ([], None),
        ([{"id": "1"}, {}], None),
    ],
)
def test_pages_that_go_on_after_their_last_item(items: list[object], found: Next | None) -> None:
    paginate = Paginate(kind="last_item", cursor="after", next="/id", size="limit", size_default=2)

    assert next_page(paginate, Reply(status=200, headers={}, body=b"[]"), {}, items=items) == found
