"""The published descriptions of each kind give facts and hold requests; skipped where they are not."""

import pytest

from tests.contract.folder import ContractsFolder, contracts_folder
from tests.contract.test_kinds import KEY, manifest_of, said

FOLDER = contracts_folder()
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="the published contracts are not here (CONTRACTS names their folder)"
)

TEXT = {"in": "query", "example": "x"}
VIEWER = {
    "operation": "api:Viewer", "method": "POST", "path": "/graphql", "output": "/data/viewer",
    "graphql": "query Viewer { viewer { id name } }",
}  # fmt: skip
GITHUB = {
    **VIEWER, "operation": "api:Me", "graphql": "query Me { viewer { login } }",
}  # fmt: skip
PARTNER = {
    "operation": "api:GET /A_BusinessPartner({BusinessPartner})", "path": "/A_BusinessPartner({id|odata})",
    "output": "/d", "input": {"id": {**KEY, "name": "BusinessPartner"}},
}  # fmt: skip
CHANNELS = {
    "operation": "api:GET /teams/{id}/channels", "path": "/teams/{id}/channels", "items": "/value",
    "input": {"id": KEY, "select": {**TEXT, "name": "$select"}},
}  # fmt: skip
LIMITS = {
    "operation": "api:GET /services/data/v{version}/limits", "path": "/services/data/v{version}/limits",
    "input": {"version": KEY},
}  # fmt: skip
WHOAMI = {
    "operation": "api:getTokenOwner", "path": "/_matrix/client/v3/account/whoami", "output": "/user_id",
}  # fmt: skip
SEND = {
    "operation": "api:sendMessage", "method": "PUT", "body": {"base": {"msgtype": "m.text"}},
    "path": "/_matrix/client/v3/rooms/{room}/send/{type}/{txn}",
    "input": {
        "room": {**KEY, "name": "roomId", "example": "!a:b"}, "type": {**KEY, "name": "eventType"},
        "txn": {**KEY, "name": "txnId"},
        "text": {"in": "body", "name": "body", "example": "hello"},
    },
}  # fmt: skip
CONTAINERS = {
    "operation": "api:ContainerList", "path": "/containers/json",
    "input": {"all": {"in": "query", "type": "boolean", "example": True}},
}  # fmt: skip
INCIDENT = {
    "operation": "api:createIncident", "method": "POST", "path": "/incidents", "body": {"base": {
        "incident": {"type": "incident", "service": {"id": "P1", "type": "service_reference"}}}},
    "headers": {"Accept": "application/json", "Content-Type": "application/json"},
    "input": {
        "from": {"in": "header", "name": "From", "required": True, "example": "a@b.example"},
        "title": {"in": "body", "to": "/incident/title", "required": True, "example": "down"},
    },
}  # fmt: skip
ALERTS = {
    "operation": "api:postAlerts", "method": "POST", "path": "/alerts", "body": {"whole": "alerts"},
    "answer": "none", "input": {"alerts": {"in": "body", "type": "array", "required": True,
                                              "example": [{"labels": {"a": "b"}}]}},
}  # fmt: skip
POINTS = {
    "operation": "api:SubmitMetrics", "method": "POST", "path": "/api/v2/series", "body": {},
    "input": {"series": {"in": "body", "type": "array", "required": True, "example": [
        {"metric": "m", "points": [{"timestamp": 1, "value": 1.0}]}]}},
}  # fmt: skip
ORG = {"operation": "api:getCurrentOrg", "path": "/api/org"}

CASES = [
    ("graphql", "linear/schema.graphql", VIEWER),
    ("graphql", "github/schema.graphql", GITHUB),
    ("csdl", "sap/API_BUSINESS_PARTNER.edmx", PARTNER),
    ("csdl", "msteams/msgraph-v1.0.csdl.xml.gz", CHANNELS),
    ("postman", "salesforce/postman", LIMITS),
    ("derived", "grafana/grafana-operations.derived.json", ORG),
    ("openapi", "matrix/api/client-server", WHOAMI),
    ("openapi", "matrix/api/client-server", SEND),
    ("swagger", "docker/engine-api-v1.41.yaml", CONTAINERS),
    ("openapi", "pagerduty/rest-openapiv3.json", INCIDENT),
    ("swagger", "alertmanager/openapi-v2.yaml", ALERTS),
    ("openapi", "datadog/v2-openapi.yaml.gz", POINTS),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> ContractsFolder:
    assert FOLDER is not None
    return ContractsFolder(FOLDER)


@pytest.mark.parametrize(
    ("kind", "source", "action"),
    CASES,
    ids=[f"{source}-{action['operation']}" for _, source, action in CASES],
)
def test_a_good_request_is_valid(
    kind: str, source: str, action: dict[str, object], folder: ContractsFolder
) -> None:
    fact, problems = said(folder, manifest_of(kind, source, action))

    # What this small manifest authenticates by is not what is tried here.
    assert [problem for problem in problems if "authenticates by" not in problem] == []
    assert fact.kind == "contract"
    assert fact.path == action["path"] or "{" in fact.path


@pytest.mark.parametrize(
    ("kind", "source", "action", "change"),
    [
        ("graphql", "linear/schema.graphql", VIEWER, {"graphql": "query Viewer { viewer { nobody } }"}),
        ("openapi", "matrix/api/client-server", SEND, {"method": "POST"}),
        ("swagger", "alertmanager/openapi-v2.yaml", ALERTS,
         {"input": {"alerts": {**ALERTS["input"]["alerts"], "example": [{"annotations": {}}]}}}),
        ("openapi", "datadog/v2-openapi.yaml.gz", POINTS,
         {"input": {"series": {**POINTS["input"]["series"], "example": [{"points": []}]}}}),
        ("openapi", "pagerduty/rest-openapiv3.json", INCIDENT, {"body": {"base": {"incident": {}}}}),
        ("swagger", "docker/engine-api-v1.41.yaml", CONTAINERS,
         {"input": {"every": {"in": "query", "example": "x"}}}),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused(
    kind: str,
    source: str,
    action: dict[str, object],
    change: dict[str, object],
    folder: ContractsFolder,
) -> None:
    try:
        _, problems = said(folder, manifest_of(kind, source, action | change))
    except Exception as error:  # noqa: BLE001 - a loud failure is a refusal too
        problems = [str(error)]

    assert [problem for problem in problems if "authenticates by" not in problem]
