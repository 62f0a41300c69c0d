"""What vendors' own answers mean, and how long a throttled one asks to wait."""

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.outcome import Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.signals import QuotaSample
from tests.contract.examples import params_of
from tests.fakes.framework import CATALOG, RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

SECRETS = {"github": {"token": Secret("ghp_1")}, "slack": {"token": Secret("xoxb-1")}, "prometheus": {}}
AUTH = {"github": "token"}
CONFIG = {"prometheus": {"base_url": "http://prometheus.example:9090"}}
UTC = 1_800_000_000


async def outcome_of(
    vendor: str, action: str, answer: httpx.Response, *, publish: RecordingSubscriber | None = None
) -> Outcome:
    framework = framework_for(RecordingVendor(answer), publish=publish)
    policy = Policy(retry=RetryPolicy(attempts=1))
    framework.register_integration(
        Connection(
            id="it",
            vendor=vendor,
            secrets=SECRETS[vendor],
            auth=AUTH.get(vendor, ""),
            config=CONFIG.get(vendor, {}),
            policy=policy,
        )
    )
    params = params_of(CATALOG.manifest(vendor).actions[action], whole=False)
    return await framework.execute_integration("it", action, params)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("not_authed", "unauthorized"),
        ("invalid_auth", "unauthorized"),
        ("account_inactive", "unauthorized"),
        ("token_expired", "unauthorized"),
        ("two_factor_setup_required", "forbidden"),
        ("bad_timestamp", "client_error"),
        ("org_login_required", "forbidden"),
        ("enterprise_is_restricted", "forbidden"),
        ("team_access_not_granted", "forbidden"),
        ("restricted_action_read_only_channel", "forbidden"),
        ("user_not_visible", "not_found"),
        ("invalid_array_arg", "client_error"),
        ("duplicate_message_not_found", "not_found"),
        ("service_unavailable", "server_error"),
        ("request_timeout", "server_error"),
        ("token_revoked", "unauthorized"),
        ("missing_scope", "forbidden"),
        ("not_in_channel", "forbidden"),
        ("ratelimited", "throttled"),
        ("channel_not_found", "not_found"),
        ("no_text", "client_error"),
        ("fatal_error", "server_error"),
        ("something_new", "vendor_error"),
    ],
)
async def test_slack_says_no_with_200(word: str, kind: str) -> None:
    outcome = await outcome_of(
        "slack", "chat.postMessage", httpx.Response(200, json={"ok": False, "error": word})
    )

    assert (outcome.kind, outcome.code, outcome.status) == (kind, word, 200)


async def test_slack_names_the_scope_that_is_missing() -> None:
    body = {"ok": False, "error": "missing_scope", "needed": "chat:write.customize", "provided": "users:read"}
    answer = httpx.Response(200, json=body, headers={"x-oauth-scopes": "users:read"})

    outcome = await outcome_of("slack", "chat.postMessage", answer)

    assert "it needs chat:write.customize" in outcome.detail
    assert "the credential has users:read" in outcome.detail


@pytest.mark.parametrize(("headers", "wait"), [({"retry-after": "12"}, 12.0), ({}, 60.0)])
async def test_slack_throttles_with_200_too(headers: dict[str, str], wait: float) -> None:
    answer = httpx.Response(200, headers=headers, json={"ok": False, "error": "ratelimited"})

    outcome = await outcome_of("slack", "users.list", answer)

    assert (outcome.kind, outcome.retry_after) == ("throttled", wait)


@pytest.mark.parametrize("body", ["{}", '{"error": "x"}', "[]", '"ok"', '{"ok": "yes"}', "<html>", ""])
async def test_an_answer_without_slacks_ok_is_none_of_slacks(body: str) -> None:
    outcome = await outcome_of("slack", "chat.postMessage", httpx.Response(200, text=body))

    assert outcome.kind == "malformed"


def test_slack_counts_every_method_for_itself() -> None:
    """https://api.slack.com/apis/rate-limits: per API method, per app, per workspace."""
    limits = CATALOG.manifest("slack").limits

    assert limits
    assert all(len(limit.actions) == 1 for limit in limits)
    assert len({limit.id for limit in limits}) == len(limits)
    assert {(limit.rate, limit.burst, limit.per) for limit in limits} == {(n, n, 60) for n in (20, 50, 100)}


async def test_slack_throttles_with_429_and_seconds() -> None:
    answer = httpx.Response(429, headers={"retry-after": "30"}, json={"ok": False, "error": "ratelimited"})

    outcome = await outcome_of("slack", "users.list", answer)

    assert (outcome.kind, outcome.retry_after) == ("throttled", 30.0)


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind", "wait"),
    [
        (403, {"retry-after": "60"}, "You have exceeded a secondary rate limit.", "throttled", 60.0),
        (429, {"retry-after": "60"}, "You have exceeded a secondary rate limit.", "throttled", 60.0),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(UTC + 90)},
            "API rate limit exceeded",
            "throttled",
            90.0,
        ),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(UTC + 90)}, "", "throttled", 90.0),
        (
            403,
            {},
            "You have exceeded a secondary rate limit and have been temporarily blocked",
            "throttled",
            60.0,
        ),
        (403, {"x-ratelimit-remaining": "4999"}, "Resource not accessible by integration", "forbidden", None),
        (
            403,
            {"x-ratelimit-remaining": "4999"},
            "You have exceeded a secondary rate limit",
            "throttled",
            60.0,
        ),
        (403, {}, "You have triggered an abuse detection mechanism", "throttled", 60.0),
        (429, {}, "Too many requests", "throttled", 60.0),
        (
            403,
            {"retry-after": "7", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(UTC + 90)},
            "",
            "throttled",
            7.0,
        ),
        (
            403,
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(UTC - 5)},
            "API rate limit exceeded",
            "throttled",
            60.0,
        ),
        (401, {}, "Bad credentials", "unauthorized", None),
        (404, {}, "Not Found", "not_found", None),
        (422, {}, "Validation Failed", "client_error", None),
        (502, {}, "Server Error", "server_error", None),
    ],
)
async def test_githubs_answers(
    status: int, headers: dict[str, str], message: str, kind: str, wait: float | None
) -> None:
    outcome = await outcome_of(
        "github", "user.get", httpx.Response(status, json={"message": message}, headers=headers)
    )

    assert (outcome.kind, outcome.retry_after) == (kind, wait)
    assert message in outcome.detail


async def test_githubs_quota_headers_become_a_bucket() -> None:
    seen = RecordingSubscriber()
    headers = {
        "x-ratelimit-limit": "30",
        "x-ratelimit-remaining": "29",
        "x-ratelimit-reset": str(UTC + 60),
        "x-ratelimit-resource": "search",
    }

    await outcome_of(
        "github", "search.issues", httpx.Response(200, json={"items": []}, headers=headers), publish=seen
    )

    sample = seen.of(QuotaSample)[0]
    assert (sample.bucket, sample.limit, sample.remaining, sample.reset_at) == (
        "search",
        30.0,
        29.0,
        UTC + 60,
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, {"status": "success", "data": {"result": []}}, None, ""),
        (
            400,
            {"status": "error", "errorType": "bad_data", "error": "parse error"},
            "client_error",
            "bad_data",
        ),
        (422, {"status": "error", "errorType": "execution", "error": "x"}, "client_error", "execution"),
        (503, {"status": "error", "errorType": "timeout", "error": "query timed out"}, "timeout", "timeout"),
        (503, {"status": "error", "errorType": "unavailable", "error": "x"}, "server_error", "unavailable"),
        (200, {"status": "error", "errorType": "internal", "error": "x"}, "server_error", "internal"),
        (200, {"status": "error", "errorType": "odd", "error": "x"}, "vendor_error", "odd"),
    ],
)
async def test_prometheus_answers(status: int, body: object, kind: str | None, code: str) -> None:
    outcome = await outcome_of("prometheus", "query", httpx.Response(status, json=body))

    assert (outcome.kind, outcome.code) == (kind, code)


async def test_prometheus_returns_what_is_under_data() -> None:
    body = {"status": "success", "data": {"resultType": "vector", "result": []}}

    outcome = await outcome_of("prometheus", "query", httpx.Response(200, json=body))

    assert outcome.data == {"resultType": "vector", "result": []}


async def test_github_is_asked_in_its_own_media_type_and_version() -> None:
    vendor = RecordingVendor(httpx.Response(200, json={}))
    framework = framework_for(vendor)
    framework.register_integration(
        Connection(id="it", vendor="github", auth="token", secrets=SECRETS["github"])
    )

    await framework.execute_integration("it", "user.get", {})

    sent = vendor.requests[0].headers
    assert (sent["accept"], sent["x-github-api-version"]) == ("application/vnd.github+json", "2022-11-28")


async def test_github_tells_which_scopes_the_token_has() -> None:
    answer = httpx.Response(403, json={"message": "Forbidden"}, headers={"x-oauth-scopes": "gist"})

    outcome = await outcome_of("github", "repos.get", answer)

    assert outcome.detail.startswith("the vendor answered 403: Forbidden; it needs repo; ")
    assert outcome.detail.endswith("the credential has gist")


async def test_githubs_used_stands_in_for_what_remains() -> None:
    seen = RecordingSubscriber()
    headers = {"x-ratelimit-limit": "5000", "x-ratelimit-used": "40", "x-ratelimit-reset": str(UTC + 60)}

    await outcome_of("github", "user.get", httpx.Response(200, json={}, headers=headers), publish=seen)

    assert seen.of(QuotaSample)[0].remaining == 4960.0


@pytest.mark.parametrize(
    ("status", "message", "is_well"),
    [(404, "Rate limiting is not enabled.", True), (404, "Not Found", False)],
)
async def test_a_github_server_that_limits_nobody_has_a_quota_all_the_same(
    *, status: int, message: str, is_well: bool
) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(status, json={"message": message})))
    framework.register_integration(
        Connection(
            id="it",
            vendor="github",
            auth="token",
            secrets=SECRETS["github"],
            config={"base_url": "https://github.example/api/v3"},
        )
    )
    quota = next(check for check in framework.checks("it") if check.action == "rate_limit.get")

    outcome = await framework.run_check(quota, timeout=5)

    assert outcome.ok is is_well


def test_githubs_buckets_and_limits_are_those_it_documents() -> None:
    """https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api and its search page."""
    manifest = CATALOG.manifest("github")

    buckets = {name: action.bucket for name, action in manifest.actions.items()}
    limits = {limit.id: (limit.rate, limit.per) for limit in manifest.limits}

    assert {name for name, bucket in buckets.items() if bucket == "search"} == {"search.issues"}
    assert {bucket for name, bucket in buckets.items() if name != "search.issues"} == {"core"}
    assert manifest.actions["rate_limit.get"].cost == 0
    assert limits == {"search": (30, 60), "content": (80, 60)}


@pytest.mark.parametrize(
    ("vendor", "unlike_their_method"),
    [
        # A second merge finds the pull request merged and is refused; a change says what holds afterwards.
        (
            "github",
            {
                "pulls.merge": False,
                "pulls.update": True,
                "issues.update": True,
                "issues.close": True,
                "actions.cancel": True,
            },
        ),
        ("slack", {"chat.update": True, "files.getUploadURLExternal": True}),
        # The nonce that Discord enforces does not make `messages.upload` one: it has none.
        (
            "discord",
            {"channels.dm": True, "messages.update": True, "webhook.update": True},
        ),
        ("matrix", {"rooms.join": True, "rooms.leave": True, "messages.search": True}),
        ("prometheus", {}),
        ("http", {}),
    ],
)
def test_what_may_be_repeated_though_its_method_says_otherwise(
    vendor: str, unlike_their_method: dict[str, bool]
) -> None:
    actions = CATALOG.manifest(vendor).actions

    stated = {name: one.idempotent for name, one in actions.items() if one.idempotent is not None}

    assert stated == unlike_their_method


def test_prometheus_is_checked_with_a_query_that_needs_no_data() -> None:
    checks = {check.capability: check for check in CATALOG.manifest("prometheus").health}

    assert checks["query"].params == {"query": "vector(1)"}


@pytest.mark.parametrize(
    ("vendor", "action", "size"),
    [("github", "repos.list", {"per_page": "100"}), ("slack", "users.list", {"limit": "200"})],
)
async def test_pages_are_as_long_as_the_vendor_allows_or_advises(
    vendor: str, action: str, size: dict[str, str]
) -> None:
    """GitHub gives at most 100 a page; Slack advises at most 200."""
    asked = RecordingVendor(httpx.Response(200, json={"ok": True}))
    framework = framework_for(asked)
    framework.register_integration(
        Connection(id="it", vendor=vendor, auth=AUTH.get(vendor, ""), secrets=SECRETS[vendor])
    )

    await framework.execute_integration("it", action, {})

    assert dict(asked.requests[0].url.params) == size
