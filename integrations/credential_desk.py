"""What a person asks of credentials: how they stand, and to renew one now."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from integrations.credentials.ends import DAY, DAYS
from integrations.credentials.state import CredentialState, State
from integrations.execution.call import LineSpec
from integrations.execution.outcome import Outcome
from integrations.integration import Integration

TOKEN = "access_token"  # noqa: S105 - what it is called, no secret


class Lines(Protocol):
    """Who holds the connections."""

    def open_line(self, spec: LineSpec) -> None:
        """Take up what changed; raises OSError or ValueError where it cannot work."""
        ...


class Renewing(Protocol):
    """Who renews."""

    async def renew(self, integration: Integration) -> Outcome:
        """Renew now; return what became of it."""
        ...


class Registered(Protocol):
    """Who knows the integrations; `integration` raises LookupError, naming the nearest id."""

    def integrations(self) -> Sequence[Integration]:
        """All of them."""
        ...

    def integration(self, integration_id: str, /) -> Integration:
        """One of them."""
        ...


class CredentialDesk:
    """Tells how credentials stand at UTC second `now`, and has one renewed."""

    def __init__(self, registered: Registered, *, renewing: Renewing, lines: Lines) -> None:
        self._registered = registered
        self._renewing = renewing
        self._lines = lines

    def states(self, now: float) -> Iterable[CredentialState]:
        """Return all credentials, in the order of the integrations."""
        for integration in self._registered.integrations():
            yield from states_of(integration, now)

    def states_of(self, integration_id: str, now: float) -> Iterable[CredentialState]:
        """Return those of one integration.

        Raises:
            LookupError: when there is none of this id.
        """
        return states_of(self._registered.integration(integration_id), now)

    async def renew(self, integration_id: str) -> Outcome:
        """Buy a new token, or read the secrets' files again; a certificate is shown from the next connection
        on.

        Raises:
            LookupError: when there is none of this id.
        """
        integration = self._registered.integration(integration_id)
        outcome = await self._renewing.renew(integration)
        self._lines.open_line(integration.line)
        return outcome


def states_of(integration: Integration, now: float) -> Iterator[CredentialState]:
    """How one integration's credentials stand; what renews itself comes first."""
    access = integration.access
    missing = {
        name: lacking
        for name, action in integration.manifest.actions.items()
        if (lacking := integration.missing_scopes(action))
    }
    tokens = access.tokens
    if tokens is not None:
        token, failure = tokens.token, tokens.failure
        yield CredentialState(
            integration=integration.id,
            vendor=integration.vendor,
            auth=access.kind,
            kind=_kind(integration),
            credential=TOKEN,
            state=_token_state(integration),
            renews=True,
            expires_at=token.expires_at if token is not None else None,
            refreshed_at=tokens.renewed_at,
            detail=failure.detail if failure is not None else "",
            granted=access.granted,
            missing=missing,
        )
    for name in dict.fromkeys((*access.secrets, *access.known_ends)):
        end = access.known_ends.get(name)
        is_rejected = tokens is None and access.is_rejected
        yield CredentialState(
            integration=integration.id,
            vendor=integration.vendor,
            auth=access.kind,
            kind=_kind(integration),
            credential=name,
            state="rejected" if is_rejected else _end_state(end, now),
            expires_at=end,
            granted=access.granted if tokens is None else None,
            missing=missing if tokens is None else {},
        )


def _kind(integration: Integration) -> str:
    return str(integration.auth.__struct_config__.tag)


def _token_state(integration: Integration) -> State:
    access = integration.access
    if access.is_rejected:
        return "rejected"
    if access.tokens is None or access.tokens.failure is not None:
        return "refresh_failed"
    return "ok" if access.tokens.token is not None else "unused"


def _end_state(end: float | None, now: float) -> State:
    if end is None or end - now > DAYS[0] * DAY:
        return "ok"
    return "expiring" if end > now else "expired"
