"""What is kept of a webhook, as it is shown, and how one asks for it."""

from collections.abc import Mapping

import msgspec


class StoredWebhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one inbound webhook. `state` is `none` for what was not taken, `kept` where nobody
    handles it, `waiting`, `handled`, or `dead`; `due` is when it is handled (again), in UTC seconds; `error`
    names what its handler raised last. `lag` is how many seconds after the vendor's own time it came.
    """

    id: int
    at: float
    integration: str
    verdict: str
    event_type: str = ""
    webhook_id: str = ""
    detail: str = ""
    lag: float | None = None
    state: str
    attempts: int = 0
    due: float | None = None
    error: str = ""
    body_bytes: int = 0
    headers: Mapping[str, str] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which webhooks: those that fit all that is set; `since` is UTC seconds, `before`, `after` are ids."""

    integration: str = ""
    verdict: str = ""
    event_type: str = ""
    state: str = ""
    since: float | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 100
