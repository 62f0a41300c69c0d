"""Faults over HTTP: ordered, ended, refused, and marked in every answer."""

import pytest
from litestar.testing import TestClient

from app.asgi import create_app
from app.storage.errors import StorageUnavailableError
from integrations.signals import OperatorAction
from tests.fakes.parts import FakeDialtone, Token

SLACK = "/v2/integrations/slack-prod"
ORDER = {"reason": "game day", "expires_in": 900, "faults": [{"kind": "latency", "seconds": 2, "share": 0.3}]}


def fault_of(client, path=SLACK):
    return client.get(f"{path}/faults").json().get("fault")


def test_an_order_is_recorded_done_published_and_told(client, dialtone):
    now = dialtone.clock.time()

    answer = client.post(f"{SLACK}/faults", json=ORDER)

    (action,) = dialtone.recorded
    assert answer.status_code == 200
    assert answer.json() == {"integration": "slack-prod", "fault": fault_of(client)}
    assert fault_of(client) == {
        "actor": "local",
        "reason": "game day",
        "since": now,
        "expires_at": now + 900,
        "faults": [
            {
                "kind": "latency",
                "seconds": 2.0,
                "jitter": 0.0,
                "share": 0.3,
                "target": "both",
                "capabilities": [],
                "actions": [],
            }
        ],
    }
    assert (action.actor, action.action, action.integration) == ("local", "fault_injected", "slack-prod")
    assert (action.reason, action.expires_at) == (
        "game day (latency 2.00 s on 30 % of requests)",
        now + 900,
    )
    assert dialtone.published.of(OperatorAction) == dialtone.recorded


def test_the_actor_is_the_tokens_name(dialtone):
    token = Token(
        name="oncall",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        scopes=("operate",),
    )  # sha256 of "test"
    with TestClient(create_app(dialtone.parts(tokens=(token,))), base_url="http://127.0.0.1:4350") as client:
        client.post(f"{SLACK}/faults", json=ORDER, headers={"authorization": "Bearer test"})

    assert dialtone.faults.current("slack-prod").actor == "oncall"


def test_a_fault_is_told_wherever_the_integration_is(client):
    client.post(f"{SLACK}/faults", json=ORDER)
    fault = fault_of(client)

    status = client.get(f"{SLACK}/status").json()
    listed = {one["id"]: one.get("fault") for one in client.get("/v2/integrations").json()["integrations"]}

    assert status["health"]["fault"] == status["line"]["fault"] == fault
    assert client.get(SLACK).json()["integration"]["fault"] == fault
    assert listed.pop("slack-prod") == fault
    assert not any(listed.values())
    assert client.get("/v2/faults").json() == {
        "allowed": True,
        "faults": [{"integration": "slack-prod", "fault": fault}],
    }


def test_an_end_takes_effect_is_recorded_and_says_who_and_why(client, dialtone):
    client.post(f"{SLACK}/faults", json=ORDER)

    answer = client.delete(f"{SLACK}/faults?reason=enough", headers={"dialtone-caller": "bob"})

    action = dialtone.recorded[-1]
    assert (answer.status_code, answer.json()) == (200, {"integration": "slack-prod", "fault": None})
    assert fault_of(client) is None
    assert (action.action, action.actor, action.expires_at) == ("fault_ended", "local/bob", None)
    assert action.reason.startswith("enough (latency")
    assert action.reason.endswith("by local: game day)")
    assert dialtone.published.of(OperatorAction) == dialtone.recorded


def test_ending_what_is_not_there_changes_and_records_nothing(client, dialtone):
    assert client.delete(f"{SLACK}/faults").status_code == 200
    assert not dialtone.recorded


def test_a_fault_that_the_configuration_forbids_is_refused_and_not_recorded(client, dialtone):
    dialtone.allows_faults = False

    answer = client.post(f"{SLACK}/faults", json=ORDER)

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:dialtone:problem:faults-forbidden")
    assert "faults: {allowed: true}" in answer.json()["detail"]
    assert not dialtone.recorded
    assert fault_of(client) is None
    assert client.get("/v2/faults").json() == {"allowed": False, "faults": []}


def test_nothing_is_injected_that_cannot_be_recorded(client, dialtone):
    dialtone.fail_with = StorageUnavailableError("the disk is full")

    assert client.post(f"{SLACK}/faults", json=ORDER).status_code == 503
    assert fault_of(client) is None


def test_a_fault_ends_also_while_its_end_cannot_be_recorded(client, dialtone):
    client.post(f"{SLACK}/faults", json=ORDER)
    dialtone.fail_with = StorageUnavailableError("the disk is full")

    assert client.delete(f"{SLACK}/faults").status_code == 200
    assert fault_of(client) is None


def without(key):
    return {name: value for name, value in ORDER.items() if name != key}


def with_fault(**fault):
    return {**ORDER, "faults": [fault]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(without("reason"), 400, id="no reason"),
        pytest.param({**ORDER, "reason": " "}, 400, id="blank reason"),
        pytest.param(without("expires_in"), 400, id="no end"),
        pytest.param({**ORDER, "expires_in": 86_401}, 400, id="more than a day"),
        pytest.param({**ORDER, "expires_in": 0}, 400, id="for nothing"),
        pytest.param({**ORDER, "faults": []}, 400, id="no fault"),
        pytest.param({**ORDER, "faults": ORDER["faults"] * 9}, 400, id="nine faults"),
        pytest.param(with_fault(kind="explode"), 400, id="unknown kind"),
        pytest.param(with_fault(kind="error", seconds=2), 400, id="a key of another kind"),
        pytest.param(with_fault(kind="cut", share=0), 400, id="no share"),
        pytest.param(with_fault(kind="cut", capabilities=["fly"]), 422, id="unknown capability"),
        pytest.param(with_fault(kind="cut", actions=["issues.lost"]), 422, id="unknown action"),
    ],
)
def test_a_wrong_order_is_refused_and_not_recorded(client, dialtone, body, status):
    assert client.post(f"{SLACK}/faults", json=body).status_code == status
    assert not dialtone.recorded
    assert fault_of(client) is None


def test_an_unknown_action_names_the_nearest(client):
    answer = client.post(f"{SLACK}/faults", json=with_fault(kind="cut", actions=["issues.lst"])).json()

    assert answer["errors"] == [
        {
            "message": "'issues.lst' is unknown; did you mean issues.list?",
            "key": "faults[0].actions",
            "source": "body",
        }
    ]


@pytest.mark.parametrize("method", ["get", "delete"])
def test_an_unknown_integration_is_not_found(client, method):
    assert getattr(client, method)("/v2/integrations/nobody/faults").status_code == 404
    assert client.post("/v2/integrations/nobody/faults", json=ORDER).status_code == 404


def test_reading_is_not_enough_to_inject_or_end():
    dialtone = FakeDialtone()
    reader = Token(
        name="r", sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", scopes=("read",)
    )  # sha256 of "test"
    headers = {"authorization": "Bearer test"}
    with TestClient(create_app(dialtone.parts(tokens=(reader,))), base_url="http://127.0.0.1:4350") as client:
        answers = [
            client.post(f"{SLACK}/faults", json=ORDER, headers=headers).status_code,
            client.delete(f"{SLACK}/faults", headers=headers).status_code,
            client.get(f"{SLACK}/faults", headers=headers).status_code,
            client.get("/v2/faults", headers=headers).status_code,
        ]

    assert answers == [403, 403, 200, 200]
