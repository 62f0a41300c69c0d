"""/api/v2: what amtool and others read and write, in Alertmanager's words."""

import datetime as dt
import hashlib

import pytest
import yaml
from litestar.testing import TestClient

from app.asgi import create_app
from integrations.signals import Health
from monitors.alerts.routing import Route
from monitors.alerts.settings import InhibitRule
from tests.fakes.alerting import settings
from tests.fakes.desks import FakeAlerting
from tests.fakes.parts import FakeDialtone, Token

RULE = InhibitRule(
    source_matchers=('alertname="IntegrationDown"',),
    target_matchers=('alertname="CredentialRejected"',),
    equal=("team",),
)
ROUTE = Route(
    receiver="pager",
    routes=(Route(receiver="chat", matchers=('severity!="critical"',), group_by=("...",), group_wait=0.5),),
)


@pytest.fixture
def dialtone():
    made = FakeDialtone()
    made.alerting = FakeAlerting(made.clock, log=made, settings=settings(ROUTE, inhibit_rules=(RULE,)))
    return made


@pytest.fixture
def alerting(dialtone):
    return dialtone.alerting


def at(moment):
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat()


def silence(dialtone, **changes):
    now = dialtone.clock.time()
    return {
        "matchers": [{"name": "integration", "value": "slack.*", "isRegex": True, "isEqual": True}],
        "startsAt": at(now),
        "endsAt": at(now + 3600),
        "createdBy": "ada",
        "comment": "planned",
        **changes,
    }


def names(answer):
    return [one["labels"]["integration"] for one in answer.json()]


def test_alerts_that_fire_have_what_alertmanagers_have(client, alerting, dialtone):
    alerting.fail("slack-prod")

    [alert] = client.get("/api/v2/alerts").json()

    assert alert["labels"]["alertname"] == "IntegrationDown"
    assert alert["receivers"] == [{"name": "pager"}]
    assert alert["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert alert["startsAt"] == "2027-01-15T08:00:00.000Z"
    assert alert["endsAt"] == "2027-01-15T08:05:00.000Z"
    assert len(alert["fingerprint"]) == 16


def test_a_silence_is_made_read_changed_and_ended(client, alerting, dialtone):
    alerting.fail("slack-prod")

    made = client.post("/api/v2/silences", json=silence(dialtone)).json()["silenceID"]
    read = client.get(f"/api/v2/silence/{made}").json()
    held = client.get("/api/v2/alerts?active=false").json()
    longer = silence(dialtone, id=made, endsAt=at(dialtone.clock.time() + 7200))
    same = client.post("/api/v2/silences", json=longer).json()["silenceID"]
    ended = client.delete(f"/api/v2/silence/{made}")

    assert read["status"] == {"state": "active"}
    assert (read["createdBy"], read["comment"]) == ("ada", "planned")
    assert read["matchers"] == silence(dialtone)["matchers"]
    assert held[0]["status"]["silencedBy"] == [made]
    assert held[0]["status"]["state"] == "suppressed"
    assert same == made
    assert ended.status_code == 200
    assert client.get(f"/api/v2/silence/{made}").json()["status"] == {"state": "expired"}
    assert [(one.action, one.actor) for one in dialtone.recorded] == [
        ("silence", "local"),
        ("silence_change", "local"),
        ("silence_expire", "local"),
    ]


def test_filters_are_alertmanagers(client, alerting, dialtone):
    alerting.fail("slack-prod")
    alerting.fail("jira-cloud", health=Health.UNAUTHORIZED)
    client.post("/api/v2/silences", json=silence(dialtone))

    def ask(**query):
        return names(client.get("/api/v2/alerts", params=query))

    assert sorted(ask()) == ["jira-cloud", "slack-prod"]
    assert ask(silenced=False) == ["jira-cloud"]
    assert ask(inhibited=False) == ["slack-prod"]
    assert ask(silenced=False, inhibited=False) == []
    assert ask(active=False, inhibited=False) == ["slack-prod"]
    assert ask(filter=["alertname=CredentialRejected"]) == ["jira-cloud"]
    assert sorted(ask(receiver="pag.*|chat")) == ["jira-cloud", "slack-prod"]
    assert ask(receiver="pag") == []


def test_groups_are_by_receiver_and_labels(client, alerting):
    alerting.fail("slack-prod")
    alerting.fail("metrics", health=Health.DEGRADED)

    groups = client.get("/api/v2/alerts/groups").json()
    chat = client.get("/api/v2/alerts/groups?receiver=chat").json()

    assert sorted(one["receiver"]["name"] for one in groups) == ["chat", "pager"]
    assert [one["receiver"] for one in chat] == [{"name": "chat"}]
    [pager] = [one for one in groups if one["receiver"]["name"] == "pager"]
    assert pager["labels"] == {"severity": "critical", "vendor": "slack"}
    assert [one["labels"]["integration"] for one in pager["alerts"]] == ["slack-prod"]


def test_a_group_that_is_suppressed_whole_can_be_left_out(client, alerting, dialtone):
    alerting.fail("slack-prod")
    client.post("/api/v2/silences", json=silence(dialtone))

    assert len(client.get("/api/v2/alerts/groups").json()) == 1
    assert client.get("/api/v2/alerts/groups?muted=false").json() == []


def test_silences_are_filtered_by_their_own_matchers_and_states(client, dialtone):
    made = client.post("/api/v2/silences", json=silence(dialtone)).json()["silenceID"]
    client.delete(f"/api/v2/silence/{made}")
    matchers = [{"name": "team", "value": "shop", "isRegex": False, "isEqual": True}]
    client.post("/api/v2/silences", json=silence(dialtone, matchers=matchers))

    def states(**query):
        return [one["status"]["state"] for one in client.get("/api/v2/silences", params=query).json()]

    assert states() == ["active", "expired"]
    assert states(expired=False) == ["active"]
    assert states(filter='team="shop"') == ["active"]
    assert states(filter='integration="slack.*"') == ["expired"]


def test_the_status_holds_the_routing_tree_as_alertmanager_writes_it(client):
    status = client.get("/api/v2/status").json()

    written = yaml.safe_load(status["config"]["original"])
    assert status["versionInfo"]["version"] == "0.25.0"
    assert status["cluster"]["status"] == "disabled"
    assert written["route"]["receiver"] == "pager"
    assert written["route"]["routes"][0] == {
        "receiver": "chat",
        "matchers": ['severity!="critical"'],
        "group_by": ["..."],
        "group_wait": "500ms",
        "group_interval": "300s",
        "repeat_interval": "14400s",
    }
    assert written["receivers"] == [{"name": "pager"}, {"name": "chat"}, {"name": "boss"}]
    assert "https://" not in status["config"]["original"]
    assert client.get("/api/v2/receivers").json() == written["receivers"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/api/v2/alerts?filter=(", None, 400, id="filter"),
        pytest.param("GET", "/api/v2/alerts?receiver=(", None, 400, id="receiver"),
        pytest.param("GET", "/api/v2/silence/none", None, 404, id="no such silence"),
        pytest.param("DELETE", "/api/v2/silence/none", None, 404, id="nothing to end"),
        pytest.param("POST", "/api/v2/silences", {"id": "none"}, 404, id="nothing to change"),
        pytest.param("POST", "/api/v2/silences", {"comment": ""}, 400, id="no comment"),
        pytest.param("POST", "/api/v2/silences", {"endsAt": "2020-01-01T00:00:00Z"}, 400, id="over already"),
        pytest.param("POST", "/api/v2/silences", {"matchers": []}, 400, id="no matcher"),
        pytest.param("POST", "/api/v2/alerts", {}, 400, id="alerts come from Dialtone only"),
    ],
)
def test_errors_are_texts_in_json(client, dialtone, method, path, body, status):
    given = None if body is None else silence(dialtone, **body)
    answer = client.request(method, path, json=given)

    assert answer.status_code == status
    assert isinstance(answer.json(), str)
    assert answer.headers["content-type"] == "application/json"


def test_reading_takes_the_scope_read_and_silencing_operate(dialtone):
    tokens = tuple(
        Token(name=name, sha256=hashlib.sha256(name.encode()).hexdigest(), scopes=(name,))
        for name in ("read", "operate")
    )
    app = create_app(dialtone.parts(tokens=tokens))
    with TestClient(app, raise_server_exceptions=False) as client:

        def ask(token, method="GET", path="/api/v2/alerts"):
            given = silence(dialtone) if method == "POST" else None
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return client.request(method, path, json=given, headers=headers).status_code

        assert ask("") == 401
        assert ask("read") == 200
        assert ask("read", "POST", "/api/v2/silences") == 403
        assert ask("operate", "POST", "/api/v2/silences") == 200
