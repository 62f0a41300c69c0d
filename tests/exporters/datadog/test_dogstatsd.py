"""DogStatsD: the lines are those Datadog's own client writes, and what the socket refuses is counted."""

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio
import msgspec
import pytest
from datadog.dogstatsd import DogStatsd
from hypothesis import given
from hypothesis import strategies as st

from exporters.catalogue import CATALOGUE
from exporters.datadog.dogstatsd import EVENT_BYTES, DogStatsD, DogStatsDEvents
from exporters.datadog.tags import tag_of
from exporters.events import Events
from exporters.native import NativeHistogram
from exporters.push.batchfile import Batch
from exporters.push.compression import decompressed
from exporters.push.datagrams import UDP_BYTES, UNIX_BYTES, DatagramSender, datagrams
from exporters.push.exporter import Action, Address, Reply
from exporters.push.window import Point, Spread, Window
from exporters.settings import DatadogSettings
from integrations.clock import SystemClock
from integrations.credentials.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.told import OPENED, RESOLVED

CALLS, DEPTH = CATALOGUE["dialtone_calls_total"], CATALOGUE["dialtone_queue_depth"]
LAG, HEALTH = CATALOGUE["dialtone_check_start_lag_seconds"], CATALOGUE["dialtone_health"]
SECOND = 1_800_000_010
LABELS = ("github-prod", "github", "repos.get", "traffic", "ok")
TAGS = [f"{name}:{value}" for name, value in zip(CALLS.labels, LABELS, strict=True)]
HERE = Address("unix:///agent", {})


def settings(url: str = "udp://127.0.0.1:8125", **fields: object) -> DatadogSettings:
    return msgspec.convert({"dogstatsd": url, "tags": {"env": "test"}, **fields}, DatadogSettings)


def window(*points: Point) -> Window:
    return Window(started=0.0, began=SECOND - 10.0, ended=float(SECOND), points=points)


def spread(*values: float) -> Spread:
    histogram = NativeHistogram()
    histogram.add(values)
    return Spread((len(values), *[0] * len(LAG.buckets)), sum(values), histogram.copy(cut=True))


def lines(batches: Sequence[Batch]) -> list[str]:
    return [line for batch in batches for line in decompressed(batch.body, "deflate").decode().split("\n")]


def batch_of(*texts: str) -> Batch:
    return Batch(
        route="dogstatsd", body="\n".join(texts).encode(), headers={"content-encoding": ""},
        points=len(texts), cut_at=0.0,
    )  # fmt: skip


@contextmanager
def agent() -> Iterator[tuple[socket.socket, str]]:
    """An Agent's socket and its path."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        path = f"{folder}/dsd.socket"
        heard.bind(path)
        heard.settimeout(5)
        yield heard, path


def test_every_kind_of_line_is_the_one_datadogs_client_sends() -> None:
    (event, resolved) = lines(DogStatsDEvents(settings()).encode(Events(points=(OPENED, RESOLVED))))
    points = [
        Point(CALLS, LABELS, 2.0, 2.0),
        Point(DEPTH, ("spool",), 3.5, 3.5),
        Point(LAG, (), spread(0.1, 0.1), spread(0.1)),
        Point(HEALTH, ("github-prod", "github", "", "down"), 1.0, 1.0),
    ]
    ours = [*lines(DogStatsD(settings()).encode(window(*points))), event, resolved]

    with agent() as (heard, path):
        client = DogStatsd(
            socket_path=path, constant_tags=["env:test"], disable_telemetry=True, disable_buffering=True,
            origin_detection_enabled=False,
        )  # fmt: skip
        client.count_with_timestamp("dialtone.calls", 2.0, SECOND, tags=TAGS)
        client.gauge_with_timestamp("dialtone.queue_depth", 3.5, SECOND, tags=["queue:spool"])
        health = ["integration:github-prod", "vendor:github", "state:down"]
        client.gauge_with_timestamp("dialtone.health", 1.0, SECOND, tags=health)
        client.distribution("dialtone.check_start_lag", "0.1:0.1")  # The client packs no values itself.
        client.service_check(
            "dialtone.integration", 2, tags=health[:2], timestamp=SECOND, message="github-prod is down"
        )
        for change, tone in ((OPENED, "error"), (RESOLVED, "success")):
            text = f"%%% \n{change.reason}\n %%%"
            words = "incident opened, down" if change is OPENED else "incident resolved"
            tags = ["event:incident", *health[:2], f"state:{change.state.value}"]
            client.event(f"github-prod: {words}", text, tone, "inc-7", None, int(change.at), "normal", tags)
        client.stop()
        client.close_socket()
        theirs = [heard.recv(UNIX_BYTES).decode().removesuffix("\n") for _ in ours]

    assert ours == theirs


def test_a_host_that_is_set_is_on_everything() -> None:
    chosen = settings(host="web-1")
    point = Point(HEALTH, ("a", "github", "", "up"), 1.0, 1.0)

    gauge, check = lines(DogStatsD(chosen).encode(window(point)))
    (event,) = lines(DogStatsDEvents(chosen).encode(Events(points=(OPENED,))))

    assert "|#integration:a,vendor:github,state:up,env:test,host:web-1|T" in gauge
    assert f"|d:{SECOND}|h:web-1|#" in check
    assert "|h:web-1|k:inc-7|" in event


def test_a_series_without_a_tag_has_no_field_for_tags() -> None:
    bare = msgspec.structs.replace(settings(), tags={})

    (line,) = lines(DogStatsD(bare).encode(window(Point(LAG, (), spread(0.25), spread(0.25)))))

    assert line == "dialtone.check_start_lag:0.25|d"


@given(
    calls=st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.floats(1e-9, 1e12))),
    met=st.lists(st.floats(0, 1e4), max_size=400),
)
def test_any_window_becomes_lines_that_hold_all_of_it(
    calls: list[tuple[str, float]], met: list[float]
) -> None:
    points = [Point(CALLS, (name, *LABELS[1:]), rise, rise) for name, rise in calls]
    points += [Point(LAG, (), spread(*met), spread(*met))] if met else []

    told = lines(DogStatsD(settings()).encode(window(*points))) if points else []

    counts = [line for line in told if "|c|" in line]
    assert sum(float(line.split(":", 1)[1].split("|")[0]) for line in counts) == pytest.approx(
        sum(rise for _, rise in calls)
    )
    assert len(counts) == len({tag_of("integration", name) for name, _ in calls})
    values = [value for line in told if "|d|" in line for value in line.split("|")[0].split(":")[1:]]
    assert len(values) == len(met)
    assert all(len(line.encode()) <= UDP_BYTES for line in told if "|d|" in line)


@given(
    texts=st.lists(st.binary(max_size=90).map(lambda text: text.replace(b"\n", b""))),
    most=st.integers(1, 200),
)
def test_lines_stay_in_order_and_a_datagram_is_no_larger_than_it_may_be(
    texts: list[bytes], most: int
) -> None:
    made = list(datagrams(texts, most=most))

    assert b"\n".join(made).split(b"\n") == (texts or [b""])
    assert all(len(one) <= most or b"\n" not in one for one in made)


@given(reason=st.text(st.characters(codec="utf-8"), max_size=5_000))
def test_an_event_fits_into_what_the_agent_reads_and_tells_its_lengths(reason: str) -> None:
    change = msgspec.structs.replace(OPENED, reason=reason)
    (line,) = lines(DogStatsDEvents(settings()).encode(Events(points=(change,))))

    assert len(line.encode()) <= EVENT_BYTES + 20
    title, text = map(int, line[3 : line.index("}")].split(","))
    rest = line.encode()[line.encode().index(b":") + 1 :]
    assert rest[title : title + 1] == b"|"
    assert rest[title + 1 + text :].startswith(b"|d:1800000000|k:inc-7|")


async def test_a_thousand_lines_arrive_in_datagrams_of_the_best_size() -> None:
    texts = [f"dialtone.calls:{number}.0|c|#integration:github-prod" for number in range(1_000)]
    heard: list[bytes] = []

    with agent() as (listener, path):
        sender = DatagramSender(f"unix://{path}", clock=SystemClock())
        reply: list[Reply] = []

        async def send() -> None:
            reply.append(await sender.send(HERE, batch_of(*texts)))

        async with anyio.create_task_group() as group:
            group.start_soon(send)
            while sum(one.count(b"\n") + 1 for one in heard) < len(texts):
                heard.append(await anyio.to_thread.run_sync(listener.recv, 65_536))

    assert b"\n".join(heard).decode().split("\n") == texts
    assert max(map(len, heard)) <= UNIX_BYTES
    assert reply == [Reply(202)]


async def test_a_socket_that_is_not_there_is_told_and_nothing_waits() -> None:
    sender = DatagramSender("unix:///nowhere/dsd.socket", clock=FakeClock())

    reply = await sender.send(HERE, batch_of("a:1|c"))

    assert reply == Reply(None, failure="DogStatsD at unix:///nowhere/dsd.socket: No such file or directory")
    assert DogStatsD(settings()).judge(reply).action is Action.REFUSED


async def test_an_agent_that_reads_nothing_costs_a_moment_and_what_did_not_fit() -> None:
    texts = ["x" * 8_000 for _ in range(2_000)]
    with agent() as (_, path):
        sender = DatagramSender(f"unix://{path}", clock=FakeClock(), stalled=0.05)
        reply = await sender.send(HERE, batch_of(*texts))

    verdict = DogStatsD(settings()).judge(reply)
    assert verdict.action is Action.TAKEN
    assert 0 < verdict.lost < 2_000
    assert "took nothing" in verdict.reason


@pytest.mark.enable_socket
async def test_over_udp_nobody_listening_is_noticed_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    sender = DatagramSender(f"udp://127.0.0.1:{port}", clock=FakeClock())

    reply = await sender.send(HERE, batch_of("a:1|c"))

    assert reply == Reply(None, failure=f"DogStatsD at udp://127.0.0.1:{port}: Connection refused")


@pytest.mark.enable_socket
async def test_over_udp_datagrams_keep_to_one_frame() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        port = listener.getsockname()[1]
        texts = [f"dialtone.calls:{number}.0|c" for number in range(100)]
        reply = await DatagramSender(f"udp://127.0.0.1:{port}", clock=SystemClock()).send(
            HERE, batch_of(*texts)
        )
        heard = [listener.recv(65_536) for _ in datagrams([text.encode() for text in texts], most=UDP_BYTES)]

    assert b"\n".join(heard).decode().split("\n") == texts
    assert max(map(len, heard)) <= UDP_BYTES
    assert reply.status == 202


@pytest.mark.parametrize(
    "url", ["udp://127.0.0.1:8125", "udp://agent:1", "unix:///var/run/datadog/dsd.socket", "udp://[::1]:8125"]
)
def test_an_agent_may_be_at(url: str) -> None:
    assert settings(url).dogstatsd == url


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8125", "udp://127.0.0.1", "udp://127.0.0.1:99999", "udp://:8125", "unix://dsd.socket",
        "http://127.0.0.1:8125", "udp://127.0.0.1:8125/x", "udp://127.0.0.1:0", "unix:///", "udp://[::1",
    ],
)  # fmt: skip
def test_an_agent_cannot_be_at(url: str) -> None:
    with pytest.raises(ValueError, match=r"dogstatsd .* must be udp://127\.0\.0\.1:8125 or unix:///"):
        settings(url)


@pytest.mark.parametrize("fields", [{}, {"api_key": Secret("k"), "dogstatsd": "udp://127.0.0.1:8125"}])
def test_there_is_one_way_to_datadog(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs either api_key or dogstatsd"):
        DatadogSettings(**fields)  # type: ignore[arg-type]  # As the file gives them.
