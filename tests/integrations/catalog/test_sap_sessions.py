"""SAP's writes: the token and cookies that they carry, and what becomes of a session that is over."""

from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.catalog.sap.actions import Session, cookies_of, service_of
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind, Outcome
from integrations.simulator.vendors.sap import TOKEN, end_session
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.framework import CATALOG, RecordingVendor, connection_for, framework_for
from tests.fakes.simulated import Way, World

SAP = CATALOG.manifest("sap")


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    made.register(Way("sap", "basic"))
    yield made
    await made.executor.aclose()


async def call(world: World, action: str, **params: object) -> Outcome:
    return await world.framework.execute_integration("sap", action, params)


def asked(world: World) -> list[str]:
    """Method, status and whether a token was fetched or sent, of all requests."""
    tokens = (one.request.headers.get(TOKEN, "").partition("-")[0] for one in world.answers)
    return [
        f"{one.request.method} {one.status_code} {token}"
        for one, token in zip(world.answers, tokens, strict=True)
    ]


async def test_the_first_write_opens_a_session_and_the_next_ones_use_it(world: World) -> None:
    await call(world, "partners.create", category="2", organization="Acme")
    await call(world, "partners.create", category="2", organization="Berg")

    assert asked(world) == ["GET 200 Fetch", "POST 201 simulated", "POST 201 simulated"]
    cookies = [one.request.headers.get("cookie") for one in world.answers]
    assert cookies == [None, "SAP_SESSIONID_SIM_100=simulated-1", "SAP_SESSIONID_SIM_100=simulated-1"]


async def test_a_session_that_is_over_is_opened_anew_and_the_write_is_made_once(world: World) -> None:
    await call(world, "partners.create", category="2", organization="Acme")
    end_session(world.simulator._mounts["sap"].accounts["main"])
    before = (await call(world, "partners.count")).data
    del world.answers[:]

    outcome = await call(world, "partners.create", category="2", organization="Berg")

    assert outcome.ok
    assert asked(world) == ["POST 403 simulated", "GET 200 Fetch", "POST 201 simulated"]
    assert int(str((await call(world, "partners.count")).data)) == int(str(before)) + 1


async def test_what_is_written_is_read_changed_and_deleted(world: World) -> None:
    made = await call(world, "addresses.create", partner="1000001", country="DE", city="Walldorf")
    assert isinstance(made.data, dict)
    keys = {"partner": "1000001", "address": made.data["AddressID"]}

    changed = await call(world, "addresses.update", **keys, city="St. Leon-Rot")
    read = await call(world, "addresses.get", **keys)
    gone = await call(world, "addresses.delete", **keys)
    missing = await call(world, "addresses.get", **keys)

    assert [one.kind for one in (made, changed, read, gone)] == [None] * 4
    assert isinstance(read.data, dict)
    assert (read.data["CityName"], read.data["etag"]) == ("St. Leon-Rot", 'W/"simulated"')
    assert (missing.kind, missing.code) == (FailureKind.NOT_FOUND, "/IWBEP/CM_MGW_RT/020")
    assert "Resource not found" in missing.detail


async def test_pages_go_on_where_the_system_gave_less_than_was_asked_for(world: World) -> None:
    outcome = await call(world, "partners.list", top=110, _pages=5)

    assert isinstance(outcome.data, dict)
    numbers = [item["BusinessPartner"] for item in outcome.data["items"]]
    assert (len(set(numbers)), len(numbers), outcome.data["more"]) == (120, 120, False)


def refusing(request: httpx.Request) -> httpx.Response:
    """A system to which the cookies do not come back, so that no token ever counts."""
    if request.method == "GET":
        return httpx.Response(200, json={"d": {"EntitySets": []}}, headers={TOKEN: "a-token"})
    return httpx.Response(403, text="CSRF token validation failed", headers={TOKEN: "Required"})


async def test_a_write_that_is_refused_in_a_new_session_is_not_tried_again() -> None:
    vendor = RecordingVendor(handler=refusing)
    framework = framework_for(vendor)
    framework.register_integration(connection_for(SAP, auth="basic"))

    outcome = await framework.execute_integration("sap-test", "partners.create", {"category": "2"})

    assert [request.method for request in vendor.requests] == ["GET", "POST"]
    assert outcome.kind is FailureKind.CLIENT_ERROR


async def test_nothing_is_written_where_no_session_can_be_opened() -> None:
    vendor = RecordingVendor(handler=lambda _: httpx.Response(503))
    framework = framework_for(vendor)
    framework.register_integration(connection_for(SAP, auth="basic"))

    outcome = await framework.execute_integration("sap-test", "partners.create", {"category": "2"})

    assert {request.method for request in vendor.requests} == {"GET"}
    assert outcome.kind is FailureKind.SERVER_ERROR


async def test_a_system_without_this_protection_is_written_to_as_well() -> None:
    vendor = RecordingVendor(handler=lambda _: httpx.Response(200, json={"d": {"BusinessPartner": "1"}}))
    framework = framework_for(vendor)
    framework.register_integration(connection_for(SAP, auth="basic"))

    outcome = await framework.execute_integration("sap-test", "partners.create", {"category": "2"})

    assert outcome.ok
    assert TOKEN not in vendor.requests[-1].headers


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; path=/; HttpOnly", {"a": "1"}),
        ("a=1; path=/, b=2==; secure", {"a": "1", "b": "2=="}),
        ("a=1; expires=Thu, 01-Jan-2099 00:00:00 GMT, b=2; path=/", {"a": "1", "b": "2"}),
        ("sap-usercontext=sap-client=100; path=/", {"sap-usercontext": "sap-client=100"}),
        ("a=; expires=Thu, 01-Jan-1970 00:00:00 GMT", {}),
    ],
)
def test_all_cookies_are_kept_by_their_names(header: str, cookies: dict[str, str]) -> None:
    assert {name: value.reveal() for name, value in cookies_of(header).items()} == cookies


@pytest.mark.parametrize("prefix", ["", "/s4hanacloud"])
def test_the_token_is_asked_for_at_the_service_that_is_written_to(prefix: str) -> None:
    address = f"https://h{prefix}/sap/opu/odata/sap/API_X/A_Set('%C3%A9')/to_Y?sap-language=EN"

    assert str(service_of(httpx.URL(address))) == f"https://h{prefix}/sap/opu/odata/sap/API_X/"


def test_a_session_shows_neither_token_nor_cookies() -> None:
    session = Session(token=Secret("canary-token"), cookies={"a": Secret("canary-cookie")})

    assert "canary" not in repr(session)
