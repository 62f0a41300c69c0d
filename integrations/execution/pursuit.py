"""What follows a first attempt that has failed live: a fresh credential, then retries, as far as they are
allowed.
"""

import random
from functools import partial

from integrations.execution.outcome import FailureKind, Origin
from integrations.execution.retry import Failed, Retries
from integrations.execution.run import Run
from integrations.execution.trace import Stage
from integrations.execution.traced import note_retry

_K = FailureKind
_ONE_ATTEMPT = frozenset({Origin.DELIVERY, Origin.EXPORT})


async def pursue(run: Run, *, rng: random.Random) -> None:
    """Go on with a run whose first attempt has failed, and that no local limit bars."""
    call, line = run.call, run.line
    retry = line.policy.retry
    if run.kind is _K.UNAUTHORIZED:
        await run.attempt_with_fresh_credential()
    attempts = call.max_attempts or (1 if call.origin in _ONE_ATTEMPT else retry.attempts)
    if attempts <= 1:
        run.note(Stage.RETRY, "no retry", "this call makes one attempt")
    elif run.may_go_on():
        told = partial(note_retry, run)
        retries = Retries(_Retried(run), retry, line.budget, attempts=attempts, rng=rng, told=told)
        await retries.run(line.sleep)


class _Retried:
    """A run as retries see it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.may_go_on = run.may_go_on
        self.remaining = run.remaining

    @property
    def failed(self) -> Failed:
        return self._run

    async def try_again(self) -> None:
        """When it is refused locally, the live failure before it stands."""
        await self._run.attempt()
        if self._run.kind is _K.UNAUTHORIZED:
            await self._run.attempt_with_fresh_credential()
