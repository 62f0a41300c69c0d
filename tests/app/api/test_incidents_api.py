"""/v2/incidents and /v2/alerts over real incidents, alerts and decisions."""

import pytest

from integrations.signals import Health


@pytest.fixture
def alerting(dialtone):
    return dialtone.alerting


def test_open_incidents_come_newest_first_without_their_timelines(client, alerting):
    alerting.fail("slack-prod")
    alerting.run(5)
    alerting.fail("jira-cloud", health=Health.UNAUTHORIZED)

    found = client.get("/v2/incidents?state=open").json()

    assert [one["integration"] for one in found["incidents"]] == ["jira-cloud", "slack-prod"]
    assert found["open"] == 2
    assert "timeline" not in found["incidents"][0]


def test_incidents_are_listed_by_state_and_integration_and_page_by_page(client, alerting):
    for name in ("slack-prod", "jira-cloud", "search-api"):
        alerting.fail(name)
        alerting.run(1)
    alerting.mend("slack-prod")
    alerting.run(1)

    def ids(query):
        answer = client.get(f"/v2/incidents?{query}").json()
        return [one["integration"] for one in answer["incidents"]], answer["next"]

    assert ids("state=resolved")[0] == ["slack-prod"]
    assert ids("integration=jira-cloud")[0] == ["jira-cloud"]
    first, following = ids("limit=2")
    assert first == ["search-api", "jira-cloud"]
    assert ids(f"limit=2&before={following}") == (["slack-prod"], None)
    first, following = ids("state=open&limit=1")
    assert (first, ids(f"state=open&limit=1&before={following}")[0]) == (["search-api"], ["jira-cloud"])


def test_one_incident_tells_its_timeline_its_alerts_and_why_who_was_told(client, alerting):
    incident = alerting.fail("slack-prod")
    alerting.run(40)

    found = client.get(f"/v2/incidents/{incident.id}").json()

    assert [entry["event"] for entry in found["incident"]["timeline"]] == ["opened", "notified"]
    assert [(one["name"], one["phase"]) for one in found["alerts"]] == [("IntegrationDown", "firing")]
    assert [(one["receiver"], one["verdict"]) for one in found["decisions"]] == [("pager", "sent")]


def test_an_acknowledgement_holds_for_its_time_and_is_on_record(client, alerting, dialtone):
    incident = alerting.fail("slack-prod")

    found = client.post(
        f"/v2/incidents/{incident.id}/acknowledge",
        json={"reason": "on it", "expires_in": 600},
        headers={"Dialtone-Caller": "ann"},
    ).json()

    held = found["incident"]["acknowledgement"]
    assert (held["actor"], held["reason"]) == ("local/ann", "on it")
    assert held["expires_at"] == pytest.approx(dialtone.clock.time() + 600)
    assert [(one.action, one.integration, one.actor) for one in dialtone.recorded] == [
        ("acknowledge", "slack-prod", "local/ann")
    ]
    alerts = client.get("/v2/alerts").json()["alerts"]
    assert [one["status"]["acknowledged_by"] for one in alerts] == ["local/ann"]

    back = client.post(f"/v2/incidents/{incident.id}/unacknowledge", json={"reason": "asleep"}).json()
    assert back["incident"]["acknowledgement"] is None


def test_notes_links_and_an_end_by_hand_go_into_the_timeline(client, alerting):
    incident = alerting.fail("slack-prod")
    base = f"/v2/incidents/{incident.id}"

    client.post(f"{base}/notes", json={"text": "a bad proxy"})
    client.post(f"{base}/notes", json={"link": "https://wiki.example/7"})
    ended = client.post(f"{base}/resolve", json={"reason": "handed over"}).json()["incident"]

    assert [(entry["event"], entry["text"], entry["link"]) for entry in ended["timeline"][1:]] == [
        ("note", "a bad proxy", ""),
        ("link", "", "https://wiki.example/7"),
        ("resolved", "handed over", ""),
    ]
    assert ended["resolved_at"] is not None


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        pytest.param("resolve", {"reason": "again"}, 409, id="ended"),
        pytest.param("acknowledge", {"reason": "late"}, 409, id="nothing to work on"),
        pytest.param("notes", {"text": "post-mortem"}, 200, id="notes are taken still"),
        pytest.param("notes", {"text": "  "}, 422, id="nothing to write"),
        pytest.param("notes", {"link": "javascript:alert(1)"}, 400, id="a link that runs"),
    ],
)
def test_what_may_be_done_to_a_resolved_incident(client, alerting, what, body, status):
    incident = alerting.fail("slack-prod")
    alerting.mend("slack-prod")

    answer = client.post(f"/v2/incidents/{incident.id}/{what}", json=body)

    assert answer.status_code == status, answer.text


def test_an_incident_that_is_not_there_is_told_so(client):
    answer = client.get("/v2/incidents/inc-nothing")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:dialtone:problem:unknown-incident"


def test_alerts_are_filtered_by_matchers_and_say_who_is_told(client, alerting):
    alerting.fail("slack-prod")
    alerting.fail("jira-cloud", health=Health.UNAUTHORIZED)

    found = client.get("/v2/alerts", params={"matcher": ['integration=~"slack.*"', 'team="platform"']}).json()

    assert [(one["labels"]["alertname"], one["receivers"]) for one in found["alerts"]] == [
        ("IntegrationDown", ["pager"])
    ]


def test_a_matcher_that_is_none_is_refused_with_its_reason(client):
    answer = client.get("/v2/alerts", params={"matcher": 'team=~"("'})

    assert answer.status_code == 422
    assert "no regular expression" in answer.json()["errors"][0]["message"]


def test_a_dry_run_of_routes_says_who_would_be_told_and_why(client, alerting):
    found = client.post("/v2/routes/test", json={"labels": {"vendor": "github", "severity": "critical"}})

    report = found.json()
    assert report["ends"] == [
        {
            "route": "{}",
            "receiver": "pager",
            "group": '{}:{severity="critical", vendor="github"}',
            "group_wait": 10.0,
            "group_interval": 300.0,
            "repeat_interval": 14400.0,
            "escalation": "",
        }
    ]
    assert [(one["taken"], one["why"]) for one in report["steps"]] == [(True, "it matches")]
    assert alerting.memory.messages == []
