"""What types alone cannot say of a manifest's inbound webhooks."""

from collections.abc import Callable, Iterator

from integrations.manifest import pointers
from integrations.manifest.inbound import (
    Handshake,
    Reply,
    Verification,
    WebhookField,
    WebhookMoment,
    Webhooks,
)
from integrations.manifest.source import Path
from integrations.manifest.templates import Template

Found = tuple[Path, str, str]
"""A place within `webhooks`, what was found there and what was expected."""

UNSIGNED = frozenset({"token", "basic", "bearer", "key"})
"""Kinds in which the request itself carries the secret, so that nothing binds it to the body."""

KEPT_SECONDS = 2_592_000.0
"""The longest window: 30 days, which is how long deliveries are kept where nothing else is configured."""

MAX_TOLERANCE = 86_400.0
"""A signed time that is a day off proves nothing that its signature would not."""

MAX_BODY = 33_554_432
"""No vendor's body may be larger, because each is read whole: 32 MiB."""

_FIELDS = frozenset({"body", "timestamp", "id", "url", "form"})


def inbound_problems(webhooks: Webhooks) -> Iterator[Found]:
    """Everything that does not hold together."""
    yield from _field(("type",), webhooks.type, required=True)
    yield from _field(("id",), webhooks.id)
    if webhooks.sequence is not None:
        yield from _field(("sequence",), webhooks.sequence, required=True)
    if webhooks.sent_at is not None:
        yield from _moment(webhooks.sent_at)
    yield from _places(webhooks)
    yield from _verification(("verify",), webhooks.verify)
    for name, verify in webhooks.schemes.items():
        yield from _verification(("schemes", name), verify)
    for index, handshake in enumerate(webhooks.handshakes):
        yield from _handshake(("handshakes", index), handshake, webhooks)
    yield from _reply(("accepted",), webhooks.accepted)
    for index, one in enumerate(webhooks.accepted_when):
        yield from _reply(("accepted_when", index, "reply"), one.reply)
    yield from _bounds(webhooks)


def templates(webhooks: Webhooks) -> Iterator[tuple[Path, str]]:
    """Each text that may hold config values, and where it stands."""
    for pointer, text in webhooks.pins.items():
        yield ("pins", pointer), text
    for path, verify in (
        (("verify",), webhooks.verify),
        *((("schemes", name), one) for name, one in webhooks.schemes.items()),
    ):
        for key in ("jwks", "issuer", "audience"):
            yield (*path, key), getattr(verify, key)


def _bounds(webhooks: Webhooks) -> Iterator[Found]:
    if not 0 < webhooks.window <= KEPT_SECONDS:
        yield ("window",), f"{webhooks.window:g}", f"at most {KEPT_SECONDS:g}: so long deliveries are kept"
    if not 0 < webhooks.max_body <= MAX_BODY:
        yield ("max_body",), f"{webhooks.max_body}", f"1 to {MAX_BODY} bytes"


def _moment(moment: WebhookMoment) -> Iterator[Found]:
    if bool(moment.header) == bool(moment.pointer):
        yield ("sent_at",), "", "exactly one of header, pointer is to be set"
    yield from _tried(("sent_at", "pointer"), pointers.parse, moment.pointer)


def _places(webhooks: Webhooks) -> Iterator[Found]:
    for pointer in webhooks.pins:
        yield from _tried(("pins", pointer), pointers.parse, pointer)
    for index, pointer in enumerate(webhooks.conceal):
        yield from _tried(("conceal", index), pointers.parse, pointer)
        if not pointer:
            yield ("conceal", index), "the whole body", "a pointer to a place in it"


def _field(path: Path, field: WebhookField, *, required: bool = False) -> Iterator[Found]:
    places = [field.header, field.pointer, field.first, field.joined]
    if sum(map(bool, places)) > 1 or (required and not any(places) and not field.default):
        yield path, "", "exactly one of header, pointer, first, joined is to be set"
    if field.list and not field.pointer:
        yield path, "list", "a pointer beside it, which starts at the list's items"
    for pointer in (field.pointer, field.list, *field.first, *field.joined):
        yield from _tried(path, pointers.parse, pointer)


def _verification(path: Path, verify: Verification) -> Iterator[Found]:
    yield from _tried((*path, "timestamp_pointer"), pointers.parse, verify.timestamp_pointer)
    yield from _secret_and_header(path, verify)
    if not 0 < verify.tolerance <= MAX_TOLERANCE:
        yield (*path, "tolerance"), f"{verify.tolerance:g}", f"more than 0, at most {MAX_TOLERANCE:g} seconds"
    names = Template(verify.payload.replace("{{", "").replace("}}", "")).names
    if unknown := sorted(set(names) - _FIELDS):
        yield (*path, "payload"), unknown[0], f"fields of {', '.join(sorted(_FIELDS))}"
    timed = bool(verify.timestamp_header or verify.timestamp_field)
    if timed and "timestamp" not in names and verify.kind in {"hmac", "ed25519"}:
        yield (*path, "payload"), "a timestamp that is not signed", "{timestamp} in the payload"
    if "timestamp" in names and not timed:
        yield (*path, "payload"), "{timestamp}", "a timestamp_header or timestamp_field beside it"
    if "id" in names and not verify.id_header:
        yield (*path, "payload"), "{id}", "an id_header beside it"


def _secret_and_header(path: Path, verify: Verification) -> Iterator[Found]:
    if verify.kind not in {"key", "jwt", "sns"} and not verify.secret:
        yield (*path, "secret"), "nothing", "the name of the secret"
    if verify.kind in {"hmac", "ed25519", "token"} and not verify.header:
        yield (*path, "header"), "nothing", "the header that holds the proof"
    if verify.kind == "jwt" and not (verify.jwks.startswith(("https://", "{")) and verify.audience):
        yield (*path, "jwks"), "no key set or no audience", "an https URL in jwks, and an audience"
    if verify.kind in {"jwt", "sns"} and not verify.hosts:
        yield (*path, "hosts"), "nothing", "the hosts that keys may be fetched from"


def _handshake(path: Path, handshake: Handshake, webhooks: Webhooks) -> Iterator[Found]:
    yield from _tried((*path, "echo"), pointers.parse, handshake.echo)
    yield from _tried((*path, "fetch"), pointers.parse, handshake.fetch)
    yield from _reply((*path, "reply"), handshake.reply)
    if handshake.method == "POST" and handshake.when is None:
        yield (*path, "when"), "nothing", "a condition that tells this POST from a delivery"
    if not handshake.verified and handshake.method == "POST":
        yield (*path, "verified"), "false", "a POST to be verified like any delivery"
    if handshake.fetch and not (webhooks.verify.hosts and handshake.verified):
        yield (*path, "fetch"), "a URL anybody may send", "a verified handshake, and hosts in verify"


def _reply(path: Path, reply: Reply) -> Iterator[Found]:
    if reply.json is not None and reply.text:
        yield path, "json and text", "one of them"
    if not 200 <= reply.status <= 299:
        yield (*path, "status"), str(reply.status), "a status from 200 to 299"


def _tried(path: Path, reader: Callable[[str], object], text: str) -> Iterator[Found]:
    try:
        reader(text)
    except ValueError as error:
        yield path, "", str(error)
