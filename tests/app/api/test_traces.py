"""Traces, debug answers and priorities over HTTP."""

import pytest

from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind
from tests.fakes.parts import refused

CALL = "/v2/integrations/slack-prod/actions/issues.list"


def test_a_call_tells_its_trace_only_when_asked(client):
    assert "trace" not in client.post(CALL, json={}).json()
    trace = client.post(f"{CALL}?trace=true", json={}).json()["trace"]
    assert [one["stage"] for one in trace] == ["breaker", "quota", "attempt", "outcome"]
    assert trace[1] == {
        "at": 0.25, "stage": "quota", "decision": "taken", "detail": "bucket core", "step": "request",
        "waited": 0.25,
    }  # fmt: skip


def test_a_failed_call_tells_its_trace_in_the_problems_outcome(client, dialtone):
    dialtone.outcome = refused(FailureKind.TIMEOUT)
    answer = client.post(f"{CALL}?trace=true", json={})
    assert answer.status_code == 504
    assert answer.json()["outcome"]["trace"][-1]["stage"] == "outcome"


@pytest.mark.parametrize(
    ("sent", "priority"),
    [
        ({}, None),
        ({"Dialtone-Priority": "high"}, Priority.HIGH),
        ({"Dialtone-Priority": "LOW"}, Priority.LOW),
        ({"Dialtone-Priority": "normal"}, Priority.NORMAL),
    ],
    ids=["none", "high", "in capitals", "normal"],
)
def test_the_priority_reaches_the_call(client, dialtone, sent, priority):
    assert client.post(CALL, json={}, headers=sent).status_code == 200
    assert dialtone.calls[-1]["priority"] is priority


@pytest.mark.parametrize("word", ["urgent", "page", "1"])
def test_a_priority_that_is_none_for_callers_is_refused_naming_those_that_are(client, dialtone, word):
    answer = client.post(CALL, json={}, headers={"Dialtone-Priority": word})
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:dialtone:problem:bad-request"
    assert "high, normal, low" in answer.json()["detail"]
    assert not dialtone.calls


def test_a_debug_answer_holds_exchanges_conditions_and_both_verdicts(client):
    (check,) = client.post("/v2/integrations/slack-prod/check/debug").json()["checks"]
    assert check["exchanges"][0]["request"]["headers"]["authorization"] == "***"
    assert [one["held"] for one in check["conditions"]] == [False, True]
    assert (check["before"]["pending"], check["after"]["pending"], check["missing"]) == (None, "down", 2)


def test_a_debug_answer_of_an_unknown_integration_names_the_nearest(client):
    answer = client.post("/v2/integrations/slack-prd/check/debug")
    assert answer.status_code == 404
    assert "slack-prod" in answer.json()["detail"]
