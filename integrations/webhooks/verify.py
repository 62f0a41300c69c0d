"""Proves an inbound webhook genuine, over its raw body, by the scheme its manifest names.

Secrets and signatures are compared in constant time, an absent header or an empty secret refuses, and a
timestamp counts only where it is signed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

import msgspec

from integrations.credentials.secret import Secret
from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.inbound import Verification
from integrations.manifest.inbound_rules import UNSIGNED
from integrations.webhooks.carried import prove_carried
from integrations.webhooks.jwt import KeySet, prove_token
from integrations.webhooks.payload import InboundWebhook, WebhookView
from integrations.webhooks.refusals import BadSignatureError, StaleError
from integrations.webhooks.signed import header_of, is_public, prove_signed, signed_text, standard
from integrations.webhooks.sns import Notification, prove_notification

_PUBLIC = frozenset({"jwt", "sns", "ed25519"})
_DIGITS = re.compile(r"[0-9]{1,15}")


class Proof(NamedTuple):
    """What a good delivery was proved by: the text that is signed (None where nothing binds the body), and
    the vendor's time, in UTC seconds, where that is signed.
    """

    signed: bytes | None = None
    sent_at: float | None = None


class Trusted(NamedTuple):
    """What was fetched to hold a proof against: a key set, or a notification with its certificate."""

    keys: KeySet | None = None
    notification: Notification | None = None


def prepare(scheme: Verification, secrets: Iterable[Secret]) -> None:
    """Load what proves by public keys where there are some; the first delivery would wait for it."""
    if scheme.kind in _PUBLIC or (
        scheme.kind == "standard_webhooks" and any(is_public(secret.reveal()) for secret in secrets)
    ):
        import_module("integrations.webhooks.public_keys")


def verify(
    scheme: Verification,
    payload: InboundWebhook,
    secrets: Sequence[Secret],
    *,
    view: WebhookView | None = None,
    trusted: Trusted = Trusted(),  # noqa: B008 - a tuple of nothing
) -> Proof:
    """Return when one of the secrets (current, then previous) proves the delivery.

    Raises:
        BadSignatureError: when none does, or something that is needed is absent.
        StaleError: when the proof is right but too old, or from the future.
    """
    view = view or WebhookView(payload)
    if scheme.kind == "jwt":
        prove_token(scheme, view.headers, keys=trusted.keys, now=payload.received_at)
        return Proof()
    if scheme.kind == "sns":
        return _notified(scheme, payload, trusted)
    keys = [secret.reveal() for secret in secrets if secret.reveal()]
    if not keys:
        raise BadSignatureError("no secret is configured")
    if scheme.kind in UNSIGNED:
        prove_carried(scheme, view.headers, key=payload.key, secrets=keys)
        return Proof()
    return _signed(scheme, payload, view=view, keys=keys)


def _notified(scheme: Verification, payload: InboundWebhook, trusted: Trusted) -> Proof:
    if trusted.notification is None:
        raise BadSignatureError("the body is no notification")
    message, sent_at = prove_notification(trusted.notification)
    _fresh(scheme, sent_at, payload.received_at)
    return Proof(message, sent_at)


def _signed(
    scheme: Verification, payload: InboundWebhook, *, view: WebhookView, keys: Sequence[str]
) -> Proof:
    if scheme.kind == "standard_webhooks":
        scheme = standard(scheme)
    given = header_of(view.headers, scheme.header)
    timestamp = _timestamp(scheme, payload, headers=view.headers, given=given)
    message = signed_text(scheme, view.headers, payload.body, url=payload.url, timestamp=timestamp)
    prove_signed(scheme, message, given=given, keys=keys)
    if not timestamp:
        return Proof(message)
    sent_at = _seconds(scheme, timestamp)
    _fresh(scheme, sent_at, payload.received_at)
    return Proof(message, sent_at)


def _timestamp(
    scheme: Verification, payload: InboundWebhook, *, headers: Mapping[str, str], given: str
) -> str:
    """The signed timestamp: out of the body, or of a header and part of what is signed; empty without."""
    if scheme.timestamp_pointer:
        try:
            value = pointers.get(msgspec.json.decode(payload.body), scheme.timestamp_pointer)
        except UNREADABLE as error:
            raise BadSignatureError("the body is not JSON") from error
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadSignatureError("the body holds no timestamp where it must")
        return str(value)
    if "{timestamp}" not in scheme.payload:
        return ""
    if scheme.timestamp_field:
        return _named(given, scheme)
    return header_of(headers, scheme.timestamp_header)


def _named(given: str, scheme: Verification) -> str:
    """A field of the signature's header, such as Stripe's `t`."""
    start = f"{scheme.timestamp_field}="
    for part in given.split(scheme.separator or ","):
        if part.strip().startswith(start):
            return part.strip().removeprefix(start)
    raise BadSignatureError(f"the signature's header holds no {scheme.timestamp_field}")


def _seconds(scheme: Verification, timestamp: str) -> float:
    if not _DIGITS.fullmatch(timestamp):
        raise BadSignatureError("the timestamp is no number")
    return int(timestamp) / (1000 if scheme.timestamp_unit == "milliseconds" else 1)


def _fresh(scheme: Verification, sent_at: float, now: float) -> None:
    if abs(now - sent_at) > scheme.tolerance:
        raise StaleError(
            f"the timestamp is {abs(now - sent_at):.0f} s off, {scheme.tolerance:g} s are tolerated"
        )
