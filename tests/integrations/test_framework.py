import json

import httpx
import msgspec
import pytest

from integrations.actions import ActionContext
from integrations.connection import Connection, Labels
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, InvalidParams, UnknownAction, UnknownIntegration
from integrations.execution.call import Answer, Call
from integrations.execution.cold import COLD
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Origin, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.tracing import trace_of
from integrations.framework import Check, IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Idempotency
from integrations.orders import Order
from integrations.runs import ActionRun
from integrations.signals import CallRecord, CredentialNotice, QuotaSample
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

ONCE = Policy(retry=RetryPolicy(attempts=1))


def github(framework: IntegrationFramework, *, secret: Secret | None = None, policy: Policy = ONCE) -> None:
    token = secret or Secret("ghp_abc")
    framework.register_integration(
        Connection(id="github-prod", vendor="github", secrets={"token": token}, policy=policy)
    )


def slack(framework: IntegrationFramework) -> None:
    framework.register_integration(
        Connection(id="slack-prod", vendor="slack", secrets={"token": Secret("xoxb-1")}, policy=ONCE)
    )


async def test_an_action_sends_what_the_manifest_says_and_returns_the_data() -> None:
    vendor = RecordingVendor(httpx.Response(201, json={"number": 7}))
    framework = framework_for(vendor)
    github(framework)

    params = {"owner": "octo cat", "repo": "hello", "title": "Down", "labels": ["bug"]}
    outcome = await framework.execute_integration("github-prod", "issues.create", params)

    request = vendor.requests[0]
    assert (outcome.ok, outcome.data, outcome.status) == (True, {"number": 7}, 201)
    assert (request.method, str(request.url)) == (
        "POST",
        "https://api.github.com/repos/octo%20cat/hello/issues",
    )
    assert json.loads(request.content) == {"title": "Down", "labels": ["bug"]}
    assert request.headers["authorization"] == "Bearer ghp_abc"
    assert request.headers["x-github-api-version"] == "2022-11-28"


async def test_the_call_record_carries_the_run_and_who_asked() -> None:
    seen = RecordingSubscriber()
    framework = framework_for(RecordingVendor(httpx.Response(200, json={})), publish=seen)
    github(framework)

    outcome = await framework.execute_integration("github-prod", "user.get", {}, caller="oncall")

    record = seen.of(CallRecord)[0]
    assert (record.run_id, record.caller, record.action) == (outcome.run_id, "oncall", "user.get")
    assert (record.capability, record.origin, record.vendor) == ("read", Origin.TRAFFIC, "github")


async def test_a_run_may_be_told_its_id_and_each_other_has_its_own() -> None:
    seen = RecordingSubscriber()
    framework = framework_for(RecordingVendor(httpx.Response(200, json={})), publish=seen)
    github(framework)

    outcome = await framework.execute_integration("github-prod", "user.get", {}, run_id="a" * 32)
    await framework.execute_integration("github-prod", "user.get", {})

    told, other = seen.of(CallRecord)
    assert told.run_id == outcome.run_id == "a" * 32
    assert other.run_id != told.run_id
    assert other.trace_id == trace_of(other.run_id)


async def test_unknown_names_raise_and_name_the_nearest() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    github(framework)

    with pytest.raises(UnknownIntegration, match="did you mean github-prod"):
        await framework.execute_integration("github-prd", "user.get", {})
    with pytest.raises(UnknownAction, match=r"did you mean issues\.create"):
        await framework.execute_integration("github-prod", "issue.create", {})


async def test_all_wrong_params_are_told_at_once_and_never_shown() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    github(framework)

    with pytest.raises(InvalidParams) as error:
        await framework.execute_integration(
            "github-prod", "issues.list", {"owner": 5, "state": "opened", "lables": "hush", "per_page": True}
        )

    assert error.value.problems == {
        "lables": "is unknown; did you mean labels?",
        "owner": "must be text",
        "repo": "is required (text)",
        "state": "must be one of open, closed, all; did you mean open?",
        "per_page": "must be a whole number",
    }
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("owner", ["", ".", "..", "a/../../b", "a?b", "a#b", "a\\b", "%2e%2e"])
async def test_an_input_cannot_change_the_path(owner: str) -> None:
    vendor = RecordingVendor(httpx.Response(200, json={}))
    framework = framework_for(vendor)
    github(framework)

    try:
        await framework.execute_integration("github-prod", "repos.get", {"owner": owner, "repo": "r"})
    except InvalidParams:
        assert vendor.requests == []
    else:
        path = vendor.requests[0].url.raw_path.decode()
        assert path.count("/") == 3
        assert path.startswith("/repos/")
        assert path.endswith("/r")


async def test_pages_follow_the_link_header_within_one_run() -> None:
    link = '<https://api.github.com/repositories/1/issues?page=2>; rel="next", <https://x>; rel="last"'
    seen = RecordingSubscriber()
    vendor = RecordingVendor(
        httpx.Response(200, json=[{"n": 1}], headers={"link": link}), httpx.Response(200, json=[{"n": 2}])
    )
    framework = framework_for(vendor, publish=seen)
    github(framework)

    params = {"owner": "o", "repo": "r", "_pages": 5}
    outcome = await framework.execute_integration("github-prod", "issues.list", params)

    assert outcome.data == {"items": [{"n": 1}, {"n": 2}], "more": False, "next": {}}
    assert [str(request.url.path) for request in vendor.requests] == [
        "/repos/o/r/issues",
        "/repositories/1/issues",
    ]
    assert vendor.requests[1].headers["authorization"] == "Bearer ghp_abc"
    assert [record.step for record in seen.of(CallRecord)] == ["request", "page-2"]
    assert len({record.run_id for record in seen.of(CallRecord)}) == 1
    assert len(outcome.attempts) == 2


async def test_without_asking_for_pages_one_is_taken_and_more_is_told() -> None:
    body = {"ok": True, "members": [{"id": "U1"}], "response_metadata": {"next_cursor": "abc="}}
    vendor = RecordingVendor(httpx.Response(200, json=body))
    framework = framework_for(vendor)
    slack(framework)

    outcome = await framework.execute_integration("slack-prod", "users.list", {})

    assert outcome.data == {"items": [{"id": "U1"}], "more": True, "next": {"cursor": "abc="}}
    assert dict(vendor.requests[0].url.params) == {"limit": "200"}


async def test_a_page_link_to_a_foreign_host_is_not_followed() -> None:
    link = '<https://evil.example/steal>; rel="next"'
    vendor = RecordingVendor(httpx.Response(200, json=[], headers={"link": link}))
    framework = framework_for(vendor)
    github(framework)

    params = {"owner": "o", "repo": "r", "_pages": 2}
    outcome = await framework.execute_integration("github-prod", "issues.list", params)

    assert (outcome.kind, len(vendor.requests)) == (FailureKind.MALFORMED, 1)
    assert "evil.example is not an allowed host" in outcome.detail


@pytest.mark.parametrize("pages", [0, 101, "2", True])
async def test_the_number_of_pages_is_bounded(pages: object) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    github(framework)

    with pytest.raises(InvalidParams, match="from 1 to 100"):
        await framework.execute_integration("github-prod", "repos.list", {"_pages": pages})


async def test_a_failing_page_fails_the_run() -> None:
    body = {"ok": True, "members": [{}], "response_metadata": {"next_cursor": "abc="}}
    vendor = RecordingVendor(httpx.Response(200, json=body), httpx.Response(500))
    framework = framework_for(vendor)
    slack(framework)

    outcome = await framework.execute_integration("slack-prod", "users.list", {"_pages": 3})

    assert (outcome.kind, outcome.data) == (FailureKind.SERVER_ERROR, None)


async def test_one_deadline_spans_all_pages() -> None:
    clock = FakeClock()

    def slow(request: httpx.Request) -> httpx.Response:
        clock.advance(4.0)
        body = {"ok": True, "members": [{}], "response_metadata": {"next_cursor": str(clock.monotonic())}}
        return httpx.Response(200, json=body)

    vendor = RecordingVendor(handler=slow)
    framework = framework_for(vendor, clock=clock)
    slack(framework)

    outcome = await framework.execute_integration("slack-prod", "users.list", {"_pages": 50}, timeout=10.0)

    assert not outcome.ok
    assert len(vendor.requests) == 3


async def test_a_401_rereads_the_secret_and_tries_again() -> None:
    values = iter(["ghp_new"])
    seen = RecordingSubscriber()
    vendor = RecordingVendor(
        httpx.Response(401, json={"message": "Bad credentials"}), httpx.Response(200, json={})
    )
    framework = framework_for(vendor, publish=seen)
    github(framework, secret=Secret("ghp_old", read=lambda: next(values)), policy=Policy())

    outcome = await framework.execute_integration("github-prod", "user.get", {})

    assert outcome.ok
    assert [request.headers["authorization"] for request in vendor.requests] == [
        "Bearer ghp_old",
        "Bearer ghp_new",
    ]
    assert [notice.event for notice in seen.of(CredentialNotice)] == ["reread"]


async def test_a_refused_credential_is_news_once_until_it_was_taken_again() -> None:
    seen = RecordingSubscriber()
    bad, good = httpx.Response(401, json={}), httpx.Response(200, json={})
    vendor = RecordingVendor(bad, bad, good, bad, good)
    framework = framework_for(vendor, publish=seen)
    github(framework)

    for _ in range(4):
        await framework.execute_integration("github-prod", "user.get", {})

    assert [notice.event for notice in seen.of(CredentialNotice)] == ["rejected", "rejected"]


async def test_a_vendor_that_asks_for_a_credential_where_there_is_none_is_told_as_that() -> None:
    seen = RecordingSubscriber()
    framework = framework_for(RecordingVendor(httpx.Response(401)), publish=seen)
    framework.register_integration(Connection(id="x", vendor="http", config={"url": "https://a.example"}))

    await framework.execute_integration("x", "fetch", {})

    said = [notice.detail for notice in seen.of(CredentialNotice)]
    assert said == ["the vendor asks for a credential, and the integration has none"]


async def test_a_secret_that_no_header_can_hold_is_refused_and_later_an_outcome() -> None:
    vendor = RecordingVendor(httpx.Response(401, json={}))
    framework = framework_for(vendor)
    with pytest.raises(
        ConfigurationError, match=r"secrets: found secret\.token holds a character that no header may"
    ):
        github(framework, secret=Secret("ghp_a\r\nx: y"))
    github(framework, secret=Secret("ghp_old", read=lambda: "ghp_new\n"))

    outcomes = [await framework.execute_integration("github-prod", "user.get", {}) for _ in range(2)]

    assert [outcome.kind for outcome in outcomes] == [FailureKind.UNAUTHORIZED, FailureKind.UNAUTHORIZED]
    assert outcomes[1].detail.startswith("the credential cannot be sent")
    assert len(vendor.requests) == 1


async def test_a_secret_file_that_is_gone_is_told() -> None:
    def gone() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    seen = RecordingSubscriber()
    framework = framework_for(RecordingVendor(httpx.Response(401, json={})), publish=seen)
    github(framework, secret=Secret("ghp_old", read=gone))

    outcome = await framework.execute_integration("github-prod", "user.get", {})

    assert outcome.kind is FailureKind.UNAUTHORIZED
    assert [notice.event for notice in seen.of(CredentialNotice)] == ["reread_failed"]


async def test_checks_follow_the_manifest_and_count_as_checks() -> None:
    seen = RecordingSubscriber()
    vendor = RecordingVendor(httpx.Response(200, json={"login": "octocat"}))
    framework = framework_for(vendor, publish=seen)
    github(framework)

    checks = framework.checks("github-prod")
    outcome = await framework.run_check(checks[1], timeout=5.0)

    assert [(check.capability, check.action, check.cost) for check in checks] == [
        ("quota", "rate_limit.get", 0.0), ("read", "user.get", 1.0),
    ]  # fmt: skip
    assert outcome.ok
    assert seen.of(CallRecord)[0].origin is Origin.CHECK


async def test_a_good_answer_that_is_not_what_a_check_expects_fails_it() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200, json={"message": "hello"})))
    github(framework)

    check = Check(integration="github-prod", capability="read", action="user.get")
    outcome = await framework.run_check(check, timeout=5.0)

    assert (outcome.kind, outcome.detail) == (FailureKind.EXPECTATION, "json /login was absent")


async def test_a_check_that_the_manifest_does_not_have_is_an_error() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    github(framework)

    with pytest.raises(LookupError, match=r"no check of write by user\.get"):
        await framework.run_check(
            Check(integration="github-prod", capability="write", action="user.get"), timeout=1.0
        )


def test_status_tells_what_an_integration_is() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.register_integration(
        Connection(
            id="slack-prod", vendor="slack", secrets={"token": Secret("xoxb-1")}, labels=Labels(team="chat")
        )
    )

    status = framework.get_integration_status("slack-prod")

    assert (status.vendor_name, status.auth.kind, status.labels.team) == ("Slack", "bearer", "chat")
    assert status.line.integration == "slack-prod"
    assert status.capabilities == ("identity", "read", "write")
    evidence = [(one.kind, one.date) for one in status.evidence]
    assert evidence == [("vendor contract", "2021-09-07"), ("vendor docs", "2026-11-22")]
    post = next(action for action in status.actions if action.name == "chat.postMessage")
    assert (post.effect, post.capability, post.scopes, post.paged) == (
        "write",
        "write",
        ("chat:write",),
        False,
    )
    assert [one.name for one in post.inputs if one.required] == ["channel"]


def test_samples_name_each_integration_and_its_labels() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    labels = Labels(team="platform", environment="prod", tier="1")
    framework.register_integration(
        Connection(id="shop", vendor="http", config={"url": "https://shop.example/"}, labels=labels)
    )

    assert list(framework.samples()) == [
        ("dialtone_integration_info", ("shop", "http", "platform", "prod", "1"), 1.0),
        ("dialtone_kept_answers_bytes", (), 0),
        ("dialtone_credential_save_errors_total", (), 0),
        ("dialtone_credential_errors_total", (), 0),
    ]


async def test_an_unregistered_integration_is_gone() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    github(framework)

    await framework.unregister_integration("github-prod")

    assert framework.integrations() == ()
    with pytest.raises(UnknownIntegration, match="there are none"):
        framework.integration("github-prod")


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (Connection(id="x", vendor="githbu"), "x: vendor: found .githbu., .*; did you mean github"),
        (Connection(id="x", vendor="slack"), r"secrets\.token: found nothing, expected token of a Slack app"),
        (
            Connection(id="x", vendor="github"),
            r"secrets: found nothing, expected those of one kind \(app: app_id, .*; or token: token\)",
        ),
        (
            Connection(id="x", vendor="github", secrets={"tokken": Secret("ghp_1")}),
            r"secrets\.tokken: found an unknown secret, expected one of .*; did you mean token",
        ),
        (
            Connection(id="x", vendor="slack", secrets={"token": Secret("ghp_1")}),
            r"secrets\.token: found something else, expected token of a Slack app, which starts with xoxb-",
        ),
        (
            Connection(id="x", vendor="github", auth="tokn", secrets={"token": Secret("ghp_1")}),
            "auth: found 'tokn', expected one of app, token; did you mean token",
        ),
        (Connection(id="x", vendor="http"), r"config\.url: found nothing, expected a URL such as https://shop"),
        (Connection(id="x", vendor="http", config={"url": "ftp://a"}), r"config\.url: found another value"),
        (
            Connection(id="x", vendor="http", config={"url": "https://two words/"}),
            r"config\.url: found another value, .* whose host is a name or an address",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://a..example/"}),
            r"config\.url: found another value, .* whose host is a name or an address",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://[fe80::1%25eth0]/"}),
            r"config\.url: found another value, .* whose host is a name or an address",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://a:65536/"}),
            r"config\.url: found another value, .* with a port from 1 to 65535",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://xn--a/"}),
            r"config\.url: found another value, expected a URL such as https://shop",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://a", "methd": "GET"}),
            r"config\.methd: found an unknown key, .*; did you mean method",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://a", "expect": {"status": []}}),
            r"config\.expect: found another value, expected a condition: an empty list",
        ),
        (
            Connection(id="x", vendor="http", config={"url": "https://a", "method": "GTE"}),
            r"config\.method: found another value, expected one of GET, HEAD",
        ),
    ],
)  # fmt: skip
def test_a_connection_that_does_not_fit_is_refused_with_the_reason(connection: Connection, said: str) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))

    with pytest.raises(ConfigurationError, match=said) as error:
        framework.register_integration(connection)

    assert "ghp_1" not in str(error.value)
    assert framework.integrations() == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]:8080/",
        "http://[::ffff:192.0.2.1]/",
        "http://a_b.example./",
        "https://bücher.example:65535/",
    ],
)
def test_hosts_of_all_kinds_that_there_are_may_be_asked(url: str) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.register_integration(Connection(id="x", vendor="http", config={"url": url}))
    assert framework.integration("x").config["url"] == url


@pytest.mark.parametrize(
    ("secrets", "kind"),
    [((), "none"), (("token",), "bearer"), (("username", "password"), "basic")],
    ids=["nothing", "a token", "a pair"],
)
def test_the_secrets_say_which_kind_is_meant(secrets: tuple[str, ...], kind: str) -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    connection = Connection(
        id="p",
        vendor="prometheus",
        config={"base_url": "http://prometheus.example"},
        secrets={name: Secret("x") for name in secrets},
    )

    framework.register_integration(connection)

    assert framework.integration("p").auth_name == kind


async def test_a_cursor_that_leads_to_itself_is_not_followed() -> None:
    page = {"ok": True, "channels": [{"id": "C1"}], "response_metadata": {"next_cursor": "same"}}
    vendor = RecordingVendor(httpx.Response(200, json=page))
    framework = framework_for(vendor)
    slack(framework)

    outcome = await framework.execute_integration("slack-prod", "conversations.list", {"_pages": 50})

    assert len(vendor.requests) == 2
    assert outcome.data == {"items": [{"id": "C1"}] * 2, "more": False, "next": {}}


async def test_a_page_that_links_to_itself_is_not_followed() -> None:
    vendor = RecordingVendor(
        handler=lambda asked: httpx.Response(200, json=[1], headers={"link": f'<{asked.url}>; rel="next"'})
    )
    framework = framework_for(vendor)
    github(framework)

    outcome = await framework.execute_integration("github-prod", "repos.list", {"_pages": 50})

    assert len(vendor.requests) == 1
    assert outcome.data == {"items": [1], "more": False, "next": {}}


@pytest.mark.parametrize("link", ["https://[::1/x", "https://xn--zz--/x", "https://h/\x01"])
async def test_a_page_link_that_is_no_address_fails_the_run(link: str) -> None:
    vendor = RecordingVendor(httpx.Response(200, json=[1], headers={"link": f'<{link}>; rel="next"'}))
    framework = framework_for(vendor)
    github(framework)

    outcome = await framework.execute_integration("github-prod", "repos.list", {"_pages": 2})

    assert outcome.kind is FailureKind.MALFORMED


async def test_a_timeout_of_nothing_makes_no_request() -> None:
    vendor = RecordingVendor(httpx.Response(200, json={}))
    framework = framework_for(vendor)
    github(framework)

    outcome = await framework.execute_integration("github-prod", "user.get", {}, timeout=0.0)

    assert (outcome.ok, vendor.requests) == (False, [])


async def test_a_secret_that_became_unsendable_is_still_taken_out_of_texts() -> None:
    secret = Secret("ghp_abc", read=lambda: "ghp_a\nb")
    framework = framework_for(RecordingVendor(httpx.Response(200, json={})))
    github(framework, secret=secret)

    await secret.reread()

    assert framework.integration("github-prod").redact("Bad token ghp_a\nb") == "Bad token ***"


@pytest.mark.parametrize("given", ["order-7", None])
async def test_every_attempt_of_a_run_sends_the_same_idempotency_key(given: str | None) -> None:
    manifest = CATALOG.manifest("github")
    action = msgspec.structs.replace(
        manifest.actions["issues.create"], idempotency=Idempotency(header="Idempotency-Key")
    )
    manifest = msgspec.structs.replace(manifest, actions={**manifest.actions, "issues.create": action})
    vendor = RecordingVendor(httpx.Response(503), httpx.Response(503), httpx.Response(201, json={}))
    framework = framework_for(vendor, catalog=Catalog({"github": manifest}, {}))
    github(framework, policy=Policy())

    params = {"owner": "o", "repo": "r", "title": "t"}
    outcome = await framework.execute_integration(
        "github-prod", "issues.create", params, idempotency_key=given
    )

    keys = [request.headers["idempotency-key"] for request in vendor.requests]
    assert (outcome.ok, len(keys), len(set(keys))) == (True, 3, 1)
    assert given in (None, keys[0])


def test_a_secret_is_taken_out_in_its_percent_encoded_form_too() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200, json={})))
    github(framework, secret=Secret("ghp_a/b+c"))

    assert framework.integration("github-prod").redact("?token=ghp_a%2Fb%2Bc&x=1") == "?token=***&x=1"


class Elsewhere:
    """An action in code that would leave the manifest's hosts."""

    async def run(self, context: ActionContext) -> Outcome:
        request = httpx.Request("GET", "https://elsewhere.example/")
        return context.finish(await context.send(request, idempotent=True))


async def test_an_action_in_code_cannot_leave_the_allowed_hosts() -> None:
    vendor = RecordingVendor(httpx.Response(200))
    framework = framework_for(vendor)
    framework.register_integration(Connection(id="shop", vendor="http", config={"url": "https://a.example"}))
    integration = framework.integration("shop")
    calls = RecordingCalls()
    run = ActionRun(
        integration,
        integration.plan("fetch"),
        calls=calls,
        credentials=framework.credentials,
        order=Order(capability="read", deadline=9e9, run_id="r"),
    )

    outcome = await run.code(Elsewhere(), {})

    assert (outcome.kind, calls.made) == (FailureKind.MALFORMED, [])
    assert outcome.detail == "not followed: elsewhere.example is not an allowed host"


class Counting:
    """An action in code that sends what the manifest describes, and numbers its runs."""

    async def run(self, context: ActionContext) -> Outcome:
        number = context.kept["runs"] = int(str(context.kept.get("runs", 0))) + 1
        request = context.request()
        request.headers["x-run"] = str(number)
        return context.finish(await context.send(request, idempotent=False))


async def test_an_action_in_code_keeps_what_it_must_for_its_integration_alone() -> None:
    framework, calls = framework_for(RecordingVendor(httpx.Response(200))), RecordingCalls()
    for name in ("one", "other"):
        framework.register_integration(
            Connection(id=name, vendor="prometheus", config={"base_url": "https://prometheus.example"})
        )
    for name in ("one", "other", "one"):
        integration = framework.integration(name)
        plan = integration.plan("query")
        order = Order(capability="read", deadline=9e9, run_id="r")
        run = ActionRun(integration, plan, calls=calls, credentials=framework.credentials, order=order)
        await run.code(Counting(), plan.check({"query": "up"}))

    sent = [call.prepare() for call in calls.made]
    assert [request.headers["x-run"] for request in sent] == ["1", "1", "2"]
    assert {str(request.url) for request in sent} == {"https://prometheus.example/api/v1/query?query=up"}


class RecordingCalls:
    """Keeps what it should send and sends nothing."""

    def __init__(self) -> None:
        self.made: list[Call] = []

    async def execute(self, call: Call) -> Answer:
        self.made.append(call)
        return Answer(outcome=Outcome(), reply=None)


class RecordingExecutor(Executor):
    """The executor, which also keeps the calls it was given."""

    def __init__(self, *, clock: FakeClock, publish: RecordingSubscriber, answer: httpx.Response) -> None:
        super().__init__(
            clock=clock, publish=publish, transport=lambda _: httpx.MockTransport(lambda _: answer)
        )
        self.calls: list[Call] = []

    async def execute(self, call: Call) -> Answer:
        self.calls.append(call)
        return await super().execute(call)


async def test_a_check_hands_on_its_cost_its_deadline_and_what_it_must_see() -> None:
    clock, seen = FakeClock(), RecordingSubscriber()
    headers = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "1800000060"}
    answer = httpx.Response(200, json={"login": "octocat"}, headers=headers)
    executor = RecordingExecutor(clock=clock, publish=seen, answer=answer)
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    github(framework)
    framework.register_integration(
        Connection(
            id="shop",
            vendor="http",
            config={"url": "https://a.example", "expect": {"certificate_days_left": 9}},
        )
    )

    for check in (*framework.checks("github-prod"), *framework.checks("shop")):
        await framework.run_check(check, timeout=2.5)

    handed_on = [(call.integration, call.cost, call.certificate, call.origin) for call in executor.calls]
    assert handed_on == [
        ("github-prod", 0.0, True, Origin.CHECK),
        ("github-prod", 1.0, True, Origin.CHECK),
        ("shop", 1.0, True, Origin.CHECK),
    ]
    assert {call.deadline for call in executor.calls} == {clock.monotonic() + 2.5}
    assert seen.of(QuotaSample)[-1].remaining == 7.0


@pytest.mark.parametrize("cold", [True, False])
async def test_a_cold_check_asks_for_a_connection_of_its_own(cold: bool) -> None:
    clock, seen = FakeClock(), RecordingSubscriber()
    executor = RecordingExecutor(clock=clock, publish=seen, answer=httpx.Response(200, json={}))
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    github(framework)

    await framework.run_check(framework.checks("github-prod")[0], timeout=2.5, cold=cold)

    assert [COLD in call.prepare().extensions for call in executor.calls] == [cold]


def test_a_connection_that_is_examined_is_held_against_its_vendor_and_not_kept() -> None:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    framework.examine(Connection(id="fine", vendor="github", secrets={"token": Secret("ghp_abc")}))
    with pytest.raises(ConfigurationError, match="nonsense"):
        framework.examine(Connection(id="wrong", vendor="github", secrets={"nonsense": Secret("a")}))
    assert framework.integrations() == ()
