"""/v2/exporters: how push exporters do, a trial and a dry run."""

import pytest


def test_exporters_are_listed_with_what_waits_and_why(client):
    rows = {one["name"]: one for one in client.get("/v2/exporters").json()["exporters"]}

    assert list(rows) == ["otlp", "datadog"]
    assert (rows["otlp"]["ok"], rows["datadog"]["ok"]) == (True, False)
    assert rows["datadog"]["dropped"] == {"expired": 7}
    assert "API key" in rows["datadog"]["reason"]


def test_a_test_tells_what_the_intake_said(client, dialtone):
    answer = client.post("/v2/exporters/datadog/test")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["action"]) == (403, "retry")
    assert dialtone.push.tested == ["datadog"]


def test_a_preview_tells_what_would_be_sent(client, dialtone):
    (request,) = client.get("/v2/exporters/otlp/preview").json()["requests"]

    assert (request["points"], request["url"]) == (812, "https://otlp.example.com/v1/metrics")
    assert dialtone.push.tested == []


@pytest.mark.parametrize(("method", "path"), [("POST", "test"), ("GET", "preview")])
def test_an_exporter_that_is_not_configured_is_named_with_those_that_are(client, method, path):
    answer = client.request(method, f"/v2/exporters/splunk/{path}")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "no exporter 'splunk' is configured; there are: otlp, datadog."
