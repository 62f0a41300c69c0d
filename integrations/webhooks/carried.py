"""Schemes in which the request carries the secret itself: a header, Bearer, HTTP Basic, or our key in the
URL.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence

from integrations.manifest.inbound import Verification
from integrations.webhooks.refusals import BadSignatureError


def prove_carried(
    scheme: Verification, headers: Mapping[str, str], *, key: str, secrets: Sequence[str]
) -> None:
    """Return when what the request carries is one of the secrets; `key` is the URL's.

    Raises:
        BadSignatureError: when it is not, or absent.
    """
    given = _given(scheme, headers, key)
    wanted = [_wanted(scheme, secret) for secret in secrets]
    # Each is compared, so that the time does not tell which one it was.
    if sum([equal(given, one) for one in wanted]) == 0:
        raise BadSignatureError("the secret in the request is wrong or absent")


def equal(given: str, wanted: str) -> bool:
    """Whether two texts are the same, in a time that does not depend on where they differ."""
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def _given(scheme: Verification, headers: Mapping[str, str], key: str) -> str:
    match scheme.kind:
        case "key":
            return key
        case "basic" | "bearer":
            word, _, credentials = headers.get("authorization", "").partition(" ")
            return credentials.strip() if word.lower() == scheme.kind else ""
        case _:
            text = headers.get(scheme.header.lower(), "")
            return text.removeprefix(scheme.prefix) if text.startswith(scheme.prefix) else ""


def _wanted(scheme: Verification, secret: str) -> str:
    return base64.b64encode(secret.encode()).decode() if scheme.kind == "basic" else secret
