"""One receiver's outage delays no other, in a time in which computing takes none: only waiting counts."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from monitors.alerts.formats.drawing import Letter
from monitors.alerts.schedule import Sent
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.outbox import ANSWERED, Box, FakeSender, open_box, queued
from tests.fakes.relay import hanging, scene


@pytest.fixture
def anyio_backend() -> object:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_box(tmp_path) as opened:
        yield opened


async def test_a_black_holed_receiver_delays_no_other(box: Box) -> None:
    """Of 200 receivers 2 hang until their timeout; the others' deliveries take as long as without them."""
    waits: dict[bool, list[float]] = {}
    for is_dark in (False, True):
        waits[is_dark] = []

        async def note(letter: Letter, into: list[float] = waits[is_dark]) -> Sent:
            await anyio.sleep(0.01)
            into.append(anyio.current_time() - float(letter.message.type))
            return ANSWERED

        names = [f"r{number}" for number in range(200)]
        senders = {
            name: FakeSender(hanging(99) if is_dark and number < 2 else note)
            for number, name in enumerate(names)
        }
        async with scene(box, **senders) as running:
            for _ in range(8):
                now = str(anyio.current_time())
                await running.put(*(queued(receiver=name, type=now) for name in names))
                await anyio.sleep(1)
            await anyio.sleep(1)
    fair, dark = (sorted(waits[key])[int(len(waits[key]) * 0.99)] for key in (False, True))
    assert len(waits[True]) == 198 * 8
    assert dark <= fair * 1.1
