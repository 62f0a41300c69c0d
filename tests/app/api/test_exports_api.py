"""GET /v2/analytics/export and …/{table}/{day}, over days that a fake gives."""

import datetime as dt
import io

import anyio
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from litestar.types import HTTPDisconnectEvent, Message

from app.api.exports import FileStream
from exporters.analytics.days.desk import OpenDay
from exporters.analytics.settings import AnalyticsBusy
from tests.fakes.parts import FakeDialtone

PATH = "/v2/analytics/export"


def test_days_are_listed_with_todays_date(client: TestClient[Litestar], dialtone: FakeDialtone) -> None:
    dialtone.days.told["check_results", dt.date(2027, 1, 15)] = 7

    everything = client.get(PATH).json()
    some = client.get(PATH, params={"table": ["check_results"]}).json()

    assert everything == {
        "today": "2027-01-15",
        "days": [
            {"table": "calls", "day": "2027-01-14", "rows": 3, "sealed": False},
            {"table": "check_results", "day": "2027-01-15", "rows": 7, "sealed": False},
        ],
    }
    assert [one["table"] for one in some["days"]] == ["check_results"]


def test_a_day_comes_as_a_file_with_its_size_and_is_closed(
    client: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    dialtone.days.content = b"PAR1" + bytes(700_000) + b"PAR1"

    answer = client.get(f"{PATH}/calls/2027-01-14", headers={"dialtone-caller": "nightly"})

    assert answer.content == dialtone.days.content
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-length"] == str(len(dialtone.days.content))
    assert answer.headers["content-disposition"] == 'attachment; filename="calls-2027-01-14.parquet"'
    assert (answer.headers["dialtone-rows"], answer.headers["dialtone-as-of"][:10]) == ("3", "2026-11-18")
    assert dialtone.days.opened == [("calls", dt.date(2027, 1, 14), "local/nightly")]
    assert dialtone.days.files[0].closed


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/calls/2027-01-13", 404, "no rows of 2027-01-13"),
        ("?table=cals", 404, "there are calls, check_results"),
        ("?tabel=calls", 422, "did you mean table"),
        ("/calls/2027-01-14?rows=5", 422, "no parameter"),
    ],
)
def test_what_is_not_there_says_so(client: TestClient[Litestar], path: str, status: int, words: str) -> None:
    answer = client.get(f"{PATH}{path}")

    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "20261", "yesterday", "2026-02-28T10:00:00Z"])
def test_a_day_that_does_not_exist_is_refused_by_the_parameters_name(
    client: TestClient[Litestar], dialtone: FakeDialtone, day: str
) -> None:
    answer = client.get(f"{PATH}/calls/{day}")

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:dialtone:problem:bad-request")
    (wrong,) = answer.json()["errors"]
    assert (wrong["key"], wrong["source"]) == ("day", "path")
    assert "date" in wrong["message"].lower()
    assert dialtone.days.opened == []


def test_what_cannot_be_had_now_says_when_to_come_back(
    client: TestClient[Litestar], dialtone: FakeDialtone
) -> None:
    dialtone.days.error = AnalyticsBusy("16 exports wait already")

    for path in (PATH, f"{PATH}/calls/2027-01-14"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_client_that_leaves_gets_no_more_and_the_file_is_closed(dialtone: FakeDialtone) -> None:
    opened = OpenDay(file=io.BytesIO(bytes(8 << 20)), size=8 << 20, rows=1, as_of=0.0)
    left, sent = anyio.Event(), 0

    async def receive() -> HTTPDisconnectEvent:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))  # type: ignore[arg-type] # a message with a body
        if sent:
            left.set()
        await anyio.sleep(0.01)

    with anyio.fail_after(5):
        await FileStream(opened, {})({"type": "http"}, receive, send)  # type: ignore[arg-type,typeddict-item] # what is read of it

    assert 0 < sent < 4 << 20
    assert opened.file.closed
