from collections.abc import Callable

import msgspec
import pytest

from integrations.execution.outcome import Effect, FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader, plain_kind, seconds_until
from integrations.manifest.schema import Action, Errors, HeaderNumber, Manifest, Quota, RetryAfter, Vendor

NOW = 1_800_000_000.0
ACTION = Action(title="a", effect=Effect.READ)


def reader(*, redact: Callable[[str], str] = str, **parts: object) -> AnswerReader:
    manifest = Manifest(
        manifest=1,
        id="x",
        version="1",
        vendor=Vendor(name="X", docs=""),
        base_url="https://x",
        hosts=("x",),
        auth={},
        actions={"a": ACTION},
        capabilities={"read": ("a",)},
        **parts,
    )
    return AnswerReader(manifest, now=lambda: NOW, redact=redact)


def errors(value: dict[str, object]) -> Errors:
    return msgspec.convert(value, Errors)


def reply(status: int, body: object = None, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=names, body=msgspec.json.encode(body if body is not None else {}))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (299, None),
        (301, "client_error"),
        (304, "client_error"),
        (400, "client_error"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (408, "server_error"),
        (410, "not_found"),
        (418, "client_error"),
        (422, "client_error"),
        (425, "server_error"),
        (429, "throttled"),
        (500, "server_error"),
        (501, "server_error"),
        (503, "server_error"),
        (599, "server_error"),
    ],
)
def test_plain_http(status: int, kind: str | None) -> None:
    assert plain_kind(status) == kind


@pytest.mark.parametrize(("status", "retry"), [(500, None), (501, False), (505, False), (503, None)])
def test_what_will_never_work_is_not_retried(status: int, retry: bool | None) -> None:
    assert reader().verdict(reply(status), ACTION).retryable is retry


def test_the_first_rule_that_fits_decides() -> None:
    rules = errors(
        {
            "code": "/error",
            "rules": [
                {"when": {"json": {"pointer": "/ok", "equals": True}}, "ok": True},
                {
                    "when": {"status": [200]},
                    "kinds": {"gone": "not_found"},
                    "kind": "server_error",
                    "retry": False,
                },
            ],
        }
    )
    read = reader(errors=rules)

    assert read.verdict(reply(500, {"ok": True}), ACTION).kind is None
    assert read.verdict(reply(200, {"error": "gone"}), ACTION).kind is FailureKind.NOT_FOUND
    other = read.verdict(reply(200, {"error": "odd"}), ACTION)
    assert (other.kind, other.code, other.retryable) == (FailureKind.SERVER_ERROR, "odd", False)
    assert read.verdict(reply(404, {"error": "gone"}), ACTION).kind is FailureKind.NOT_FOUND


def test_a_rule_without_kind_on_a_good_status_is_the_vendor_saying_no() -> None:
    rules = errors({"rules": [{"when": {"json": {"pointer": "/errors", "exists": True}}}]})

    assert reader(errors=rules).verdict(reply(200, {"errors": []}), ACTION).kind is FailureKind.VENDOR_ERROR


def test_the_detail_holds_the_vendors_words_and_not_the_body() -> None:
    read = reader(errors=errors({"message": "/message"}))

    verdict = read.verdict(reply(400, {"message": "bad\r\nfield " + "x" * 500, "secret": "hush"}), ACTION)

    assert verdict.detail.startswith("the vendor answered 400: bad field xxx")
    assert len(verdict.detail) < 160
    assert "hush" not in verdict.detail


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'"bad matcher format: a["', "the vendor answered 400: bad matcher format: a["),
        (b'["bad"]', "the vendor answered 400"),
        (b"bad", "the vendor answered 400"),
        (b'""', "the vendor answered 400"),
    ],
)
def test_a_body_that_is_nothing_but_a_json_text_is_the_message(body: bytes, detail: str) -> None:
    read = reader(errors=errors({"message": "/message", "code": "/code"}))

    verdict = read.verdict(Reply(status=400, headers={}, body=body), ACTION)

    assert (verdict.detail, verdict.code) == (detail, "")


def test_forbidden_names_the_scopes_needed_and_given() -> None:
    rules = errors({"rules": [{"when": {"status": [403]}, "scopes": "/needed"}]})
    read = reader(errors=rules, granted_scopes="X-OAuth-Scopes")

    verdict = read.verdict(reply(403, {"needed": "chat:write"}, x_oauth_scopes="users:read"), ACTION)
    by_manifest = read.verdict(reply(403), msgspec.structs.replace(ACTION, scopes=("repo",)))

    assert verdict.detail == "the vendor answered 403; it needs chat:write; the credential has users:read"
    assert by_manifest.detail == "the vendor answered 403; it needs repo"


@pytest.mark.parametrize(
    ("text", "unit", "seconds"),
    [
        ("120", "seconds", 120.0),
        ("1.5", "seconds", 1.5),
        ("1500", "milliseconds", 1.5),
        ("12", "number", 12.0),
        ("1800000060", "epoch_seconds", 60.0),
        ("1800000060000", "epoch_milliseconds", 60.0),
        ("2027-01-15T08:01:00Z", "iso8601", 60.0),
        ("2027-01-15T08:01:00", "iso8601", 60.0),
        ("Fri, 15 Jan 2027 08:01:00 GMT", "http_date", 60.0),
        ("soon", "seconds", None),
        ("", "seconds", None),
        ("nan", "seconds", None),
        ("inf", "seconds", None),
        ("1e400", "epoch_seconds", None),
        ("yesterday", "http_date", None),
        ("2027", "http_date", None),
    ],
)
def test_every_way_to_write_a_wait(text: str, unit: str, seconds: float | None) -> None:
    assert seconds_until(text, unit, NOW) == pytest.approx(seconds)


def test_a_wait_in_the_body_counts_after_the_header() -> None:
    places = errors(
        {"retry_after": [{"header": "retry-after"}, {"pointer": "/retry_after_ms", "unit": "milliseconds"}]}
    )
    read = reader(errors=places)

    assert read.verdict(reply(429, {"retry_after_ms": 2500}), ACTION).retry_after == 2.5
    assert read.verdict(reply(429, {"retry_after_ms": 2500}, retry_after="9"), ACTION).retry_after == 9.0
    assert read.verdict(reply(429, {"retry_after_ms": True}), ACTION).retry_after is None
    assert read.verdict(reply(429, retry_after="-5"), ACTION).retry_after == 0.0


def test_without_a_retry_after_an_empty_bucket_tells_the_wait() -> None:
    quota = Quota(
        bucket="core",
        remaining=HeaderNumber(header="x-left"),
        reset=HeaderNumber(header="x-reset", unit="epoch_seconds"),
    )
    read = reader(quota=(quota,))

    assert read.verdict(reply(429, x_left="0", x_reset="1800000030"), ACTION).retry_after == 30.0
    assert read.verdict(reply(429, x_left="5", x_reset="1800000030"), ACTION).retry_after is None


def test_a_503_may_say_when_and_a_500_may_not() -> None:
    assert reader().verdict(reply(503, retry_after="7"), ACTION).retry_after == 7.0
    assert reader().verdict(reply(500, retry_after="7"), ACTION).retry_after is None


def test_quota_headers_become_readings() -> None:
    github = Quota(
        bucket="core",
        bucket_header="X-RateLimit-Resource",
        buckets=("core", "search"),
        limit=HeaderNumber(header="x-ratelimit-limit"),
        remaining=HeaderNumber(header="x-ratelimit-remaining"),
        reset=HeaderNumber(header="x-ratelimit-reset", unit="epoch_seconds"),
    )
    salesforce = Quota(
        bucket="api",
        used=HeaderNumber(header="sforce-limit-info", pattern=r"api-usage=(\d{1,9})/"),
        limit=HeaderNumber(header="sforce-limit-info", pattern=r"/(\d{1,9})"),
    )
    headers = {"x_ratelimit_limit": "30", "x_ratelimit_remaining": "29", "x_ratelimit_reset": "1800000060"}
    read = reader(quota=(github, salesforce))

    found = read.verdict(
        reply(200, x_ratelimit_resource="search", sforce_limit_info="api-usage=10018/100000", **headers),
        ACTION,
    ).readings

    assert [(r.bucket, r.limit, r.remaining, r.reset_at) for r in found] == [
        ("search", 30.0, 29.0, 1_800_000_060.0),
        ("api", 100000.0, 89982.0, None),
    ]


def test_a_bucket_name_that_no_manifest_knows_becomes_no_label() -> None:
    quota = Quota(bucket="core", bucket_header="b", remaining=HeaderNumber(header="left"))

    assert reader(quota=(quota,)).verdict(reply(200, b="evil", left="1"), ACTION).readings[0].bucket == "core"


def test_the_texts_of_a_mapping_are_the_message_without_secrets() -> None:
    secret = "hush-hush-hush"
    read = reader(errors=errors({"message": "/errors"}), redact=lambda text: text.replace(secret, "***"))

    verdict = read.verdict(reply(400, {"errors": {"summary": "is needed", "n": 7, "key": secret}}), ACTION)

    assert verdict.detail == "the vendor answered 400: summary: is needed; key: ***"


@pytest.mark.parametrize(("named", "bucket"), [("messages", "messages"), ("", "other")])
def test_headers_may_speak_of_the_bucket_that_the_action_names(named: str, bucket: str) -> None:
    quota = Quota(bucket="other", by_action=True, remaining=HeaderNumber(header="left"))
    action = msgspec.structs.replace(ACTION, bucket=named)

    assert reader(quota=(quota,)).verdict(reply(200, left="1"), action).readings[0].bucket == bucket


def test_a_good_answer_that_cannot_be_read_is_malformed() -> None:
    broken = Reply(status=200, headers={}, body=b"<html>")
    listed = msgspec.structs.replace(ACTION, items="/items")

    assert reader().verdict(broken, ACTION).kind is FailureKind.MALFORMED
    assert reader().verdict(broken, msgspec.structs.replace(ACTION, answer="text")).kind is None
    assert reader().verdict(reply(200, {"items": 5}), listed).detail == "the answer holds no list at /items"
    assert reader().verdict(Reply(status=204, headers={}, body=b""), ACTION).kind is None


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({}, {"a": {"b": [1]}}),
        ({"output": "/a"}, {"b": [1]}),
        ({"items": "/a/b"}, [1]),
        ({"output": "/x"}, None),
        ({"answer": "text"}, '{"a":{"b":[1]}}'),
        ({"answer": "none"}, None),
    ],
)
def test_the_part_that_was_asked_for_is_returned(changes: dict[str, object], data: object) -> None:
    action = msgspec.structs.replace(ACTION, **changes)

    assert reader().output(reply(200, {"a": {"b": [1]}}), action) == data


def test_secrets_are_taken_out_before_the_text_is_cut() -> None:
    manifest = Manifest(
        manifest=1,
        id="x",
        version="1",
        vendor=Vendor(name="X", docs=""),
        base_url="https://x",
        hosts=("x",),
        auth={},
        actions={"a": ACTION},
        capabilities={"read": ("a",)},
        errors=Errors(message="/message"),
    )
    secret = "k" * 60
    read = AnswerReader(manifest, now=lambda: NOW, redact=lambda text: text.replace(secret, "***"))

    verdict = read.verdict(reply(400, {"message": "x" * 100 + secret}), ACTION)

    assert "kkk" not in verdict.detail


def test_exactly_one_place_is_a_wait() -> None:
    assert RetryAfter(header="retry-after").unit == "seconds_or_date"
