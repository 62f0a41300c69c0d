"""What may be wrong with a Datadog key, told by its shape."""

import re

from integrations.credentials.secret import Secret

_API_KEY = re.compile(r"[0-9a-f]{32}")
_APPLICATION_KEY = re.compile(r"[0-9a-f]{40}")


def key_hint(key: Secret, *, site: str) -> str:
    """What an operator should look at when Datadog refuses a key. Says nothing of the key but its kind."""
    value = key.reveal()
    if _APPLICATION_KEY.fullmatch(value):
        return "it looks like an application key (40 digits): an API key is needed"
    if not _API_KEY.fullmatch(value):
        return "an API key usually is 32 hexadecimal digits, and this is something else"
    return (
        f"it was revoked, or belongs to another site than {site}: the address of your Datadog pages"
        " tells which `site` is right"
    )
