"""Amazon SNS' signature: RSA over certain fields of the body, with a certificate that the body names.

SignatureVersion 1 is SHA-1, 2 is SHA-256 (Amazon SNS Developer Guide, "Verifying the signatures of Amazon
SNS messages"). The certificate's URL comes from the message, so it is fetched only from the hosts that the
manifest allows, and only from where Amazon keeps them: `sns.s3.amazonaws.com` is somebody's bucket, and the
API of SNS answers what it is asked. A field that holds a line break could stand for those after it, so only
`Message`, the first, may.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from integrations.webhooks.refusals import BadSignatureError

_CONFIRMS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_TYPES = _CONFIRMS | {"Notification"}
_CERTIFICATE = re.compile(
    r"https://sns\.[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(\.cn)?"
    r"/SimpleNotificationService-[0-9a-f]{1,64}\.pem"
)
_HASHES: Mapping[str, Literal["sha1", "sha256"]] = {"1": "sha1", "2": "sha256"}


class Notification(NamedTuple):
    """A message's fields, and the certificate (PEM) that its SigningCertURL led to."""

    fields: Mapping[str, object]
    certificate: bytes


def certificate_url(value: object) -> str:
    """Where a message says its certificate is.

    Raises:
        BadSignatureError: when it says nothing usable.
    """
    url = value.get("SigningCertURL") if isinstance(value, Mapping) else None
    if not isinstance(url, str) or not _CERTIFICATE.fullmatch(url):
        raise BadSignatureError("the body names no certificate of Amazon SNS")
    return url


def prove_notification(notification: Notification) -> tuple[bytes, float]:
    """Return what is signed and when it was sent (UTC seconds).

    Raises:
        BadSignatureError: when the signature does not fit the certificate's key, or a field is absent.
    """
    from integrations.webhooks.public_keys import fits_certificate

    fields = notification.fields
    message = _canonical(fields)
    digest = _HASHES.get(_text(fields, "SignatureVersion"))
    if digest is None:
        raise BadSignatureError("SignatureVersion is neither 1 nor 2")
    signature = _text(fields, "Signature")
    if not fits_certificate(notification.certificate, digest, signed=message, signature=signature):
        raise BadSignatureError("no signature fits")
    return message, _moment(_text(fields, "Timestamp"))


def _canonical(fields: Mapping[str, object]) -> bytes:
    kind = _text(fields, "Type")
    if kind not in _TYPES:
        raise BadSignatureError("the body's Type is none of Amazon SNS")
    names = _CONFIRMATION if kind in _CONFIRMS else _NOTIFICATION
    if any("\n" in _text(fields, name) for name in names if name != "Message" and name in fields):
        raise BadSignatureError("a field of the body holds a line break")
    lines = (
        f"{name}\n{_text(fields, name)}\n"
        for name in names
        if fields.get(name) is not None or name != "Subject"
    )
    return "".join(lines).encode()


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadSignatureError(f"the body holds no {name}")
    return value


def _moment(text: str) -> float:
    try:
        return msgspec.convert(text, dt.datetime).timestamp()
    except msgspec.ValidationError as error:
        raise BadSignatureError("the timestamp is no time") from error
