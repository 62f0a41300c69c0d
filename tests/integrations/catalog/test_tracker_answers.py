"""What the answers of Jira, Trello, Linear and Sentry mean: the forms that their pages and clients show."""

import httpx
import pytest

from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from tests.contract.examples import params_of
from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for

UTC = 1_800_000_000.0


async def asked(
    vendor: str, action: str, *answers: httpx.Response, **params: object
) -> tuple[Outcome, list[httpx.Request]]:
    """One call, whose requests are answered in turn."""
    waiting = list(answers)
    sent = RecordingVendor(handler=lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0])
    framework = framework_for(sent)
    connection = connection_for(CATALOG.manifest(vendor))
    framework.register_integration(connection)
    given = params_of(CATALOG.manifest(vendor).actions[action], whole=False) | params

    return await framework.execute_integration(connection.id, action, given), sent.requests


def read(vendor: str, headers: dict[str, str]) -> tuple[float | None, float | None, float | None]:
    """What an answer's headers tell of the quota: limit, remaining, and the reset from now."""
    manifest = CATALOG.manifest(vendor)
    action = next(iter(manifest.actions.values()))
    verdict = AnswerReader(manifest, now=lambda: UTC).verdict(
        Reply(status=200, headers=headers, body=b"{}"), action
    )
    one = next(one for one in verdict.readings if one.limit is not None)
    return one.limit, one.remaining, None if one.reset_at is None else one.reset_at - UTC


@pytest.mark.parametrize(
    ("vendor", "headers", "told"),
    [
        (
            "jira",
            {
                "x-ratelimit-limit": "350",
                "x-ratelimit-remaining": "7",
                "x-ratelimit-reset": "2027-01-15T08:01Z",
            },
            (350, 7, 60),
        ),
        (
            "linear",
            {
                "x-ratelimit-requests-limit": "5000",
                "x-ratelimit-requests-remaining": "4999",
                "x-ratelimit-requests-reset": "1800000060000",
            },
            (5000, 4999, 60),
        ),
        (
            "sentry",
            {
                "x-sentry-rate-limit-limit": "40",
                "x-sentry-rate-limit-remaining": "39",
                "x-sentry-rate-limit-reset": "1800000001",
            },
            (40, 39, 1),
        ),
    ],
)
def test_quota_headers_are_read_in_the_vendors_unit(
    vendor: str, headers: dict[str, str], told: tuple[float, float, float]
) -> None:
    assert read(vendor, headers) == told


@pytest.mark.parametrize(
    ("action", "status", "body", "kind", "said"),
    [
        ("issues.get", 404, {"errorMessages": ["It does not exist"]}, "not_found", "does not exist"),
        ("issues.create", 400, {"errorMessages": ["No project"]}, "client_error", "No project"),
        ("issues.create", 400, {"errorMessages": [], "errors": {"a": "lacks"}}, "client_error", "a: lacks"),
        ("issues.get", 401, {"message": "Unauthorized; scope does not match"}, "forbidden", "read:jira-work"),
        ("issues.get", 401, {"code": 401, "message": "Unauthorized"}, "unauthorized", "Unauthorized"),
        ("issues.get", 403, {"errorMessages": ["Not yours"]}, "forbidden", "it needs read:jira-work"),
        ("issues.get", 429, {}, "throttled", "429"),
        ("issues.get", 503, {"message": "busy"}, "server_error", "busy"),
    ],
)  # fmt: skip
async def test_jiras_answers(*, action: str, status: int, body: object, kind: str, said: str) -> None:
    outcome, _ = await asked("jira", action, httpx.Response(status, json=body))

    assert outcome.kind == kind
    assert said in outcome.detail


@pytest.mark.parametrize("reason", ["AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"])
async def test_a_good_answer_of_jira_to_nobody_is_unauthorized(reason: str) -> None:
    answer = httpx.Response(200, json={"values": []}, headers={"x-seraph-loginreason": reason})

    outcome, _ = await asked("jira", "projects.list", answer)

    assert outcome.kind is FailureKind.UNAUTHORIZED


async def test_jiras_search_goes_on_by_its_token_and_ends_without_one() -> None:
    first = httpx.Response(200, json={"issues": [{"id": "1"}], "nextPageToken": "CAEaAggD", "isLast": False})
    last = httpx.Response(200, json={"issues": [{"id": "2"}], "isLast": True})

    outcome, requests = await asked("jira", "issues.search", first, last, _pages=9)

    assert [one["id"] for one in outcome.data["items"]] == ["1", "2"]
    assert [b"CAEaAggD" in request.content for request in requests] == [False, True]


async def test_plain_text_becomes_jiras_document() -> None:
    _, (request,) = await asked(
        "jira", "comments.create", httpx.Response(201, json={"id": "1"}), text="Seen."
    )

    words = b'{"type":"paragraph","content":[{"type":"text","text":"Seen."}]}'
    assert words in request.content.replace(b" ", b"")


@pytest.mark.parametrize(
    ("status", "answer", "kind", "wait"),
    [
        (429, {"error": "API_TOKEN_LIMIT_EXCEEDED", "message": "Rate limit exceeded"}, "throttled", 10.0),
        (429, {"error": "API_KEY_LIMIT_EXCEEDED", "message": "Rate limit exceeded"}, "throttled", 10.0),
        (429, {"error": "RATE_LIMIT_EXCEEDED", "message": "Exceeded"}, "throttled", 60.0),
        (401, "invalid token", "unauthorized", None),
        (401, "unauthorized card permission requested", "forbidden", None),
        (400, "invalid id", "client_error", None),
        (404, "The requested resource was not found.", "not_found", None),
    ],
)  # fmt: skip
async def test_trellos_answers(*, status: int, answer: object, kind: str, wait: float | None) -> None:
    content = {"text": answer} if isinstance(answer, str) else {"json": answer}

    outcome, _ = await asked("trello", "cards.get", httpx.Response(status, **content))

    assert (outcome.kind, outcome.retry_after) == (kind, wait if wait is None else pytest.approx(wait))


async def test_trellos_key_and_token_stand_in_the_header_and_in_no_address() -> None:
    _, (request,) = await asked("trello", "cards.get", httpx.Response(200, json={"id": "1"}))

    assert request.headers["authorization"].startswith('OAuth oauth_consumer_key="')
    assert "key=" not in str(request.url)


async def test_older_comments_on_a_card_are_asked_for_by_the_last_ones_id() -> None:
    full = httpx.Response(200, json=[{"id": "9"}, {"id": "8"}])

    _, requests = await asked(
        "trello", "comments.list", full, httpx.Response(200, json=[{"id": "7"}]), limit=2, _pages=9
    )

    assert [request.url.params.get("before") for request in requests] == [None, "8"]


def graphql(message: str, **extensions: object) -> dict[str, object]:
    return {"data": None, "errors": [{"message": message, "extensions": extensions}]}


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait"),
    [
        (400, graphql("Rate limit exceeded", code="RATELIMITED", type="ratelimited"), "throttled", 60.0),
        (401, graphql("Authentication required", type="authentication error"), "unauthorized", None),
        (200, graphql("You cannot", type="forbidden"), "forbidden", None),
        (200, graphql("Plan", type="feature not accessible"), "forbidden", None),
        (200, graphql("Entity not found: Issue", type="invalid input"), "not_found", None),
        (400, graphql("Argument Validation Error", type="invalid input"), "client_error", None),
        (200, graphql("Oops", type="internal error"), "server_error", None),
        (200, graphql("Something else"), "vendor_error", None),
        (200, {"data": {"done": {"success": False, "issue": None}}}, "vendor_error", None),
    ],
)
async def test_linears_answers(*, status: int, body: object, kind: str, wait: float | None) -> None:
    outcome, _ = await asked("linear", "issues.transition", httpx.Response(status, json=body))

    assert (outcome.kind, outcome.retry_after) == (kind, wait if wait is None else pytest.approx(wait))


async def test_linears_pages_end_where_it_says_that_there_are_no_more() -> None:
    def page(number: int, *, more: bool) -> httpx.Response:
        info = {"hasNextPage": more, "endCursor": f"after-{number}"}
        return httpx.Response(200, json={"data": {"page": {"nodes": [{"id": number}], "pageInfo": info}}})

    outcome, requests = await asked(
        "linear", "issues.list", page(1, more=True), page(2, more=False), _pages=9
    )

    assert [one["id"] for one in outcome.data["items"]] == [1, 2]
    assert [b"after-1" in request.content for request in requests] == [False, True]


async def test_linears_key_is_sent_without_a_word_before_it() -> None:
    connection = connection_for(CATALOG.manifest("linear"))
    _, (request,) = await asked("linear", "viewer.get", httpx.Response(200, json={"data": {"viewer": {}}}))

    assert request.headers["authorization"] == connection.secrets["key"].reveal()


@pytest.mark.parametrize(
    ("status", "detail", "kind", "said"),
    [
        (401, "Invalid token", "unauthorized", "Invalid token"),
        (403, "You do not have permission", "forbidden", "it needs event:read"),
        (404, "The requested resource does not exist", "not_found", "does not exist"),
        (
            401,
            {"code": "sso-required", "message": "Must login via SSO"},
            "unauthorized",
            "Must login via SSO",
        ),
        (429, "You are attempting to use this endpoint too frequently.", "throttled", "too frequently"),
    ],
)
async def test_sentrys_answers(*, status: int, detail: object, kind: str, said: str) -> None:
    outcome, _ = await asked("sentry", "issues.get", httpx.Response(status, json={"detail": detail}))

    assert outcome.kind == kind
    assert said in outcome.detail


async def test_sentrys_pages_end_with_a_link_that_has_no_results() -> None:
    here = str(CATALOG.manifest("sentry").config["base_url"].default) + "/api/0/organizations/"

    def page(number: int, results: str) -> httpx.Response:
        link = f'<{here}?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", '
        link += f'<{here}?cursor=0:{number}:0>; rel="next"; results="{results}"; cursor="0:{number}:0"'
        return httpx.Response(200, json=[{"id": str(number)}], headers={"link": link})

    outcome, requests = await asked(
        "sentry", "organizations.list", page(1, "true"), page(2, "false"), _pages=9
    )

    assert [one["id"] for one in outcome.data["items"]] == ["1", "2"]
    assert len(requests) == 2
