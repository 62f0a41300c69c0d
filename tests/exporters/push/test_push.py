"""A push exporter against an intake that misbehaves: nothing is lost, and all is counted."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from exporters.catalogue import CATALOGUE
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Address, PushExporter, Reply, Verdict
from exporters.push.spool import Spool
from exporters.push.window import Point, Window
from integrations.credentials.secret import Secret
from tests.fakes.clock import FakeClock

CALLS = CATALOGUE["dialtone_calls_total"]
START = FakeClock().time()


def window(*integrations: str, at: float = START) -> Window:
    points = tuple(
        Point(CALLS, (name, "github", "repos.get", "traffic", "ok"), 1.0, 1.0) for name in integrations
    )
    return Window(started=0.0, began=at - 10, ended=at, points=points)


class LetterIntake:
    """Takes one batch a window, whose body names the integrations; statuses mean what they usually do."""

    name = "letters"
    keep = 3_300.0

    def __init__(self, *secrets: Secret) -> None:
        self.secrets = secrets

    def encode(self, cut: Window) -> Sequence[Batch]:
        names = [point.labels[0] for point in cut.points]
        if "unencodable" in names:
            raise ValueError("a fault of ours")
        return [self.batch(names, cut.ended)]

    def batch(self, names: Sequence[str], at: float) -> Batch:
        return Batch(route="", body=",".join(names).encode(), headers={}, points=len(names), cut_at=at)

    def split(self, batch: Batch) -> Sequence[Batch]:
        names = batch.body.decode().split(",")
        half = len(names) // 2
        halves = (names[:half], names[half:]) if half else ()
        return [self.batch(part, batch.cut_at) for part in halves]

    def address(self, batch: Batch) -> Address:
        return Address(f"https://intake.example.com/{batch.route}", {"api-key": "secret"})

    def judge(self, reply: Reply) -> Verdict:
        if reply.status is None:
            return Verdict(Action.RETRY, reply.failure)
        by_status = {202: Action.TAKEN, 413: Action.SPLIT, 429: Action.RETRY, 503: Action.RETRY}
        action = by_status.get(reply.status, Action.REFUSED)
        return Verdict(action, f"status {reply.status}", reply.retry_after)


class Wire:
    """What was sent, and answers in turn; the last answer stands."""

    def __init__(self, *answers: Reply | Callable[[Batch], Reply]) -> None:
        self.sent: list[str] = []
        self.taken: list[str] = []
        self.heard = anyio.Event()
        self._answers = list(answers) or [Reply(202)]

    def answer(self, reply: Reply) -> None:
        """Answer so from now on."""
        self._answers = [reply]

    async def send(self, _address: Address, batch: Batch) -> Reply:
        self.sent.append(batch.body.decode())
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        reply = answer(batch) if callable(answer) else answer
        if reply.status == 202:
            self.taken.append(batch.body.decode())
        self.heard.set()
        self.heard = anyio.Event()
        return reply


class SlowClock(FakeClock):
    """Remembers how long was slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


def made(
    directory: Path, wire: Wire, *, clock: FakeClock | None = None, limit: int = 100_000
) -> PushExporter[Window]:
    clock = clock or FakeClock()
    intake = LetterIntake()
    spool = Spool(directory, limit=limit, keep=intake.keep, clock=clock)
    return PushExporter(intake, spool=spool, send=wire.send, clock=clock, random=random.Random(1))


@asynccontextmanager
async def running(exporter: PushExporter[Window]) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(exporter.run)
        yield
        group.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the exporter's own tasks set no event
            await anyio.sleep(0.001)


async def test_windows_are_sent_in_order(tmp_path: Path) -> None:
    wire = Wire()
    exporter = made(tmp_path, wire)
    async with running(exporter):
        for name in "abc":
            exporter.take(window(name))
            await until(partial(wire.taken.__contains__, name))

    assert wire.taken == ["a", "b", "c"]
    assert exporter.status().ok
    assert exporter.status().batches == 0


async def test_an_intake_that_is_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    away = [Reply(None, failure="connection refused")] * 5 + [Reply(503)] * 5
    clock = SlowClock()
    wire = Wire(*away, Reply(202))
    exporter = made(tmp_path, wire, clock=clock)
    async with running(exporter):
        for name in "abc":
            exporter.take(window(name))
        await until(lambda: "".join(sorted("".join(wire.taken).replace(",", ""))) == "abc")

    assert len(clock.slept) == 10
    assert all(later <= 16 for later in clock.slept)
    assert clock.slept[0] <= 1 < clock.slept[3] < clock.slept[6]
    assert exporter.status().dropped == {}


async def test_the_intake_is_given_the_time_it_asks_for(tmp_path: Path) -> None:
    clock = SlowClock()
    wire = Wire(Reply(429, retry_after=600.0), Reply(202))
    exporter = made(tmp_path, wire, clock=clock)
    async with running(exporter):
        exporter.take(window("a"))
        await until(lambda: wire.taken == ["a"])

    assert clock.slept == [600.0]


async def test_a_batch_that_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    def at_most_two(batch: Batch) -> Reply:
        return Reply(202 if batch.points <= 2 else 413)

    wire = Wire(at_most_two)
    exporter = made(tmp_path, wire)
    async with running(exporter):
        exporter.take(window(*"abcdefg"))
        exporter.take(window("h"))
        await until(lambda: sum(map(len, wire.taken)) - "".join(wire.taken).count(",") >= 8)

    assert sorted("".join(wire.taken).replace(",", "")) == list("abcdefgh")


async def test_one_point_that_is_too_large_is_dropped_and_the_next_is_sent(tmp_path: Path) -> None:
    wire = Wire(lambda batch: Reply(413 if b"huge" in batch.body else 202))
    exporter = made(tmp_path, wire)
    async with running(exporter):
        exporter.take(window("huge"))
        await until(lambda: bool(exporter.status().dropped))
        exporter.take(window("b"))
        await until(lambda: wire.taken == ["b"])

    assert exporter.status().dropped == {"too_large": 1}


async def test_a_refused_batch_is_dropped_told_and_counted(tmp_path: Path) -> None:
    wire = Wire(Reply(403))
    exporter = made(tmp_path, wire)
    async with running(exporter):
        exporter.take(window("a", "b"))
        await until(lambda: bool(exporter.status().dropped))

    assert exporter.status().dropped == {"refused": 2}
    assert exporter.status().reason == "status 403"


async def test_a_window_that_cannot_be_encoded_costs_only_itself(tmp_path: Path) -> None:
    wire = Wire()
    exporter = made(tmp_path, wire)
    async with running(exporter):
        exporter.take(window("unencodable"))
        await until(lambda: bool(exporter.status().dropped))
        exporter.take(window("b"))
        await until(lambda: wire.taken == ["b"])

    assert exporter.status().dropped == {"unencodable": 1}


class Disk:
    """A directory that can be made to refuse everything."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._aside = directory.with_name("aside")

    def break_down(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.directory.rename(self._aside)
        self.directory.write_text("no directory")

    def mend(self) -> None:
        self.directory.unlink()
        self._aside.rename(self.directory)


async def test_what_the_disk_refuses_is_sent_from_memory(tmp_path: Path) -> None:
    disk, wire = Disk(tmp_path / "spool"), Wire()
    exporter = made(disk.directory, wire)
    disk.break_down()
    exporter.take(window("a"))
    await exporter.finish(within=1)

    assert wire.taken == ["a"]
    assert "the spool cannot be written: File exists" in exporter.status().reason
    assert exporter.status().dropped == {}


async def test_what_was_held_in_memory_is_written_when_the_disk_is_well_again(tmp_path: Path) -> None:
    disk, clock = Disk(tmp_path / "spool"), FakeClock()
    exporter = made(disk.directory, Wire(Reply(503)), clock=clock)
    disk.break_down()
    async with running(exporter):
        exporter.take(window("a"))
        await until(lambda: exporter.status().batches == 1)
        disk.mend()
        exporter.take(window("b"))
        await until(lambda: exporter.status().batches == 2)

    wire = Wire()
    await made(disk.directory, wire).finish(within=1)
    assert wire.taken == ["a", "b"]


async def test_what_neither_disk_nor_intake_takes_is_told_and_counted_at_the_end(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "spool")
    exporter = made(disk.directory, Wire(Reply(503)))
    disk.break_down()
    exporter.take(window("a", "b"))
    await exporter.finish(within=0.05)

    assert exporter.status().dropped == {"unwritten": 2}


async def test_the_last_window_is_counted_too_when_the_running_exporter_is_at_it(tmp_path: Path) -> None:
    disk, clock = Disk(tmp_path / "spool"), FakeClock()
    disk.break_down()
    spool = Spool(disk.directory, limit=100_000, keep=3_300.0, clock=clock, in_memory=0)
    send = Wire(Reply(503)).send
    exporter = PushExporter(LetterIntake(), spool=spool, send=send, clock=clock, random=random.Random(1))
    async with running(exporter):
        await anyio.wait_all_tasks_blocked()
        exporter.take(window("a", "b"))
        await exporter.finish(within=0.05)

    assert exporter.status().dropped == {"unwritten": 2}


async def test_windows_grow_together_when_memory_is_full_too(tmp_path: Path) -> None:
    disk, wire, clock = Disk(tmp_path / "spool"), Wire(Reply(503)), FakeClock()
    spool = Spool(disk.directory, limit=100_000, keep=3_300.0, clock=clock, in_memory=1)
    exporter = PushExporter(LetterIntake(), spool=spool, send=wire.send, clock=clock, random=random.Random(1))
    disk.break_down()
    async with running(exporter):
        exporter.take(window("a"))
        await until(lambda: exporter.status().batches == 1)
        exporter.take(window("b", "c"))
        exporter.take(window("d"))
        await until(lambda: exporter.is_keeping)
    disk.mend()
    wire.answer(Reply(202))
    await exporter.finish(within=1)

    assert wire.taken == ["a", "b,c,d"]


async def test_what_is_on_its_way_is_let_go_when_all_is_finished(tmp_path: Path) -> None:
    class Hanging(Wire):
        async def send(self, _address: Address, batch: Batch) -> Reply:
            self.sent.append(batch.body.decode())
            await anyio.sleep_forever()
            raise AssertionError

    wire = Hanging()
    exporter = made(tmp_path, wire)
    async with anyio.create_task_group() as group:
        group.start_soon(exporter.run)
        exporter.take(window("a"))
        await until(lambda: wire.sent == ["a"])
        with anyio.fail_after(5):
            await exporter.finish(within=0.05)

    assert exporter.status().batches == 1


async def test_a_batch_is_not_sent_twice_when_it_ends_while_sending(tmp_path: Path) -> None:
    class Slow(Wire):
        async def send(self, address: Address, batch: Batch) -> Reply:
            await anyio.sleep(0.05)
            return await super().send(address, batch)

    wire = Slow()
    exporter = made(tmp_path, wire)
    async with running(exporter):
        exporter.take(window("a"))
        await until(lambda: exporter.status().batches == 1)
        await exporter.finish(within=1)

    assert wire.sent == ["a"]
    assert points_told(exporter) == {"exported": 1.0}


async def test_what_is_being_sent_is_not_given_up_for_room(tmp_path: Path) -> None:
    class Meanwhile(Wire):
        async def send(self, address: Address, batch: Batch) -> Reply:
            if not self.sent:
                exporter.take(window("b" * 600))
                await until(lambda: exporter.status().batches == 2)
                exporter.take(window("c" * 600))
                await until(lambda: bool(exporter.status().dropped))
            return await super().send(address, batch)

    wire = Meanwhile()
    exporter = made(tmp_path, wire, limit=1_500)
    async with running(exporter):
        exporter.take(window("a" * 600))
        await until(lambda: len(wire.taken) == 2)

    assert [text[0] for text in wire.taken] == ["a", "c"]
    assert points_told(exporter) == {"exported": 2.0, "full": 1.0}


def points_told(exporter: PushExporter[Window]) -> dict[str, float]:
    """What became of points, as the metrics tell it: each counts once."""
    told = {sample.metric: sample for sample in exporter.samples() if "points" in sample.metric}
    dropped = {
        str(sample.labels[1]): float(sample.value)
        for sample in exporter.samples()
        if sample.metric == "dialtone_exporter_points_dropped_total"
    }
    return {"exported": float(told["dialtone_exporter_points_total"].value)} | dropped


async def test_parts_that_cannot_be_written_leave_the_large_one_for_later(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "spool")

    def too_large(batch: Batch) -> Reply:
        if len(wire.sent) == 1:
            disk.break_down()
        return Reply(413 if batch.points > 1 else 202)

    wire = Wire(too_large)
    exporter = made(disk.directory, wire)
    async with running(exporter):
        exporter.take(window("a", "b"))
        await until(lambda: "parts" in exporter.status().reason)
        disk.mend()
        exporter.take(window("c"))
        await until(lambda: len(wire.taken) == 3)

    assert wire.sent == ["a,b", "a,b", "a", "b", "c"]
    assert exporter.status().dropped == {}


async def test_what_was_not_sent_goes_out_after_a_restart(tmp_path: Path) -> None:
    broken = Wire(Reply(503))
    first = made(tmp_path, broken)
    first.take(window("a"))
    await first.finish(within=1)
    assert broken.taken == []

    wire = Wire()
    await made(tmp_path, wire).finish(within=1)

    assert wire.taken == ["a"]


async def test_finishing_does_not_wait_for_an_intake_that_hangs(tmp_path: Path) -> None:
    class Hanging(Wire):
        async def send(self, _address: Address, _batch: Batch) -> Reply:
            await anyio.sleep_forever()
            raise AssertionError

    exporter = made(tmp_path, Hanging())
    exporter.take(window("a"))
    with anyio.fail_after(5):
        await exporter.finish(within=0.05)

    assert exporter.status().batches == 1


@pytest.mark.parametrize("status", [202, 403, 413, 429, 503])
async def test_every_sample_has_a_row_in_the_catalogue(tmp_path: Path, status: int) -> None:
    exporter = made(tmp_path, Wire(Reply(status)))
    exporter.take(window("a"))
    await exporter.finish(within=1)

    for sample in exporter.samples():
        assert len(CATALOGUE[sample.metric].labels) == len(sample.labels)


async def test_a_refused_key_is_read_anew_from_its_file(tmp_path: Path) -> None:
    keys = iter(["new", "new"])
    secret = Secret("old", read=lambda: next(keys))
    wire = Wire(Reply(403), Reply(202))
    clock = FakeClock()
    intake = LetterIntake(secret)
    spool = Spool(tmp_path, limit=100_000, keep=intake.keep, clock=clock)
    exporter = PushExporter(intake, spool=spool, send=wire.send, clock=clock, random=random.Random(1))
    async with running(exporter):
        exporter.take(window("a"))
        await until(lambda: wire.taken == ["a"])

    assert secret.reveal() == "new"
    assert exporter.status().dropped == {}


async def test_a_key_whose_file_is_the_same_stays_refused(tmp_path: Path) -> None:
    secret = Secret("old", read=lambda: "old")
    intake = LetterIntake(secret)
    clock = FakeClock()
    spool = Spool(tmp_path, limit=100_000, keep=intake.keep, clock=clock)
    exporter = PushExporter(
        intake, spool=spool, send=Wire(Reply(403)).send, clock=clock, random=random.Random(1)
    )
    exporter.take(window("a"))
    await exporter.finish(within=1)

    assert exporter.status().dropped == {"refused": 1}


async def test_no_key_is_in_the_spool(tmp_path: Path) -> None:
    exporter = made(tmp_path, Wire(Reply(503)))
    exporter.take(window("a"))
    await exporter.finish(within=1)

    assert all(b"secret" not in body for body in contents(tmp_path))


def contents(directory: Path) -> list[bytes]:
    bodies = [path.read_bytes() for path in directory.iterdir()]
    assert bodies
    return bodies
