"""No answer, link or value breaks the reading of it: each becomes a verdict or a refusal."""

import math

import msgspec
import pytest

from integrations.errors import InvalidParams
from integrations.execution.outcome import Effect, FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader, seconds_until
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import failure
from integrations.manifest.hosts import ForeignHostError, Origins
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Action, HeaderNumber, Manifest, Quota, Vendor
from tests.fakes.clock import FakeClock

NOW = 1_800_000_000.0
CONFIG = {"base_url": "https://h/api"}
HUGE = b"1" + b"0" * 400
WINDOW = Quota(
    bucket="core",
    remaining=HeaderNumber(header="x-left"),
    reset=HeaderNumber(header="x-reset", unit="epoch_seconds"),
)


def manifest(action: dict[str, object], **parts: object) -> Manifest:
    declared = msgspec.convert({"title": "a", "effect": "read", "path": "/a", **action}, Action)
    return Manifest(
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


def reader(**parts: object) -> AnswerReader:
    return AnswerReader(manifest({}, **parts), now=lambda: NOW)


def plan(action: dict[str, object]) -> RequestPlan:
    origins = Origins(["https://h"])
    return RequestPlan(manifest(action), "a", config=CONFIG, origins=origins, clock=FakeClock())


@pytest.mark.parametrize(("test", "said"), [("less_than", "json /n was 1000"), ("more_than", "")])
def test_a_number_that_no_float_can_hold_is_compared_all_the_same(test: str, said: str) -> None:
    condition = msgspec.convert({"json": {"pointer": "/n", test: 1}}, Condition)
    reply = Reply(status=200, headers={}, body=b'{"n": ' + HUGE + b"}")

    assert failure(condition, reply).startswith(said)
    assert bool(failure(condition, reply)) is bool(said)


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1/x",
        "https://\uff28\uff35\uff22.com/",
        "https://xn--zz--/x",
        "https://h/\x00",
        "https://h:port/x",
        "https://h/" + "a" * 70_000,
        "https://h:0/x",
        "https://h./x",
        "http://h/x",
        "//elsewhere/x",
        "javascript:x",
    ],
)
def test_a_next_page_that_is_no_address_of_ours_is_not_followed(url: str) -> None:
    made = plan({})

    with pytest.raises(ForeignHostError):
        made.follow(url, made.build({}))


def test_a_next_page_is_asked_for_without_the_old_body() -> None:
    made = plan({"method": "POST", "input": {"q": {"in": "body"}}, "body": {"kind": "json"}})

    following = made.follow("https://h/api/a?page=2", made.build({"q": "x"}))

    assert "content-type" not in following.headers
    assert following.headers["content-length"] == str(len(following.content)) == "0"


@pytest.mark.parametrize(
    ("declared", "value", "said"),
    [
        ({"in": "path", "required": True}, "\ud800", "path"),
        ({"in": "path", "required": True}, "a" * 70_000, "long"),
        ({"in": "query"}, "\ud800", "q"),
        ({"in": "query"}, "a" * 70_000, "long"),
        ({"in": "header"}, "é", "q"),
        ({"in": "body"}, "\ud800", "Unicode"),
        ({"in": "body", "type": "number"}, math.nan, "number"),
    ],
)
def test_a_value_that_no_request_can_hold_is_the_callers_mistake(
    declared: dict[str, object], value: object, said: str
) -> None:
    path = "/{q}" if declared["in"] == "path" else "/a"
    made = plan({"method": "POST", "path": path, "input": {"q": declared}, "body": {"kind": "json"}})

    with pytest.raises(InvalidParams, match=said) as raised:
        made.build(made.check({"q": value}))
    assert str(value) not in str(raised.value)


def test_an_idempotency_key_that_no_header_can_hold_is_the_callers_mistake() -> None:
    made = plan({"method": "POST", "idempotency": {"header": "Idempotency-Key"}})

    with pytest.raises(InvalidParams, match="idempotency key"):
        made.build({}, key="a\r\nX-Evil: 1")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", "http_date"),
        ("9999-12-31T23:59:59Z", "iso8601"),
        ("1800000060", "seconds"),
        ("1800000060000", "epoch_seconds"),
    ],
)
def test_a_wait_of_more_than_a_month_is_a_mistake_and_not_kept(text: str, unit: str) -> None:
    assert seconds_until(text, unit, NOW) is None


def test_a_window_that_should_have_ended_already_tells_no_wait() -> None:
    headers = {"x-left": "0", "x-reset": str(int(NOW) - 5)}

    verdict = reader(quota=(WINDOW,)).verdict(
        Reply(status=429, headers=headers, body=b"{}"), manifest({}).actions["a"]
    )

    assert (verdict.kind, verdict.retry_after) == (FailureKind.THROTTLED, None)


@pytest.mark.parametrize(("status", "kind"), [(200, FailureKind.MALFORMED), (201, None), (204, None)])
def test_an_empty_200_is_no_json(status: int, kind: FailureKind | None) -> None:
    action = Action(title="a", effect=Effect.READ)

    assert reader().verdict(Reply(status=status, headers={}, body=b""), action).kind is kind


@pytest.mark.parametrize("items", ["", "/items"])
def test_a_page_that_holds_no_list_is_malformed(items: str) -> None:
    action = Action(title="a", effect=Effect.READ, paginate="pages", items=items)

    verdict = reader().verdict(Reply(status=200, headers={}, body=b'{"items": {}}'), action)

    assert verdict.kind is FailureKind.MALFORMED
