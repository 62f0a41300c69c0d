"""Finds what is secret in headers, addresses and bodies, so that no import writes it in clear."""

import base64
import binascii
import re
from urllib.parse import unquote

_NAME = re.compile(
    r"passw|passphrase|secret|token|auth(?!or\b)|cookie|credential|signature|session|jwt|api[-_]?key"
    r"|(?:^|[-_.])(?:key|sig|pwd|pass|pin|otp)(?:$|[-_.])",
    re.IGNORECASE,
)
_IN_BODY = re.compile(
    r"(?:[A-Za-z0-9_.-]*(?:passw|passphrase|secret|token|api[-_]?key|credential|pwd|auth|signature)"
    r"[A-Za-z0-9_.-]*)(?:\\?[\"'])?(?:\s*[:=>]\s*|\s+)(?:\\?[\"'])?(?P<value>[^\s\"'\\&,}<]+)",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"[A-Za-z0-9_:%=+.~-]{20,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HARMLESS = frozenset(("true", "false", "null", "none"))


def is_secret_name(name: str) -> bool:
    """Whether a header, query parameter or field of this name probably holds a secret."""
    return _NAME.search(name) is not None


def has_secret(body: str) -> bool:
    """Whether a body probably holds a secret that is not already a reference."""
    values = [match["value"] for match in _IN_BODY.finditer(body)]
    return any(not value.startswith("${") and value.lower() not in _HARMLESS for value in values)


def is_secret_segment(segment: str) -> bool:
    """Whether a part of a path looks like a key that was drawn at random, as in the URL of a webhook."""
    if _UUID.fullmatch(segment):
        return True
    if not _SEGMENT.fullmatch(segment):
        return False
    longest = max(map(len, re.split(r"[-_.%+~]", segment)))
    digits = sum(map(str.isdigit, segment))
    return longest >= 16 and digits >= 3 and digits < len(segment)


def basic_pair(encoded: str) -> tuple[str, str] | None:
    """User and password of Basic credentials (RFC 7617), or None."""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def user_of(authority: str) -> tuple[str, str, str]:
    """User, password and the rest of a URL's authority."""
    userinfo, _, host = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    return unquote(user), unquote(password), host
