"""Which scopes a credential has, and which actions lack some: by the API, the page, the command line."""

import msgspec
import pytest
from litestar.testing import TestClient

from app.api.bodies import IntegrationDetail
from app.asgi import create_app
from app.commands.status import _remarks
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from tests.fakes.framework import RecordingVendor, framework_for
from tests.fakes.parts import FakeDialtone, LineOnly

LOCAL = "http://127.0.0.1:4350"


class Lacking(FakeDialtone):
    """Whose credential may read alone."""

    def get_integration_status(self, integration_id: str) -> LineOnly:
        state = super().get_integration_status(integration_id)
        return msgspec.structs.replace(
            state, granted=("read:org",), missing_scopes={"issues.create": ("repo",)}
        )


@pytest.fixture
def lacking() -> TestClient:
    return TestClient(create_app(Lacking().parts()), base_url=LOCAL, raise_server_exceptions=False)


def test_the_api_tells_granted_scopes_and_what_each_action_lacks(
    lacking: TestClient, client: TestClient
) -> None:
    body = lacking.get("/v2/integrations/github-prod").json()

    assert body["granted"] == ["read:org"]
    assert {one["name"]: one["missing_scopes"] for one in body["actions"]} == {
        "issues.create": ["repo"],
        "issues.list": [],
    }
    assert client.get("/v2/integrations/github-prod").json()["granted"] is None


def test_the_page_marks_what_is_missing(lacking: TestClient, client: TestClient) -> None:
    page = lacking.get("/integrations/github-prod").text

    assert "missing repo" in page
    assert "has the scopes read:org." in page
    assert "has the scopes" not in client.get("/integrations/github-prod").text


def test_the_command_names_what_is_missing(lacking: TestClient) -> None:
    answer = lacking.get("/v2/integrations/github-prod").json()

    said = list(_remarks(msgspec.convert(answer, IntegrationDetail, strict=False)))

    assert said == ["  credential has the scopes read:org", "! issues.create is missing the scopes repo"]


def test_what_the_framework_knows_of_a_credential_is_what_is_told() -> None:
    framework = framework_for(RecordingVendor())
    framework.register_integration(
        Connection(id="gh", vendor="github", secrets={"token": Secret("ghp_1")}, auth="token")
    )
    before = framework.get_integration_status("gh")
    framework.integration("gh").access.scopes.read_header("read:org")
    after = framework.get_integration_status("gh")

    assert (before.granted, before.missing_scopes) == (None, {})
    assert after.granted == ("read:org",)
    assert "repo" in after.missing_scopes["issues.create"]
