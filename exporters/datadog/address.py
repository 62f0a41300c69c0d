"""Where Datadog's intakes are, with which key, and what their answers mean."""

import re
from collections.abc import Mapping

import msgspec

from exporters.push.exporter import Action, Address, Reply, Verdict
from exporters.push.judging import judge
from exporters.settings import DatadogSettings
from integrations.credentials.secret import Secret

ROUTES: Mapping[str, str] = {
    "series": "/api/v2/series",
    "distributions": "/api/v1/distribution_points",
    "sketches": "/api/beta/sketches",
    "checks": "/api/v1/check_run",
    "events": "/api/v1/events",
    "validate": "/api/v1/validate",
}
_WORTHLESS = frozenset({400, 404, 405, 415, 422})
_API_KEY = re.compile(r"[0-9a-f]{32}")
_APPLICATION_KEY = re.compile(r"[0-9a-f]{40}")


class _Answer(msgspec.Struct):
    """The answer to data, as far as it matters: Datadog may take a body and still find errors in it."""

    errors: list[str] = []


class DatadogAddress:
    """One account's addresses."""

    def __init__(self, settings: DatadogSettings) -> None:
        self._key = settings.api_key
        self._site = "" if settings.url else settings.site
        self._base = settings.url.rstrip("/") or f"https://api.{settings.site}"

    def of(self, route: str) -> Address:
        """Where a route leads, with the key."""
        method = "GET" if route == "validate" else "POST"
        return Address(self._base + ROUTES[route], {"dd-api-key": self._key.reveal()}, method)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means. Errors in what was taken cost an unknown number of points: one is counted."""
        hint = key_hint(self._key, site=self._site)
        verdict = judge(reply, vendor="Datadog", worthless=_WORTHLESS, key_hint=hint)
        if verdict.action is Action.TAKEN and (errors := _errors(reply.body)):
            return Verdict(Action.TAKEN, f"Datadog took it and tells of errors: {errors}", lost=1)
        return verdict


def _errors(body: bytes) -> int:
    """How many errors Datadog found in what it took; its words stay where they are."""
    try:
        return len(msgspec.json.decode(body, type=_Answer).errors)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def key_hint(key: Secret, *, site: str) -> str:
    """What an operator should look at when Datadog refuses a key. It tells only the key's kind. `site` is
    empty where a proxy's address stands in its place.
    """
    value = key.reveal()
    if _APPLICATION_KEY.fullmatch(value):
        return "it looks like an application key (40 hexadecimal digits), and an API key is needed"
    if not _API_KEY.fullmatch(value):
        return "API keys usually are 32 hexadecimal digits, and this is something else"
    if not site:
        return "it was revoked, or it belongs to another site than the one that `url` leads to"
    return (
        f"it was revoked, or it belongs to another site than {site}; the address of your Datadog pages"
        " tells which `site` is right"
    )
