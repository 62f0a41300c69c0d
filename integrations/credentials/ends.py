"""When what cannot renew itself ends: static tokens, keys and client certificates, by the names of their
secrets.
"""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.credentials.identity import ClientIdentity
from integrations.credentials.secret import Secret
from integrations.credentials.store import Told
from integrations.credentials.times import jwt_end, read_time
from integrations.execution.transport import Reply
from integrations.manifest import pointers
from integrations.manifest.authentication import Auth, Expiry
from integrations.manifest.evaluate import UNREADABLE

DAYS = (30, 14, 7, 3, 1)
"""How many days before an end it is told; each once."""

DAY = 86_400.0
CERTIFICATE = "certificate"
_NOTHING_KNOWN: Mapping[str, float] = MappingProxyType({})
_NOTHING_TOLD: Mapping[str, Told] = MappingProxyType({})


class CredentialEnds:
    """The ends known, as UTC seconds; from the secrets themselves, and from the vendor's answers."""

    __slots__ = ("_auth", "_secrets", "known", "told")

    def __init__(self, auth: Auth, secrets: Mapping[str, Secret]) -> None:
        self._auth = auth
        self._secrets = secrets
        # Both are replaced as a whole, so that the many of which nothing is known share what is empty.
        self.known: Mapping[str, float] = _NOTHING_KNOWN
        self.told: Mapping[str, Told] = _NOTHING_TOLD

    def read_secrets(self, identity: ClientIdentity | None = None) -> None:
        """Find the ends that the secrets tell themselves; what an answer told of others is forgotten."""
        known = {
            name: end
            for name, secret in self._secrets.items()
            if (end := jwt_end(secret.reveal())) is not None
        }
        if identity is not None:
            known[CERTIFICATE] = identity.ends_at
        self.known = known or _NOTHING_KNOWN

    def read_answer(self, reply: Reply, action: str) -> None:
        """Take what a good answer says of an end."""
        for place in self._auth.expiry:
            if place.header:
                self._take(place, reply.headers.get(place.header.lower(), ""))
            elif place.pointer and place.action == action:
                self._take(place, _text_at(reply, place.pointer))

    def news(self, now: float) -> list[tuple[str, float, int]]:
        """What is to be told now, each once: name, end, and for how many days (0: that it is over)."""
        found = []
        for name, end in self.known.items():
            days = next((days for days in reversed((*DAYS, 0)) if end - now <= days * DAY), None)
            before = self.told.get(name)
            is_old = before is not None and before.ends_at == end and days is not None and before.days <= days
            if days is not None and not is_old:
                self.told = {**self.told, name: Told(end, days)}
                found.append((name, end, days))
        return found

    def _take(self, place: Expiry, text: str) -> None:
        end = read_time(text, place.unit) if text else None
        if end is not None:
            name = place.secret or next(iter(self._auth.secrets), "credential")
            self.known = {**self.known, name: end}


def _text_at(reply: Reply, pointer: str) -> str:
    try:
        value = pointers.get(reply.json(), pointer)
    except UNREADABLE:
        return ""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
