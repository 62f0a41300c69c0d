"""What Microsoft Teams' answers mean, and which of its ways can be checked."""

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.execution.policy import Policy, RetryPolicy
from integrations.framework import IntegrationFramework
from tests.fakes.framework import RecordingVendor, framework_for

TOKEN = {"access_token": "t", "expires_in": 3600}
CONVERSATION = "19:4b6bed8d24574f6a9e436813cb2617d8@thread.tacv2"
ONCE = Policy(retry=RetryPolicy(attempts=1))
HOOK = "https://prod-1.westeurope.logic.azure.com/workflows/w/triggers/manual/paths/invoke?sig=secret"


class Teams:
    """Sells tokens, and gives one answer to all else."""

    def __init__(self, answer: httpx.Response) -> None:
        self.vendor = RecordingVendor(handler=self._answer)
        self.answer = answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        is_sale = request.url.path.endswith("/oauth2/v2.0/token")
        return httpx.Response(200, json=TOKEN) if is_sale else self.answer

    @property
    def asked(self) -> list[httpx.Request]:
        return [one for one in self.vendor.requests if not one.url.path.endswith("/token")]


def framework_of(teams: Teams, auth: str, **config: object) -> IntegrationFramework:
    secrets = {"client_id": Secret("id"), "client_secret": Secret("s"), "refresh_token": Secret("r")}
    wanted = {"graph": 2, "bot": 2, "graph_user": 3, "webhook": 0}[auth]
    given = dict(list(secrets.items())[:wanted]) or {"url": Secret(HOOK)}
    framework = framework_for(teams.vendor)
    framework.register_integration(
        Connection(id="it", vendor="msteams", auth=auth, config=config, secrets=given, policy=ONCE)
    )
    return framework


def test_a_bot_is_checked_in_the_conversation_that_the_operator_names_and_else_not() -> None:
    teams = Teams(httpx.Response(200, json={"members": []}))

    named = framework_of(teams, "bot", conversation=CONVERSATION).checks("it")
    unnamed = framework_of(teams, "bot").checks("it")

    assert [check.action for check in named] == ["bot.members"]
    assert unnamed == ()


async def test_the_bots_check_asks_for_that_conversation() -> None:
    teams = Teams(httpx.Response(200, json={"members": []}))
    framework = framework_of(teams, "bot", conversation=CONVERSATION)

    outcome = await framework.run_check(framework.checks("it")[0], timeout=5)

    assert outcome.ok, outcome.detail
    assert teams.asked[0].url.path == f"/teams/v3/conversations/{CONVERSATION}/pagedmembers"


def test_a_webhook_has_no_check_because_all_it_can_do_is_post() -> None:
    assert framework_of(Teams(httpx.Response(202)), "webhook").checks("it") == ()


@pytest.mark.parametrize(
    ("auth", "action", "params", "answer", "kind"),
    [
        (
            "graph",
            "teams.list",
            {},
            httpx.Response(429, headers={"retry-after": "12"}, json={"error": {"code": "TooManyRequests"}}),
            FailureKind.THROTTLED,
        ),
        (
            "graph",
            "teams.list",
            {},
            httpx.Response(403, json={"error": {"code": "Authorization_RequestDenied", "message": "no"}}),
            FailureKind.FORBIDDEN,
        ),
        (
            "bot",
            "bot.post",
            {"conversation": CONVERSATION, "text": "x"},
            httpx.Response(403, json={"error": {"code": "BotNotInConversationRoster"}}),
            FailureKind.FORBIDDEN,
        ),
        (
            "bot",
            "bot.post",
            {"conversation": CONVERSATION, "text": "x"},
            httpx.Response(412, json={"error": {"code": "PreconditionFailed"}}),
            FailureKind.SERVER_ERROR,
        ),
        ("webhook", "webhook.post", {"card": {}}, httpx.Response(202), None),
        ("webhook", "webhook.post", {"card": {}}, httpx.Response(401), FailureKind.UNAUTHORIZED),
    ],
)
async def test_its_answers(
    auth: str, action: str, params: dict[str, object], answer: httpx.Response, kind: FailureKind | None
) -> None:
    outcome = await framework_of(Teams(answer), auth).execute_integration("it", action, params)

    assert outcome.kind == kind
    assert outcome.retry_after == (12.0 if "retry-after" in answer.headers else None) or kind is None


async def test_a_webhooks_address_is_called_as_it_is_and_told_to_nobody() -> None:
    teams = Teams(httpx.Response(400, json={"error": {"code": "Bad", "message": f"see {HOOK}"}}))

    outcome = await framework_of(teams, "webhook").execute_integration("it", "webhook.post", {"card": {}})

    assert str(teams.asked[0].url) == HOOK
    assert "authorization" not in teams.asked[0].headers
    assert "sig=" not in repr(outcome)


@pytest.mark.parametrize(
    ("auth", "action"), [("graph", "messages.post"), ("webhook", "teams.list"), ("bot", "teams.list")]
)
async def test_what_a_credential_cannot_do_is_not_tried(auth: str, action: str) -> None:
    teams = Teams(httpx.Response(200, json={}))
    framework = framework_of(teams, auth)

    with pytest.raises(Exception, match=action):
        await framework.execute_integration("it", action, {"team": "t", "channel": "c", "content": "x"})

    assert teams.vendor.requests == []
