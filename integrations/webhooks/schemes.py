"""The ways to verify an integration's webhooks that an operator may choose from."""

from typing import Literal

import msgspec

from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.inbound import Verification, Webhooks
from integrations.manifest.inbound_rules import UNSIGNED
from integrations.manifest.templates import Lookup, Template

SECRET = "webhook_secret"  # noqa: S105 - the name of a secret, no secret
"""What the secret is called for vendors that sign nothing."""

_OFFERED: tuple[Literal["token", "bearer", "basic", "key"], ...] = ("token", "bearer", "basic", "key")


def schemes(webhooks: Webhooks) -> dict[str, Verification]:
    """All ways to verify that an operator may choose from; the first is the vendor's own.

    Where the vendor signs nothing, these are every way in which a request can carry a secret.
    """
    named = {webhooks.verify.kind: webhooks.verify, **webhooks.schemes}
    if webhooks.verify.kind in UNSIGNED:
        for kind in _OFFERED:
            secret = "" if kind == "key" else webhooks.verify.secret or SECRET
            named.setdefault(kind, Verification(kind=kind, secret=secret))
    return named


def secret_names(webhooks: Webhooks) -> list[str]:
    """The secrets that a connection may hold for its webhooks, the previous ones too."""
    names = dict.fromkeys(scheme.secret for scheme in schemes(webhooks).values() if scheme.secret)
    return [each for name in names for each in (name, f"{name}_previous")]


def chosen_scheme(connection: Connection, webhooks: Webhooks, values: Lookup) -> tuple[str, Verification]:
    """The name of the scheme that the operator chose, and the scheme with the operator's values.

    Raises:
        ConfigurationError: when there is none of that name, or it lacks a header.
    """
    policy, offered = connection.webhooks, schemes(webhooks)
    name = policy.scheme or next(iter(offered))
    if name not in offered:
        raise ConfigurationError(
            connection.id, key="webhooks.scheme", found=repr(name), expected=f"one of {', '.join(offered)}",
            valid=offered, word=name,
        )  # fmt: skip
    scheme = offered[name]
    if scheme.kind == "token" and not (policy.header or scheme.header):
        expected = "the name of the header that holds the token"
        raise ConfigurationError(connection.id, key="webhooks.header", found="nothing", expected=expected)
    return name, msgspec.structs.replace(
        scheme,
        header=policy.header or scheme.header,
        timestamp_header=policy.timestamp_header or scheme.timestamp_header,
        jwks=Template(scheme.jwks).fill(values),
        issuer=Template(scheme.issuer).fill(values),
        audience=Template(scheme.audience).fill(values),
    )
