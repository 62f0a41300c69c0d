"""Which of New Relic's keys a text is, as far as its first characters tell. Only license keys (Ingest -
License) and the older insert keys may send data.

Sources: https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys, and the Event API's page, by which
user, browser and mobile keys do not work. A license key of the European region begins with `eu`, which New
Relic's agents choose their host by.
"""

from collections.abc import Mapping

_OTHERS: Mapping[str, str] = {
    "NRAK-": "a user key",
    "NRAA-": "an admin key",
    "NRIQ-": "a query key",
    "NRJS-": "a browser key",
}
_EUROPEAN = "eu"
_INSERT = "NRII-"


def foreign(key: str) -> str:
    """What a key that cannot send data is, in words; empty when it may be a license key."""
    for beginning, what in _OTHERS.items():
        if key.startswith(beginning):
            return f"{what} ({beginning}…), which may not send data; use a license key (Ingest - License)"
    return ""


def misplaced(key: str, *, region: str) -> str:
    """What a key says against the region that is set; empty when it says nothing."""
    is_european = key.startswith(_EUROPEAN)
    if is_european and region != "eu":
        return "the key is of the European region: set `region: eu`"
    if region == "eu" and not is_european and not key.startswith(_INSERT):
        return "the key does not begin with eu, as those of the European region do: is `region` right?"
    return ""
