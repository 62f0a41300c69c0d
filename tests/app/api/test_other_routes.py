"""Probes, metrics, catalogue, analytics and what is not there."""

import re

import pytest

from app.api.description import described
from exporters.analytics.settings import AnalyticsUnavailable
from exporters.prometheus.scrape import ScrapeTimeoutError


def test_liveness_answers(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_fails_while_storage_cannot_commit_and_names_nobody(client, dialtone):
    assert client.get("/readyz").json() == {"status": "ready", "storage": "ok", "analytics": "ok"}
    dialtone.storage_problem = "/srv/private/dialtone.sqlite is full"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "private" not in answer.text


def test_metrics_come_with_the_type_they_were_rendered_in(client):
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.text == "# TYPE dialtone_calls_total counter\n"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_metrics_can_be_asked_for_by_name_but_not_by_thousands_of_them(client, dialtone):
    client.get("/metrics", params={"name[]": ["dialtone_calls_total", "dialtone_health"]})
    assert dialtone.scraped == ("dialtone_calls_total", "dialtone_health")
    assert client.get("/metrics", params={"name[]": ["x"] * 501}).status_code == 400


def test_the_description_takes_names_of_metrics_as_texts_and_says_how_each_refusal_looks(client):
    scrape = client.get("/schema/openapi.json").json()["paths"]["/metrics"]["get"]
    (names,) = scrape["parameters"]
    assert names["schema"]["items"] == {"type": "string"}
    refusals = {code: set(told["content"]) for code, told in scrape["responses"].items() if code != "200"}
    assert refusals == {code: {"application/problem+json"} for code in ("400", "401", "403", "503")}


def test_a_scrape_that_takes_too_long_is_503(client, dialtone):
    dialtone.scrape_error = ScrapeTimeoutError("not ready within 9 s")
    assert client.get("/metrics").status_code == 503


def test_the_catalogue_is_ordered_and_names_actions_with_their_inputs(client):
    vendors = client.get("/v2/vendors").json()["vendors"]
    assert [one["id"] for one in vendors] == ["github", "http", "prometheus", "slack"]
    action = vendors[0]["actions"][1]
    assert (action["name"], action["effect"], action["capabilities"]) == ("issues.list", "read", ["read"])
    assert action["inputs"][0]["name"] == "repo"


def test_performance_passes_its_parameters_on(client):
    answer = client.get("/v2/analytics/performance?integration=slack-prod&from=-1h")
    assert answer.json()["columns"] == ["integration", "calls"]


def test_queries_are_listed_and_run(client):
    assert client.get("/v2/analytics/queries").json()["queries"][0]["name"] == "performance"
    assert client.get("/v2/analytics/queries/performance").json()["rows"] == [
        ["github-prod", 12],
        ["slack-prod", 9],
    ]


def test_a_query_is_answered_as_an_array_of_objects_where_they_are_asked_for(client):
    answer = client.get("/v2/analytics/queries/performance?format=records")
    assert answer.json() == [
        {"integration": "github-prod", "calls": 12},
        {"integration": "slack-prod", "calls": 9},
    ]
    assert answer.headers["dialtone-truncated"] == "false"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("queries/performance?format=xml", 400, id="unknown format"),
        pytest.param("queries/perfomance", 404, id="unknown query"),
        pytest.param("queries/performance?speed=9", 422, id="unknown parameter"),
        pytest.param("queries/performance?integration=a&integration=b", 422, id="twice"),
    ],
)
def test_a_wrong_query_is_a_problem(client, path, status):
    answer = client.get(f"/v2/analytics/{path}")
    assert answer.status_code == answer.json()["status"] == status


def test_analytics_that_is_down_says_why_and_when_to_come_back(client, dialtone):
    dialtone.fail_with = AnalyticsUnavailable("the disk is full")
    answer = client.get("/v2/analytics/performance")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "the disk is full"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("POST", "/healthz", 405)])
def test_what_is_not_there_is_a_problem_too(client, method, path, status):
    answer = client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(answer.json())
    assert answer.status_code == answer.json()["status"] == status


def test_the_description_is_openapi_31_and_names_every_operation_once(client):
    description = client.get("/schema/openapi.json").json()
    operations = [one for path in description["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert description["openapi"].startswith("3.1")
    assert len(ids) == len(set(ids)) > 19
    assert all(re.fullmatch(r"[a-z_]+", one) for one in ids)
    assert all(one["summary"] and one["description"] for one in operations)


def test_what_the_description_was_made_from_is_let_go_of(client):
    first = client.get("/schema/openapi.json")
    left = client.app.openapi_schema
    assert (left.paths, left.components.schemas) == ({}, {})
    assert client.get("/schema/openapi.json").content == first.content == described(client.app)
    assert first.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert client.get("/docs").status_code == 200


@pytest.mark.parametrize("path", ["/v2/webhooks/{integration_id}", "/v2/webhooks/{integration_id}/{key}"])
def test_the_description_has_the_places_where_webhooks_arrive(client, path):
    operation = client.get("/schema/openapi.json").json()["paths"][path]["post"]
    assert operation["security"] == [{}]
    assert set(operation["requestBody"]["content"]) == {"*/*"}
    assert {"200", "202", "400", "401", "404", "405", "408", "413", "503"} <= set(operation["responses"])
    assert "Retry-After" in operation["responses"]["503"]["headers"]
    assert {one["name"] for one in operation["parameters"]} == set(re.findall(r"{(\w+)}", path))
    real = path.format(integration_id="nobody", key="k" * 43)
    assert client.post(real, content=b"\xff", headers={"authorization": ""}).status_code == 404


def test_bodies_have_examples_that_the_server_takes(client, dialtone):
    incident = dialtone.alerting.fail("slack-prod").id
    order = {"matchers": ['vendor="slack"'], "reason": "x"}
    silence = client.post("/v2/silences", json=order).json()["id"]
    description = client.get("/schema/openapi.json").json()
    for path, item in description["paths"].items():
        body = item.get("post", {}).get("requestBody")
        # What vendors send is as they like.
        if body is None or set(body["content"]) == {"*/*"}:
            continue
        examples = body["content"]["application/json"]["schema"]["examples"]
        real = path.format(
            integration_id="slack-prod",
            action="issues.list",
            operation="force_open",
            number=1,
            incident_id=incident,
            silence_id=silence,
            name="pager",
            heartbeat_id="nightly",
        )
        # The doubles have no webhooks and no heartbeats: there a body that is taken meets what is not there.
        taken = {404} if path.startswith(("/v2/webhooks/", "/v2/heartbeats/")) else {200, 201}
        assert examples, path
        for example in examples:
            assert client.post(real, json=example).status_code in taken, path
