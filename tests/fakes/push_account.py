"""An account at a vendor that metrics or events are pushed to, as the tests of such exporters need one."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx

from exporters.events import Events
from exporters.push.exporter import CutT, Intake, PushExporter
from exporters.push.sending import SEND_TIMEOUT, BatchSender
from exporters.push.spool import Spool
from exporters.push.window import Window
from integrations.connection import NetworkPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench, ScriptedVendor


class PushAccount:
    """An exporter of metrics or events, through a real executor, to a strict intake. After each failure
    `patience` seconds pass.
    """

    def __init__(
        self,
        directory: Path,
        intake: Intake[CutT],
        *,
        answer: Callable[[httpx.Request], httpx.Response],
        clock: FakeClock,
        patience: float,
        within: float = SEND_TIMEOUT,
    ) -> None:
        self.clock = clock
        bench = Bench(clock, ScriptedVendor(answer))
        sender = BatchSender(
            intake.name, calls=bench.executor, clock=clock, network=NetworkPolicy(), within=within
        )
        self.exporter = PushExporter(
            intake,
            spool=Spool(directory, limit=1 << 26, keep=intake.keep, clock=clock),
            send=sender.send,
            clock=clock,
            random=random.Random(1),
        )
        self._patience = patience

    async def send(self, *cuts: Window | Events) -> None:
        """Send cuts until nothing waits."""
        for cut in cuts:
            self.exporter.take(cut)  # type: ignore[arg-type]  # As its intake.
            await self.exporter.finish(within=1.0)
        for _ in range(40):
            if not self.exporter.status().batches:
                return
            self.clock.advance(self._patience)
            await self.exporter.finish(within=1.0)
