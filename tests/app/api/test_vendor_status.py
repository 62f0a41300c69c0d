"""What vendors say of themselves, by API, command line and page."""

import dataclasses

import msgspec
import pytest
from litestar.testing import TestClient

from app.api.bodies import IntegrationDetail
from app.asgi import create_app
from app.commands.status import _remarks, _vendor
from app.parts import Parts
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.signals import Indicator
from monitors.report import IntegrationHealth, VendorWord
from monitors.vendor_watch import PageStatus, VendorStatus
from tests.fakes.parts import FakeDialtone, LineOnly

LOCAL = "http://127.0.0.1:4350"
ENDING = Ending(action="issues.list", what="<b>old</b>", source="header", at=1_800_500_000.0)
DRIFT = DriftStatus(
    action="issues.list", pointer="/login", expected="string", found="integer", seen_at=1.0, seen=3
)
WORD = VendorWord(
    indicator=Indicator.PARTIAL_OUTAGE, read_at=1_800_000_000.0, title="API", url="https://status.example/1"
)
SAID = VendorStatus(
    vendor="github",
    indicator=Indicator.PARTIAL_OUTAGE,
    pages=(
        PageStatus(
            url="https://status.example",
            kind="statuspage",
            read_at=1_800_000_000.0,
            error="",
            groups=(),
            troubles=(),
            parts=(),
        ),
    ),
)


class Saying(FakeDialtone):
    """Whose vendor announces trouble, ends an action, and drifts."""

    def health(self, integration_id: str) -> IntegrationHealth:
        return msgspec.structs.replace(super().health(integration_id), vendor_says=WORD)

    def get_integration_status(self, integration_id: str) -> LineOnly:
        state = super().get_integration_status(integration_id)
        return msgspec.structs.replace(state, endings=(ENDING,), drift=(DRIFT,))

    def parts(self, **given: object) -> Parts:
        return dataclasses.replace(super().parts(**given), vendor_status=lambda _: SAID)


@pytest.fixture
def saying() -> TestClient:
    return TestClient(create_app(Saying().parts()), base_url=LOCAL, raise_server_exceptions=False)


def test_a_vendors_word_is_told_by_the_api(saying: TestClient) -> None:
    body = saying.get("/v2/vendors/github/status").json()

    assert (body["vendor"], body["indicator"]) == ("github", "partial_outage")
    assert body["pages"][0]["url"] == "https://status.example"


def test_of_a_vendor_whose_page_is_not_read_nothing_is_known(client: TestClient) -> None:
    assert client.get("/v2/vendors/github/status").json() == {
        "vendor": "github",
        "indicator": None,
        "pages": [],
    }


def test_an_unknown_vendor_is_404_and_names_the_nearest(client: TestClient) -> None:
    answer = client.get("/v2/vendors/githb/status")

    assert answer.status_code == 404
    assert "did you mean github?" in answer.json()["detail"]


def test_an_integration_tells_what_ends_and_what_drifts(saying: TestClient) -> None:
    body = saying.get("/v2/integrations/github-prod").json()

    assert body["endings"][0]["action"] == "issues.list"
    assert body["drift"][0]["pointer"] == "/login"
    assert body["integration"]["vendor_says"]["indicator"] == "partial_outage"


def test_the_page_links_to_the_vendors_word_and_shows_what_changes(saying: TestClient) -> None:
    page = saying.get("/integrations/github-prod").text

    assert '<a href="https://status.example/1" rel="noreferrer">' in page
    assert "&lt;b&gt;old&lt;/b&gt;" in page
    assert "<code>/login</code>" in page


def test_the_command_marks_a_vendors_trouble_and_what_changes(saying: TestClient) -> None:
    detail = msgspec.convert(
        saying.get("/v2/integrations/github-prod").json(), IntegrationDetail, strict=False
    )

    assert list(_vendor(detail.integration)) == ["◆ GitHub tells more: https://status.example/1"]
    ending, drift = _remarks(detail)
    assert ending.startswith("! issues.list ends on ")
    assert drift == "! answers of issues.list drifted at /login: integer in place of string"
