"""What types alone cannot say of an authentication kind: the texts it reads, and where tokens are bought."""

from collections.abc import Iterable, Iterator

import httpx
import msgspec

from integrations.manifest import pointers
from integrations.manifest.authentication import Auth, Expiry, OAuth2Auth
from integrations.manifest.hosts import ForeignHostError, Origins

Place = tuple[str | int, ...]
Rule = tuple[Place, str, str]
"""Where something is wrong, what was found, and what was expected."""

_NO_TEXTS = frozenset(
    {"title", "secrets", "scopes", "expiry", "kind", "grant", "client_auth", "algorithm", "scheme"}
)
_POINTERS = frozenset({"token_pointer", "host_pointer"})
_OF_A_SIGNER = frozenset({"private_key", "key_id", "issuer", "subject", "audience", "claims"})


def authentication_texts(auth: Auth) -> Iterator[tuple[Place, str]]:
    """Every text of a kind that may hold names, with its place, but for those that its settings leave
    unread.
    """
    unread = _NO_TEXTS | _POINTERS | (_unread(auth) if isinstance(auth, OAuth2Auth) else frozenset())
    for key, value in msgspec.to_builtins(auth).items():
        if key not in unread:
            yield from _texts((key,), value)


def authentication_problems(auth: Auth, *, hosts: Iterable[str], actions: Iterable[str]) -> Iterator[Rule]:
    """What does not hold together within one kind."""
    for index, place in enumerate(auth.expiry):
        yield from _expiry(("expiry", index), place, auth, actions=set(actions))
    if isinstance(auth, OAuth2Auth):
        yield from _oauth2(auth, hosts)


def is_foreign_token_url(token_url: str, hosts: Iterable[str]) -> bool:
    """Whether tokens would be bought elsewhere than at one of the hosts, or where the operator says."""
    if token_url.startswith("{config."):
        return False
    try:
        allowed = Origins(host for host in hosts if "{" not in host)
        allowed.check(httpx.URL(token_url.partition("{")[0]))
    except (ForeignHostError, httpx.InvalidURL):
        return True
    return False


def _texts(path: Place, value: object) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts((*path, key), inner)


def _unread(auth: OAuth2Auth) -> frozenset[str]:
    """The keys that this grant and this proof of the client do not use."""
    unread: frozenset[str] = frozenset()
    if auth.client_auth in ("private_key_jwt", "none"):
        unread |= {"client_secret"}
    if auth.grant != "refresh_token":
        unread |= {"refresh_token"}
    if auth.grant != "jwt_bearer" and auth.client_auth != "private_key_jwt":
        unread |= _OF_A_SIGNER
    return unread


def _expiry(path: Place, place: Expiry, auth: Auth, *, actions: set[str]) -> Iterator[Rule]:
    if bool(place.header) == bool(place.pointer):
        yield path, "", "exactly one of header, pointer is to be set"
    yield from _pointer((*path, "pointer"), place.pointer)
    if place.pointer and place.action not in actions:
        yield (*path, "action"), repr(place.action), "an action of this manifest"
    if place.secret and place.secret not in auth.secrets:
        yield (*path, "secret"), repr(place.secret), f"one of {', '.join(sorted(auth.secrets)) or 'none'}"


def _oauth2(auth: OAuth2Auth, hosts: Iterable[str]) -> Iterator[Rule]:
    yield from _pointer(("token_pointer",), auth.token_pointer)
    yield from _pointer(("host_pointer",), auth.host_pointer)
    if is_foreign_token_url(auth.token_url, hosts):
        expected = "an address that begins with {config.x}, or whose host is one of `hosts`"
        yield ("token_url",), repr(auth.token_url), expected
    if not 10 <= auth.assertion_life <= 3540:
        yield ("assertion_life",), f"{auth.assertion_life:g}", "10 to 3540 seconds"
    if min(auth.life, auth.early) < 0:
        yield ("early" if auth.early < 0 else "life",), "a time below 0", "seconds"


def _pointer(path: Place, pointer: str) -> Iterator[Rule]:
    try:
        pointers.parse(pointer)
    except ValueError as error:
        yield path, "", str(error)
