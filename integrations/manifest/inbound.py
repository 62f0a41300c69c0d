"""The part of a manifest that says how its inbound webhooks are verified and read."""

from typing import Literal

import msgspec

from integrations.manifest.conditions import Condition


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest."""


class Verification(_Part, frozen=True, kw_only=True):
    """How an inbound webhook is proved genuine, over the raw body.

    `payload` is the signed text, of `{body}`, `{timestamp}`, `{id}`, `{url}`; `prefix` stands before each
    signature, `separator` between several; `tolerance` is in seconds and needs a signed timestamp.
    `secret_encoding` says how the secret's text becomes a key.
    """

    kind: Literal["hmac", "standard_webhooks", "ed25519", "token", "basic", "none"]
    secret: str = ""
    header: str = ""
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    secret_encoding: Literal["utf8", "base64", "hex"] = "utf8"  # noqa: S105 - an encoding, no secret
    payload: str = "{body}"
    prefix: str = ""
    separator: str = ""
    timestamp_header: str = ""
    timestamp_pointer: str = ""
    timestamp_unit: Literal["seconds", "milliseconds"] = "seconds"
    tolerance: float = 300.0


class WebhookField(_Part, frozen=True, kw_only=True):
    """Where an inbound webhook holds a fact: a header, or a pointer into its JSON body."""

    header: str = ""
    pointer: str = ""


class Handshake(_Part, frozen=True, kw_only=True):
    """A request that only proves we own the URL, and the answer it wants: text at `reply`, or a fixed
    `status`.
    """

    when: Condition
    reply: str = ""
    status: int = 200
    verified: bool = True


class Webhooks(_Part, frozen=True, kw_only=True):
    """A vendor's inbound webhooks. `window` is how long an id is remembered against replay, in seconds."""

    verify: Verification
    type: WebhookField
    id: WebhookField
    window: float = 2592000.0
    handshakes: tuple[Handshake, ...] = ()
    max_body: int = 1048576
