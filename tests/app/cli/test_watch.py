"""`dialtone watch`, with a server that is played."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.commands.exits import CommandError, NoServerError
from app.commands.following import Follower, RefusedError, parse
from app.commands.server import Server
from app.live.ring import Ring
from integrations.execution.outcome import FailureKind
from integrations.signals import ConfigChange, Evidence, Health, HealthChange, Signal
from tests.fakes.calls import call_record

URL = "http://127.0.0.1:4350"
STOPPED = KeyboardInterrupt()
"""What Ctrl-C does to a command that reads."""

Step = bytes | Exception | KeyboardInterrupt


class Body(httpx.SyncByteStream):
    """Chunks, and at the end what ends the connection."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[bytes]:
        for step in self._steps:
            if isinstance(step, bytes):
                yield step
            else:
                raise step


def stream(*steps: Step) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body(*steps))


def problem(status: int, detail: str) -> httpx.Response:
    return httpx.Response(
        status,
        headers={"content-type": "application/problem+json"},
        json={"detail": detail, "status": status},
    )


class Played:
    """Answers each request with the next of its answers."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.told: list[str] = []

    def client(self, _: str) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer), base_url=URL)

    def follower(self) -> Follower:
        server = Server(URL, client=self.client)
        return Follower(server, [], wait=self.waits.append, tell=self.told.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watch(*answers: httpx.Response | Exception, arguments: tuple[str, ...] = ()) -> tuple[Result, Played]:
    played = Played(*answers)
    result = CliRunner().invoke(main, ["watch", *arguments], obj=played.client, catch_exceptions=False)
    return result, played


def sent(*signals: Signal) -> bytes:
    ring = Ring("e1")
    for signal in signals:
        ring.append(signal)
    return b"".join(ring.event(number) for number in range(1, ring.end))


def told(kind: str, **data: object) -> bytes:
    return f"id: e1-9\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def refused_connection() -> httpx.ConnectError:
    return httpx.ConnectError("refused")


DOWN = HealthChange(
    at=1_800_000_000.0,
    integration="slack-prod",
    vendor="slack",
    capability="",
    before=Health.UP,
    after=Health.DOWN,
    evidence=Evidence.CHECK,
    reason="3 checks in a row failed",
    since=0.0,
)


def test_each_signal_is_one_line_with_time_sign_and_words():
    failed = call_record(kind=FailureKind.TIMEOUT, status=None, detail="no answer in 10 s")
    result, _ = watch(stream(sent(call_record(), failed, DOWN), STOPPED))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "08:00:00  ✓ github-prod       repos.get 200 in 120\xa0ms, traffic",
        "08:00:00  ✗ github-prod       repos.get timeout in 120\xa0ms, traffic: no answer in 10 s",
        "08:00:00  ✗ slack-prod        Up → Down: 3 checks in a row failed",
    ]


def test_with_json_each_line_is_the_signal():
    result, _ = watch(stream(sent(call_record(), DOWN), STOPPED), arguments=("--json",))
    assert [json.loads(line)["signal"] for line in result.stdout.splitlines()] == [
        "call_record",
        "health_change",
    ]


def test_filters_become_parameters():
    arguments = ("a", "b", "--failed", "--kind", "call_record", "--origin", "check")
    _, played = watch(stream(STOPPED), arguments=arguments)
    assert played.requests[0].url.query == (
        b"integration=a&integration=b&kind=call_record&origin=check&failed=true"
    )


def test_a_kind_that_is_none_is_wrong_usage():
    result, played = watch(arguments=("--kind", "nonsense"))
    assert result.exit_code == 2
    assert played.requests == []


def test_without_a_server_it_ends_with_3_and_says_what_to_type():
    result, _ = watch(refused_connection())
    assert result.exit_code == 3
    assert "dialtone serve --config FILE" in result.stderr


def test_ctrl_c_while_nothing_happens_ends_with_0():
    result, _ = watch(stream(b":\nid: e1-0\n\n", STOPPED))
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_lost_connection_is_taken_up_behind_the_last_event():
    result, played = watch(stream(sent(call_record()), httpx.ReadError("cut")), stream(sent(DOWN), STOPPED))
    assert [one.headers.get("last-event-id") for one in played.requests] == [None, "e1-1"]
    assert len(result.stdout.splitlines()) == 2
    assert "lost; trying again now" in result.stderr
    assert "Connected again" in result.stderr


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (told("gap", missed=12), "Missed: 12 signals"),
        (told("gap", missed=None), "cannot be told"),
        (told("dropped", missed=3, last="e1-4", reason="slow"), "too slow"),
        (told("bye", reason="stopping"), "stopping"),
    ],
    ids=["gap", "restart", "dropped", "bye"],
)
def test_what_the_stream_tells_of_itself_is_said(event, words):
    result, _ = watch(stream(event, STOPPED))
    assert words in result.stderr
    assert result.stdout == ""


def test_with_json_a_gap_is_a_line_too():
    result, _ = watch(stream(told("gap", missed=12), STOPPED), arguments=("--json",))
    assert json.loads(result.stdout) == {"signal": "gap", "missed": 12}


def test_text_from_outside_cannot_steer_the_terminal_or_break_the_line():
    evil = call_record(kind=FailureKind.VENDOR_ERROR, detail="\x1b[2J\x9b2Jgone\r\nx\u2028\x85y")
    result, _ = watch(stream(sent(evil), STOPPED))
    assert not set("\x1b\x9b\r\u2028\x85") & set(result.stdout)
    assert result.stdout.count("\n") == 1
    assert "gone" in result.stdout


def test_a_signal_of_a_newer_server_is_shown_as_it_is():
    result, _ = watch(stream(b'id: e1-1\nevent: novelty\ndata: {"signal":"novelty","at":1}\n\n', STOPPED))
    assert result.stdout == '{"signal":"novelty","at":1}\n'


def test_what_the_server_refuses_is_said_with_its_exit_code():
    wrong, _ = watch(problem(400, "There is no integration 'slack-prd'; did you mean slack-prod?"))
    weak, _ = watch(problem(401, "Send an API token."))
    full, _ = watch(problem(503, "64 clients read the live view already"))
    assert (wrong.exit_code, weak.exit_code, full.exit_code) == (2, 4, 1)
    assert "did you mean slack-prod" in wrong.stderr
    assert "DIALTONE_TOKEN" in weak.stderr
    assert "64 clients" in full.stderr


def test_a_refusal_with_json_is_one_document():
    result, _ = watch(problem(400, "no"), arguments=("--json",))
    assert (result.exit_code, json.loads(result.stdout)["detail"]) == (2, "no")


def test_something_else_at_the_address_is_not_taken_for_dialtone():
    result, _ = watch(httpx.Response(200, text="<html>nginx</html>"))
    assert result.exit_code == 1
    assert "is not Dialtone" in result.stderr


def first_of(follower: Follower, number: int) -> list[str]:
    events = follower.events()
    return [next(events).kind for _ in range(number)]


def test_it_comes_back_at_once_and_then_ever_slower():
    lost = [refused_connection() for _ in range(8)]
    played = Played(stream(told("bye")), *lost, stream(sent(DOWN)))
    assert first_of(played.follower(), 2) == ["bye", "health_change"]
    assert played.waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_server_that_ends_every_stream_at_once_is_not_pestered():
    played = Played(stream(sent(DOWN)), *(stream(b":\nid: e1-1\n\n") for _ in range(3)), stream(sent(DOWN)))
    first_of(played.follower(), 2)
    assert played.waits == [0, 1, 2, 4]


def test_an_event_starts_the_waits_over():
    played = Played(stream(sent(DOWN)), refused_connection(), stream(sent(DOWN)), stream(sent(DOWN)))
    first_of(played.follower(), 3)
    assert played.waits == [0, 1, 0]


def test_a_full_server_is_asked_again_by_who_had_a_place():
    played = Played(stream(sent(DOWN)), problem(503, "full"), stream(sent(DOWN)))
    assert first_of(played.follower(), 2) == ["health_change"] * 2


def test_a_token_that_was_withdrawn_ends_it():
    played = Played(stream(sent(DOWN)), problem(401, "unknown token"))
    with pytest.raises(RefusedError):
        first_of(played.follower(), 2)


@pytest.mark.parametrize(
    ("failure", "error"),
    [(refused_connection(), NoServerError), (httpx.RemoteProtocolError("no HTTP"), CommandError)],
    ids=["nobody", "no HTTP"],
)
def test_without_a_first_connection_it_does_not_try_again(failure, error):
    with pytest.raises(error):
        first_of(Played(failure).follower(), 1)


def test_an_id_without_data_moves_the_place_on():
    played = Played(stream(sent(DOWN), b":\nid: e1-77\n\n"), stream(sent(DOWN)))
    first_of(played.follower(), 2)
    assert played.requests[1].headers["last-event-id"] == "e1-77"


CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda body: [body],
    "bytes": lambda body: [body[place : place + 1] for place in range(len(body))],
    "sevens": lambda body: [body[place : place + 7] for place in range(0, len(body), 7)],
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_events_are_read_however_they_are_cut(cut):
    odd = ConfigChange(at=1, source="a\u2028b\x85c\nd: é", sha256="x", integrations=1, version="1")
    body = b"retry: 2000\n:\nid: e1-0\n\n" + sent(odd, DOWN) + b"event: half"
    events = list(parse(cut(body)))
    assert [(one.id, one.kind) for one in events if one.data] == [
        ("e1-1", "config_change"),
        ("e1-2", "health_change"),
    ]
    assert json.loads(events[1].data)["source"] == odd.source
