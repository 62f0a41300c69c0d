"""/v2/integrations."""

import pytest

from integrations.errors import InvalidParams
from integrations.execution.outcome import FailureKind, Outcome, RejectReason, Source
from tests.fakes.parts import refused

SLACK = "/v2/integrations/slack-prod"
CALL = f"{SLACK}/actions/issues.list"


@pytest.mark.parametrize(
    ("query", "words"),
    [("stat=down", "did you mean state?"), ("vendor=a&vendor=b", "more than once")],
    ids=["misspelt", "twice"],
)
def test_a_filter_that_is_misspelt_or_given_twice_is_refused(client, query, words):
    answer = client.get(f"/v2/integrations?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_the_list_is_ordered_by_id_and_says_how_many_need_attention(client):
    body = client.get("/v2/integrations").json()
    ids = [one["id"] for one in body["integrations"]]
    assert ids == sorted(ids)
    assert (body["total"], body["needing_attention"]) == (9, 4)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param("state=down", ["slack-prod"], id="state"),
        pytest.param("state=down&state=throttled", ["search-api", "slack-prod"], id="two states"),
        pytest.param("vendor=prometheus", ["metrics"], id="vendor"),
        pytest.param("team=sre", ["slack-alerts"], id="team"),
        pytest.param("team=sre&state=down", [], id="both must hold"),
    ],
)
def test_the_list_can_be_filtered(client, query, ids):
    body = client.get(f"/v2/integrations?{query}").json()
    assert [one["id"] for one in body["integrations"]] == ids
    assert body["total"] == 9


def test_an_unknown_state_is_named_as_the_client_sent_it(client):
    answer = client.get("/v2/integrations?state=sleepy")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"key": "state", "message": "Invalid enum value 'sleepy'", "source": "query"}
    ]


def test_one_integration_shows_health_actions_and_limits(client):
    body = client.get(SLACK).json()
    assert body["integration"]["state"] == "down"
    assert [one["name"] for one in body["actions"]] == ["issues.create", "issues.list"]
    assert body["line"]["breakers"][0]["state"] == "open"


def test_status_and_metrics_are_told(client):
    assert client.get(f"{SLACK}/status").json()["health"]["reason"].startswith("3 checks in a row failed")
    assert len(client.get(f"{SLACK}/metrics").json()["minutes"]) == 60


@pytest.mark.parametrize("path", ["", "/status", "/metrics"])
def test_an_unknown_integration_is_a_problem_that_names_the_nearest(client, path):
    answer = client.get(f"/v2/integrations/slack-prd{path}")
    problem = answer.json()
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "urn:dialtone:problem:unknown-integration"
    assert "slack-prod" in problem["detail"]
    assert problem["instance"] == f"/v2/integrations/slack-prd{path}"


def test_a_check_now_returns_the_verdict(client):
    assert client.post(f"{SLACK}/check").json()["state"] == "down"


def test_an_action_is_executed_with_all_that_the_client_said(client, dialtone):
    answer = client.post(
        CALL,
        json={"params": {"repo": "a/b"}, "timeout": 2.5},
        headers={
            "Dialtone-Caller": "agent-7",
            "Idempotency-Key": "order-1",
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    )
    assert answer.json()["data"] == {"items": [{"id": 7, "title": "It works"}]}
    assert dialtone.calls == [
        {
            "integration": "slack-prod",
            "action": "issues.list",
            "params": {"repo": "a/b"},
            "caller": "local/agent-7",
            "timeout": 2.5,
            "idempotency_key": "order-1",
            "run_id": "",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "parent_span_id": "00f067aa0ba902b7",
            "sampled": True,
            "trace_state": "",
            "priority": None,
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "status", "retry_after"),
    [
        pytest.param(
            refused(FailureKind.REJECTED, RejectReason.OPEN_CIRCUIT, 11.2), 503, "12", id="refused by us"
        ),
        pytest.param(refused(FailureKind.REJECTED, RejectReason.BULKHEAD), 503, "1", id="refused, no hint"),
        pytest.param(refused(FailureKind.THROTTLED, retry_after=30), 429, "30", id="throttled"),
        pytest.param(refused(FailureKind.THROTTLED), 429, None, id="throttled, no hint"),
        pytest.param(refused(FailureKind.TIMEOUT), 504, None, id="timeout"),
        pytest.param(refused(FailureKind.SERVER_ERROR), 502, None, id="vendor's error"),
        pytest.param(refused(FailureKind.NOT_FOUND), 502, None, id="not found at the vendor"),
        pytest.param(refused(FailureKind.UNAUTHORIZED), 502, None, id="our credential"),
    ],
)
def test_a_failed_outcome_is_a_problem_with_the_status_that_tells_it(
    client, dialtone, outcome, status, retry_after
):
    dialtone.outcome = outcome
    answer = client.post(CALL, json={})
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["outcome"]["kind"] == outcome.kind
    assert problem["detail"] == outcome.detail


def test_an_answer_says_where_it_came_from_and_how_old_it_is(client, dialtone):
    live = client.post(CALL, json={})
    dialtone.outcome = Outcome(data=1, source=Source.STALE, age=12.4)
    stale = client.post(CALL, json={})
    assert (live.headers["dialtone-source"], live.json()["source"], "age" in live.headers) == (
        "live",
        "live",
        False,
    )
    assert (stale.headers["dialtone-source"], stale.json()["source"]) == ("stale", "stale")
    assert (stale.headers["age"], stale.json()["age"]) == ("12", 12.4)


def test_every_failure_kind_has_a_status_of_its_own_kind(client, dialtone):
    statuses = set()
    for kind in FailureKind:
        dialtone.outcome = refused(kind)
        statuses.add(client.post(CALL, json={}).status_code)
    assert statuses == {429, 502, 503, 504}


def test_an_unknown_action_names_the_nearest(client):
    answer = client.post(f"{SLACK}/actions/issues.lst", json={})
    assert answer.status_code == 404
    assert "issues.list" in answer.json()["detail"]


def test_params_that_do_not_fit_are_named_one_by_one(client, dialtone):
    dialtone.fail_with = InvalidParams(
        "issues.list", {"repo": "is required", "limit": "must be a whole number"}
    )
    answer = client.post(CALL, json={})
    assert answer.status_code == 422
    assert {one["key"]: one["message"] for one in answer.json()["errors"]} == {
        "params.repo": "is required",
        "params.limit": "must be a whole number",
    }


def test_two_different_idempotency_keys_are_refused(client, dialtone):
    answer = client.post(CALL, json={"idempotency_key": "a"}, headers={"Idempotency-Key": "b"})
    assert answer.status_code == 422
    assert not dialtone.calls


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"timeout": 0}, id="timeout of nothing"),
        pytest.param({"timeout": 601}, id="timeout too long"),
        pytest.param({"params": []}, id="params no object"),
        pytest.param({"parms": {}}, id="unknown field"),
        pytest.param({"idempotency_key": ""}, id="empty key"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_before_anything_happens(client, dialtone, body):
    answer = client.post(CALL, json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert not dialtone.calls
