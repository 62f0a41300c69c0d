"""/v2/silences and /v2/maintenance: what is silenced, for how long, and what is refused."""

import pytest

GITHUB = 'vendor="slack"'


@pytest.fixture
def alerting(dialtone):
    return dialtone.alerting


def silence(client, **changes):
    body = {"matchers": [GITHUB], "reason": "their maintenance", "expires_in": 600, **changes}
    return client.post("/v2/silences", json=body)


def test_a_silence_holds_from_its_answer_on_and_names_what_it_holds_for(client, alerting, dialtone):
    alerting.fail("slack-prod")

    made = silence(client).json()

    assert (made["state"], made["matches"], made["actor"]) == ("active", 1, "local")
    assert made["ends_at"] == pytest.approx(dialtone.clock.time() + 600)
    alert = client.get("/v2/alerts").json()["alerts"][0]
    assert alert["status"]["silenced_by"] == [made["id"]]
    assert [one.action for one in dialtone.recorded] == ["silence"]


def test_what_is_silenced_is_told_once_the_silence_is_ended(client, alerting):
    made = silence(client).json()
    alerting.fail("slack-prod")
    alerting.run(60)
    quiet = list(alerting.memory.messages)

    ended = client.post(f"/v2/silences/{made['id']}/expire", json={"reason": "over"}).json()
    alerting.run(60)

    assert quiet == []
    assert ended["state"] == "expired"
    assert [one.receiver for one in alerting.memory.messages] == ["pager"]
    again = client.post(f"/v2/silences/{made['id']}/expire", json={"reason": "over"})
    assert again.status_code == 409


def test_without_a_length_it_lasts_two_hours_and_it_may_begin_later(client, dialtone):
    start = dialtone.clock.time() + 3600
    made = silence(client, starts_at=start, expires_in=None).json()

    assert (made["state"], made["ends_at"] - made["starts_at"]) == ("pending", 7200)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        pytest.param({"matchers": []}, 400, "", id="nothing"),
        pytest.param({"matchers": ["vendor"]}, 422, "no matcher", id="no matcher"),
        pytest.param({"matchers": ['vendor=~".*"']}, 422, "hold for every alert", id="everything"),
        pytest.param({"expires_in": 31 * 86_400}, 400, "", id="longer than 30 days"),
        pytest.param({"reason": " "}, 400, "", id="without a reason"),
    ],
)
def test_a_silence_that_would_hide_too_much_is_refused(client, changes, status, words):
    answer = silence(client, **changes)

    assert answer.status_code == status
    assert words in answer.text


def test_a_preview_shows_what_would_be_silenced_and_makes_nothing(client, alerting):
    alerting.fail("slack-prod")
    alerting.fail("jira-cloud")

    found = client.post("/v2/silences/preview", json={"matchers": [GITHUB]}).json()

    assert [one["labels"]["integration"] for one in found["alerts"]] == ["slack-prod"]
    assert client.get("/v2/silences").json() == {"silences": []}


def test_silences_are_listed_by_state(client):
    made = silence(client).json()
    silence(client, kind="maintenance")
    client.post(f"/v2/silences/{made['id']}/expire", json={"reason": "over"})

    states = [one["state"] for one in client.get("/v2/silences").json()["silences"]]
    active = client.get("/v2/silences?state=active").json()["silences"]
    planned = client.get("/v2/maintenance").json()

    assert sorted(states) == ["active", "expired"]
    assert [one["maintenance"] for one in active] == [True]
    assert len(planned["silences"]) == 1


def test_a_silence_that_is_not_there_is_told_so(client):
    assert client.get("/v2/silences/none").status_code == 404
    assert client.post("/v2/silences/none/expire", json={"reason": "x"}).status_code == 404
