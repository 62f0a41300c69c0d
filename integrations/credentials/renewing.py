"""The credential that is a bought token: which one is good, when it is due, and what stands against buying.

It makes no request itself; keeping.py does, one at a time. Monotonic times decide, so that a clock that is
set does not end a token; only what was kept through a restart is measured by the wall clock.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping

import httpx

from integrations.clock import Clock
from integrations.credentials.credential import fingerprint, reread
from integrations.credentials.secret import Secret
from integrations.credentials.store import SavedCredential
from integrations.credentials.token import Token, TokenSource
from integrations.execution.outcome import FailureKind, Outcome

_LARGEST_SHARE = 0.4
_SPREAD = 0.25
_FIRST_PAUSE, _LONGEST_PAUSE, _REFUSED_PAUSE = 1.0, 60.0, 30.0
_FRESH = 30.0
_IN_USE = 600.0
_KEPT_FORMS = 8


class TokenCredential:
    """A token in the Authorization header. `due` is called when it is time for another one.

    `early` is how many seconds before its end a token is due (at most 40 % of its life), up to a quarter more
    by chance, so that many do not ask at once.
    """

    def __init__(
        self,
        source: TokenSource,
        *,
        scheme: str,
        early: float,
        secrets: Mapping[str, Secret],
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        self.source = source
        self.token: Token | None = None
        self.generation = 0
        self.renewed_at: float | None = None
        self.failure: Outcome | None = None
        self.due: Callable[[], None] = _nobody
        self._scheme = scheme
        self._early = early
        self._secrets = secrets
        self._clock = clock
        self._random = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._ends = self._renew = float("inf")
        self._bought = self._used = self._not_before = float("-inf")
        self._failures = 0
        self._forms: deque[str] = deque(maxlen=_KEPT_FORMS)

    @property
    def fingerprint(self) -> str:
        """What stands for the secrets, as they are now."""
        return fingerprint(self._secrets)

    # As a credential.

    def apply(self, request: httpx.Request) -> None:
        """Set the header; without a token the request stays as it is."""
        if self.token is not None:
            request.headers["authorization"] = f"{self._scheme} {self.token.access.reveal()}"

    async def refresh(self) -> bool:
        """Read the secrets' files again; whether one changed."""
        return await reread(self._secrets)

    def hidden(self) -> set[str]:
        """Everything learned that nobody may see: tokens of now and before, and what asked for them."""
        return {*self._forms, *self.source.hidden()}

    # What is good.

    def is_usable(self) -> bool:
        """Whether there is a token for a call to use; one that is due is renewed behind the call's back."""
        now = self._used = self._clock.monotonic()
        if self.token is None or now >= self._ends:
            return False
        if now >= self._renew and now >= self._not_before:
            self.due()
        return True

    def is_due(self) -> bool:
        """Whether to renew now though no call asks: the end is near, and it was used lately."""
        now = self._clock.monotonic()
        is_used = now - self._used < _IN_USE
        return self.token is not None and is_used and now >= max(self._renew, self._not_before)

    def is_fresh(self) -> bool:
        """Whether it was bought just now, so that a refusal is not its age's fault."""
        return self._clock.monotonic() - self._bought < _FRESH

    @property
    def held_for(self) -> float:
        """Seconds until buying may be tried again after a failure; 0 when it may."""
        return max(0.0, self._not_before - self._clock.monotonic())

    # What happened.

    def adopt(self, token: Token) -> None:
        """Use a token that was just bought."""
        now = self._clock.monotonic()
        self._take(token, self._clock.time())
        self.renewed_at = self._clock.time()
        self._bought, self._failures, self._not_before, self.failure = now, 0, float("-inf"), None

    def fail(self, outcome: Outcome) -> None:
        """Note that none could be bought, and let some time pass before the next try."""
        self.failure = outcome
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
        if outcome.kind in (FailureKind.UNAUTHORIZED, FailureKind.CLIENT_ERROR):
            pause = _REFUSED_PAUSE
        pause = max(pause * self._random.uniform(0.5, 1.0), outcome.retry_after or 0.0)
        self._failures = min(self._failures + 1, 10)
        self._not_before = self._clock.monotonic() + min(pause, 3600.0)

    def restore(self, saved: SavedCredential) -> None:
        """Go on with what was kept through a restart; a token whose time is over still has its refresh
        token.
        """
        token = Token(
            access=Secret(saved.access),
            expires_at=saved.expires_at,
            refresh=Secret(saved.refresh) if saved.refresh else None,
            host=saved.host,
            scopes=saved.scopes,
        )
        if saved.access:
            self._take(token, saved.renewed_at if saved.renewed_at is not None else self._clock.time())
            self.renewed_at = saved.renewed_at

    def _take(self, token: Token, since: float) -> None:
        self.token, self.generation = token, self.generation + 1
        self._forms.append(token.access.reveal())
        if token.refresh is not None:
            self._forms.append(token.refresh.reveal())
        if token.expires_at is None:
            self._ends = self._renew = float("inf")
            return
        now, utc = self._clock.monotonic(), self._clock.time()
        life = max(0.0, token.expires_at - since)
        early = min(self._early, _LARGEST_SHARE * life) * self._random.uniform(1.0, 1.0 + _SPREAD)
        self._ends = now + token.expires_at - utc
        self._renew = self._ends - early


def _nobody() -> None:
    """Nobody renews tokens before a keeper has taken them on."""
