"""Rounds of checks: those of one integration that are due, two at a time."""

from collections.abc import Iterator, Mapping

import anyio

from integrations.clock import Clock
from integrations.deadlines import Cancellable
from monitors.checks import CheckRunner
from monitors.subject import Subject
from monitors.timetable import Round
from monitors.turns import Turn

CHECKS_AT_ONCE = 2
"""Checks of one integration that run together: the executor keeps as many slots for them."""


class Rounds:
    """Carries out rounds for the scheduler; `subjects` are all that is watched, by id."""

    def __init__(self, subjects: Mapping[str, Subject], *, runner: CheckRunner, clock: Clock) -> None:
        self._subjects = subjects
        self._runner = runner
        self._clock = clock

    async def run(self, begun: Round, task: Cancellable) -> bool:
        """Run the checks of one integration that are due; return whether a result needs confirmation. `task`
        is what this runs in, and is at its end when a check hangs.
        """
        subject = self._subjects.get(begun.key)
        if subject is None:
            return False
        subject.begin_round(now=self._clock.monotonic())
        due = subject.due(self._clock)
        begun.skipped, subject.skipped = begun.skipped + subject.skipped, 0
        if len(due) == 1:
            await self._check(subject, due[0], begun=begun, task=task)
        else:
            turns = iter(due)
            async with anyio.create_task_group() as group:
                for _ in range(min(CHECKS_AT_ONCE, len(due))):
                    group.start_soon(self._run_lane, subject, turns, begun)
        subject.skipped = begun.skipped
        return subject.watched.is_unconfirmed

    async def _run_lane(self, subject: Subject, turns: Iterator[Turn], begun: Round) -> None:
        """Run checks until none is left; one that hangs is given up alone."""
        for turn in turns:
            with anyio.CancelScope() as scope:
                await self._check(subject, turn, begun=begun, task=scope)

    async def _check(self, subject: Subject, turn: Turn, *, begun: Round, task: Cancellable) -> None:
        """Run one check. The skipped slots are told by the first result of a round only."""
        skipped, begun.skipped = begun.skipped, 0
        cold = turn.begin(now=self._clock.monotonic())
        looked = subject.begin_look(turn.check)
        seen = await self._runner.run(
            turn.check,
            vendor=subject.connection.vendor,
            limit=subject.connection.check.timeout,
            task=task,
            lag=begun.lag,
            skipped=skipped,
            cold=cold or looked is not None,
            examination=looked.examination if looked else None,
        )
        # One that is no longer watched may have been stopped too late to be cancelled, or while it hung.
        if seen and self._subjects.get(begun.key) is subject:
            subject.take(turn, seen, now=self._clock.monotonic())
        subject.end_look(looked)
