"""What to do about an intake's answer to a trial, in words for whoever set it up and is tired by now."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from exporters.push.exporter import Reply
from exporters.push.judging import is_page
from integrations.execution.outcome import FailureKind

PROXY_FAILED = "the proxy did not connect"
"""How failures of a proxy begin."""
CUT = "the connection was cut"
"""How failures of a connection that was there begin."""
_REQUEST_ID = re.compile(rb'"(?:requestId|uuid)"\s*:\s*"([0-9A-Za-z-]{1,64})"')


class _Words(NamedTuple):
    """How the keys of one exporter's section are called, and what they must be."""

    address: str
    path: str
    key: str
    seen: str = ""
    port: str = ""


_WORDS: Mapping[str, _Words] = {
    "otlp": _Words(
        address="exporters.otlp.endpoint",
        path="exporters.otlp.endpoint must be the base, such as http://collector:4318, to which "
        "/v1/metrics, /v1/traces and /v1/logs are added (exporters.otlp.traces.endpoint and its like are "
        "whole addresses); a Collector needs its otlp receiver with protocol http",
        key="exporters.otlp.headers must hold the header that it asks for, with its name as its manual "
        "gives it",
        port=" A Collector takes HTTP at port 4318; 4317 is that of gRPC, which is not spoken here.",
    ),
    "datadog": _Words(
        address="exporters.datadog.site, or url for a proxy",
        path="exporters.datadog.url must be the base of a proxy for Datadog, to which /api/v2/series and "
        "others are added",
        key="exporters.datadog.api_key must be an API key, not an application key, of the same site",
        seen="In some minutes the Metrics Explorer shows dialtone.build_info.",
    ),
    "datadog-events": _Words(
        address="exporters.datadog.site, or url for a proxy",
        path="exporters.datadog.url must be the base of a proxy for Datadog, to which /api/v1/events is "
        "added",
        key="exporters.datadog.api_key must be an API key, not an application key, of the same site",
        seen="In some minutes the Events Explorer shows it.",
    ),
    "newrelic": _Words(
        address="exporters.newrelic.region, or url for a proxy",
        path="exporters.newrelic.url must be the whole address, such as http://proxy:8080/metric/v1",
        key="exporters.newrelic.license_key must be a license key (Ingest - License) of the region that is "
        "set",
        seen="If FROM Metric SELECT latest(dialtone.build_info) stays empty, ask",
    ),
    "newrelic-events": _Words(
        address="exporters.newrelic.region, or events_url for a proxy",
        path="exporters.newrelic.account_id must be the account of the license key; events_url, where it is "
        "set, the whole address with /v1/accounts/NUMBER/events",
        key="exporters.newrelic.license_key must be a license key (Ingest - License) of account_id, and of "
        "the region that is set",
        seen="If FROM DialtoneTrial SELECT * stays empty, ask",
    ),
}


def advice(exporter: str, url: str, reply: Reply, *, has_proxy: bool) -> str:
    """What to do now; empty when there is nothing. Holds no key, and nothing of the answer but an id."""
    words = _WORDS.get(exporter) or _WORDS[exporter.partition("-")[0]]
    if reply.status is None:
        return _unanswered(words, url, reply, has_proxy=has_proxy)
    if 200 <= reply.status < 300:
        return _taken(exporter, words, reply)
    if 300 <= reply.status < 400:
        return (
            "It redirects, which is not followed so that the key goes nowhere else. "
            f"Set the address it leads to: {words.address}."
        )
    return _refused(words, reply.status)


def _unanswered(words: _Words, url: str, reply: Reply, *, has_proxy: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return (
            "Does a Datadog Agent listen there (dogstatsd_port, dogstatsd_socket), and may Dialtone write to "
            "its socket?"
        )
    host = parts.hostname or ""
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    if reply.failure.startswith(CUT):
        return _cut(words, host, port, has_proxy=has_proxy)
    if reply.failure.startswith(PROXY_FAILED):
        return _proxy(host, is_asking=reply.failure.endswith("407"))
    tell = _BY_KIND.get(reply.kind) if reply.kind is not None else None
    way = _way(host, reply.kind, has_proxy=has_proxy)
    return " ".join(filter(None, (tell(words, host, port) if tell is not None else "", way)))


def _cut(words: _Words, host: str, port: int, *, has_proxy: bool) -> str:
    """It was reached, so that no firewall and no missing way out is to be asked about."""
    between = "network.proxy" if has_proxy else "a proxy or balancer before it"
    return (
        f"{host}, port {port}, or {between}, was reached and hung up without an answer. It may have been "
        "restarting: try again, and see its log. Does it speak HTTP there, and not only TLS "
        f"({words.address})?{words.port}"
    )


def _proxy(host: str, *, is_asking: bool) -> str:
    """The proxy itself is the trouble."""
    if is_asking:
        return "The proxy asks who it is: write user and password into network.proxy."
    return f"It is about network.proxy: does it run there, and does it let {host} through?"


def _way(host: str, kind: FailureKind | None, *, has_proxy: bool) -> str:
    """What a proxy may have to do with it: without one, a failure of TLS speaks for a way out."""
    if has_proxy:
        return f"Requests go over network.proxy: does it run, and does it let {host} through?"
    if kind in {FailureKind.TLS, FailureKind.MALFORMED}:
        return ""
    return "Where a proxy is the only way out, name it in network.proxy: HTTPS_PROXY is not read."


def _dns(words: _Words, host: str, _: int) -> str:
    return (
        f"This machine does not know the name {host}. Is it written right ({words.address})? "
        f"`getent hosts {host}` shows whether it resolves."
    )


def _connection(words: _Words, host: str, port: int) -> str:
    return (
        f"No connection to {host}, port {port}. Does it run there, is the address right ({words.address}), "
        "and does a firewall let this machine out?"
    )


def _tls(_: _Words, host: str, port: int) -> str:
    return (
        f"{host} and this machine do not agree on TLS. Where the intake has a certificate of your own "
        "authority, or a proxy opens TLS on the way, name that authority's file in network.ca_file; where "
        f"port {port} speaks no TLS, write http://."
    )


def _timeout(_: _Words, host: str, port: int) -> str:
    return f"{host}, port {port}, takes too long. Firewalls that drop packets look like this too."


def _malformed(words: _Words, host: str, port: int) -> str:
    told = f"What answers at {host}, port {port}, is not HTTP."
    return f"{told} Is the address right ({words.address})?{words.port}"


_BY_KIND: Mapping[FailureKind, Callable[[_Words, str, int], str]] = {
    FailureKind.DNS: _dns,
    FailureKind.CONNECTION: _connection,
    FailureKind.TLS: _tls,
    FailureKind.TIMEOUT: _timeout,
    FailureKind.MALFORMED: _malformed,
}


def _taken(exporter: str, words: _Words, reply: Reply) -> str:
    if is_page(reply):
        return (
            "What answered is a web page and not the intake: a proxy or a login page stands in between, or "
            f"the address leads elsewhere ({words.address})."
        )
    if not exporter.startswith("newrelic"):
        return words.seen
    found = _REQUEST_ID.search(reply.body)
    which = f" WHERE requestId = '{found[1].decode()}'" if found else ""
    return (
        "New Relic looks at the data only after this answer. "
        f"{words.seen} FROM NrIntegrationError SELECT message{which} SINCE 10 minutes ago."
    )


def _refused(words: _Words, status: int) -> str:
    known = {
        400: f"It could not read the data. Is the address that of such an intake ({words.address})? If so, "
        "it is a fault of Dialtone: please report it with this answer.",
        401: f"{words.key}.",
        403: f"{words.key}. A proxy or firewall may say this too: see whose answer it is.",
        404: f"There is nothing at this path: {words.path}.",
        405: f"This path takes no data: {words.path}.",
        407: "The proxy asks who it is: write user and password into network.proxy.",
        413: "Even one value is too large for it, or for a proxy on the way: see what that allows.",
        415: f"It takes another format. Is the address that of such an intake ({words.address})?",
        429: "Its limit is reached: nothing is wrong here, and data waits.",
    }
    if status >= 500:
        return "It, or a proxy on the way, has trouble of its own: nothing is wrong here, and data waits."
    return known.get(status, f"Is the address that of such an intake ({words.address})?")
