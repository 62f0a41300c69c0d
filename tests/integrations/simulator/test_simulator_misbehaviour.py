"""Each fault kind does what it says, in the vendor's own form."""

import httpx
import msgspec
import pytest

from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.misbehaviour import Dropped
from integrations.simulator.simulator import Simulator
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.HANG])
async def test_a_dropped_connection_is_a_read_error(
    github: httpx.AsyncClient, simulator: Simulator, clock: FakeClock, kind: FaultKind
) -> None:
    simulator.faults.add(Fault(kind=kind, seconds=7))
    began = clock.monotonic()

    with pytest.raises(Dropped):
        await github.get("/user")

    assert clock.monotonic() - began == (7 if kind is FaultKind.HANG else 0)
    assert simulator.seen["github", "main", "user.get", 0] == 1


async def test_latency_delays_and_then_answers(
    github: httpx.AsyncClient, simulator: Simulator, clock: FakeClock
) -> None:
    simulator.faults.add(Fault(kind=FaultKind.LATENCY, seconds=3))
    simulator.faults.add(Fault(kind=FaultKind.LATENCY, seconds=1))
    began = clock.monotonic()

    answer = await github.get("/user")

    assert (answer.status_code, clock.monotonic() - began) == (200, 4)


async def test_a_slow_body_takes_its_time_and_arrives_whole(
    github: httpx.AsyncClient, simulator: Simulator, clock: FakeClock
) -> None:
    whole = (await github.get("/user")).content
    simulator.faults.add(Fault(kind=FaultKind.SLOW_BODY, seconds=5))
    began = clock.monotonic()

    slow = await github.get("/user")

    assert slow.content == whole
    assert clock.monotonic() - began == pytest.approx(5)


async def test_a_truncated_body_is_shorter_than_promised(
    github: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind=FaultKind.TRUNCATED))

    answer = await github.get("/user")

    assert 0 < len(answer.content) < int(answer.headers["content-length"])
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(answer.content)


async def test_a_malformed_body_says_json_and_is_none(
    github: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind=FaultKind.MALFORMED))

    answer = await github.get("/user")

    assert answer.headers["content-type"].startswith("application/json")
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(answer.content)


async def test_a_huge_body_has_its_size(github: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind=FaultKind.HUGE_BODY, size=200_001))

    answer = await github.get("/user")

    assert len(answer.content) == 200_001


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault(kind=FaultKind.UNAUTHORIZED), 401, "Bad credentials"),
        (Fault(kind=FaultKind.TOKEN_EXPIRED), 401, "Bad credentials"),
        (Fault(kind=FaultKind.FORBIDDEN), 403, "Resource not accessible"),
        (Fault(kind=FaultKind.THROTTLED, retry_after=9), 429, "secondary rate limit"),
        (Fault(kind=FaultKind.SERVER_ERROR, status=502), 502, "couldn't respond"),
        (Fault(kind=FaultKind.VENDOR_ERROR), 200, "errors"),
        (Fault(kind=FaultKind.QUOTA_OUT), 403, "API rate limit exceeded"),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
async def test_github_refuses_in_its_own_words(
    github: httpx.AsyncClient, simulator: Simulator, fault: Fault, status: int, body: str
) -> None:
    simulator.faults.add(fault)

    answer = await github.get("/user")

    assert answer.status_code == status
    assert body in answer.text
    assert answer.headers.get("retry-after") == ("9" if fault.kind is FaultKind.THROTTLED else None)


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (Fault(kind=FaultKind.UNAUTHORIZED), 200, "invalid_auth"),
        (Fault(kind=FaultKind.TOKEN_EXPIRED), 200, "token_expired"),
        (Fault(kind=FaultKind.FORBIDDEN), 200, "missing_scope"),
        (Fault(kind=FaultKind.VENDOR_ERROR), 200, "internal_error"),
        (Fault(kind=FaultKind.VENDOR_ERROR, code="fatal_error"), 200, "fatal_error"),
        (Fault(kind=FaultKind.THROTTLED, retry_after=30), 429, "ratelimited"),
        (Fault(kind=FaultKind.QUOTA_OUT), 429, "ratelimited"),
    ],
    ids=lambda value: f"{value.kind.value} {value.code}" if isinstance(value, Fault) else "",
)
async def test_slack_says_no_with_200_and_an_error_word(
    slack: httpx.AsyncClient, simulator: Simulator, fault: Fault, status: int, error: str
) -> None:
    simulator.faults.add(fault)

    answer = await slack.post("/auth.test")

    assert (answer.status_code, answer.json()["ok"], answer.json()["error"]) == (status, False, error)
    assert ("retry-after" in answer.headers) == (status == 429)


async def test_a_low_quota_shows_in_the_headers_and_is_gone_with_the_fault(
    github: httpx.AsyncClient, simulator: Simulator
) -> None:
    fault_id = simulator.faults.add(Fault(kind=FaultKind.QUOTA_LOW, remaining=10))
    low = await github.get("/user")
    simulator.faults.remove(fault_id)

    after = await github.get("/user")

    assert (low.status_code, low.headers["x-ratelimit-remaining"]) == (200, "9")
    assert after.headers["x-ratelimit-remaining"] == "4998"


async def test_a_fault_of_one_account_leaves_the_other_alone(
    github: httpx.AsyncClient, simulator: Simulator
) -> None:
    other = simulator.add_account("github", "ci")["token"]
    simulator.faults.add(Fault(kind=FaultKind.SERVER_ERROR, account="ci"))

    mine = await github.get("/user")
    theirs = await github.get("/user", headers={"authorization": f"Bearer {other}"})

    assert (mine.status_code, theirs.status_code) == (200, 503)
