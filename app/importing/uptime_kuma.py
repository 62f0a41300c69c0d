"""Uptime Kuma's backup (version 1): monitors of the types http, keyword and json-query become integrations.

Keys and meanings are those of its server/model/monitor.js (1.23) and util.js (`evaluateJsonQuery`,
`checkStatusCode`).
"""

import re
from collections.abc import Callable, Mapping

import msgspec

from app.importing import values
from app.importing.draft import Draft, Rule
from app.importing.imported import Imported
from app.importing.reading import read_peer_json, wrong
from app.importing.references import escaped
from app.importing.report import Report
from app.importing.secrets import is_secret_name
from app.importing.statuses import EVERY, status_rule
from integrations.manifest.inputs import escape

_TYPES = ("http", "keyword", "json-query")
_INTERVAL, _TIMEOUT_SHARE = 60.0, 0.8
_ENCODINGS = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "text/xml; charset=utf-8",
}
_JSON_PATH = re.compile(
    r"(?:\$\.?)?(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)?(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)|\[[0-9]+\])*"
)
_JSON_STEP = re.compile(r"`([^`]+)`|\[([0-9]+)\]|([A-Za-z_][A-Za-z0-9_]*)")
_NOTIFICATIONS = "messages are not sent by a check", "Alert on the metric dialtone_health"
_PUSHED = "Let Dialtone check the address itself"
_REDIRECTS = (
    "Uptime Kuma follows redirects, Dialtone does not: where an address answers with 301 or 302, configure "
    "the one it leads to."
)
_LEAVES = {
    "ignoreTls": (
        "certificates are always verified",
        "Put the authority that signed it into network.ca_file",
    ),
    "expiryNotification": (
        "an ending certificate is no message of its own",
        "Add {certificate_days_left: 14} to expect, which makes the check fail 14 days before",
    ),
    "domainExpiryNotification": ("when a domain's registration ends is not looked at", ""),
    "resendInterval": _NOTIFICATIONS,
    "cacheBust": ("no parameter is added to the address", ""),
    "ipFamily": ("the system chooses between IPv4 and IPv6", ""),
    "parent": ("there are no groups", "Use the label team"),
}


def read_uptime_kuma(text: str, *, name: str) -> Imported:
    """Turn a backup of Uptime Kuma into ours; `name` is the file's, for errors.

    Raises:
        SourceError: when it is no JSON, or no backup of Uptime Kuma.
    """
    root = read_peer_json(text, name=name)
    monitors = root.get("monitorList") if isinstance(root, dict) else None
    if not isinstance(root, dict) or not isinstance(monitors, list):
        line = text[: max(text.find('"monitorList"'), 0)].count("\n") + 1
        expected = "a backup of Uptime Kuma with a list `monitorList` (Settings, Backup, Export)"
        raise wrong(name, line, key="monitorList", found="no such list", expected=expected)
    report = Report()
    proxies = {
        values.whole(one.get("id")): one for one in map(values.mapping, values.items(root.get("proxyList")))
    }
    for index, monitor in enumerate(monitors):
        _monitor(report, monitor, index=index, proxies=proxies)
    for one in map(values.mapping, values.items(root.get("notificationList"))):
        entry = f"notification {values.text(one.get('name')) or ''}"
        report.leave(entry, why=_NOTIFICATIONS[0], instead=_NOTIFICATIONS[1])
    return report.imported()


def _monitor(
    report: Report, monitor: object, *, index: int, proxies: Mapping[int | None, Mapping[str, object]]
) -> None:
    entry = values.mapping(monitor)
    name = values.text(entry.get("name")) or f"monitor {index + 1}"
    kind = values.text(entry.get("type")) or ""
    if kind not in _TYPES:
        instead = _PUSHED if kind == "push" else "Dialtone checks HTTP only"
        report.leave(name, why=f"a monitor of type {values.shown(kind) or 'unknown'}", instead=instead)
        return
    draft = Draft(report, entry=name, line=0, name=name)
    _Monitor(draft, entry, proxies).take()
    if (values.whole(entry.get("maxredirects", 10)) or 0) > 0:
        report.note(_REDIRECTS)
    draft.finish()


class _Monitor:
    """One monitor, key by key."""

    def __init__(
        self,
        draft: Draft,
        entry: Mapping[str, object],
        proxies: Mapping[int | None, Mapping[str, object]],
    ) -> None:
        self._draft = draft
        self._entry = entry
        self._proxies = proxies

    def take(self) -> None:
        self._draft.set_url(escaped(self._text("url")))
        self._draft.set_method(self._text("method") or "GET")
        self._draft.set_enabled(is_enabled=values.flag(self._entry.get("active", True)) is not False)
        self._authenticate()
        self._request()
        self._times()
        self._statuses()
        kinds: Mapping[str, Callable[[], None]] = {"keyword": self._keyword, "json-query": self._query}
        kinds.get(self._text("type"), lambda: None)()
        self._tags()
        self._proxy()
        self._others()

    def _text(self, key: str) -> str:
        return values.text(self._entry.get(key)) or ""

    def _authenticate(self) -> None:
        method = self._text("authMethod").lower()
        user, password = escaped(self._text("basic_auth_user")), escaped(self._text("basic_auth_pass"))
        if method not in {"", "null", "basic"}:
            why = f"the authentication {values.shown(method)} is not supported by the vendor http"
            self._draft.drop("authMethod", why=why)
        elif user or method == "basic":
            self._draft.set_basic(user, password, setting="basic_auth_user and basic_auth_pass")

    def _request(self) -> None:
        body = self._text("body").strip()
        encoding = self._text("httpBodyEncoding") or "json"
        if body and encoding in _ENCODINGS:
            self._draft.set_header("Content-Type", _ENCODINGS[encoding])
        self._draft.set_body(escaped(body))
        headers = self._entry.get("headers")
        try:
            decoded = (
                msgspec.json.decode(headers) if isinstance(headers, str) and headers.strip() else headers
            )
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            decoded = ""
        if decoded is not None and not isinstance(decoded, dict) and headers:
            self._draft.leave("headers", why="they are no JSON object")
        for name, value in values.mapping(decoded).items():
            self._draft.set_header(name, escaped(values.text(value) or ""))

    def _times(self) -> None:
        interval = values.number(self._entry.get("interval")) or _INTERVAL
        retry = values.number(self._entry.get("retryInterval")) or interval
        timeout = values.number(self._entry.get("timeout")) or interval * _TIMEOUT_SHARE
        self._draft.set_interval(interval, retry=retry, setting="interval")
        self._draft.set_timeout(timeout, setting="timeout")
        retries = values.whole(self._entry.get("maxretries")) or 0
        self._draft.set_thresholds(fail_after=min(retries, 10_000) + 1, recover_after=1)

    def _statuses(self) -> None:
        listed = values.items(self._entry.get("accepted_statuscodes")) or ["200-299"]
        met = [status for status in EVERY if any(_accepts(values.text(one) or "", status) for one in listed)]
        if met:
            self._draft.expect(status_rule(met), setting="accepted_statuscodes")
        else:
            self._draft.drop("accepted_statuscodes", why="none of them is a status")

    def _keyword(self) -> None:
        keyword = escaped(self._text("keyword"))
        is_inverted = values.flag(self._entry.get("invertKeyword")) is True
        if keyword:
            rule: Rule = {"body": {"lacks" if is_inverted else "contains": keyword}}
            self._draft.expect(rule, setting="keyword")

    def _query(self) -> None:
        path, expected = self._text("jsonPath").strip(), escaped(self._text("expectedValue"))
        pointer = _pointer(path)
        if pointer is None:
            instead = "Write it as {json: {pointer: …, equals: …}} in expect"
            self._draft.leave(
                "jsonPath", why="only names and indices of JSONata are known here", instead=instead
            )
            return
        if is_secret_name(path) and values.flag(expected) is None and values.number(expected) is None:
            expected = self._draft.secret("expected", expected, holds="expectedValue")
        operator = self._text("jsonPathOperator") or "=="
        rule = _query_rule(pointer, operator, expected)
        if rule is None:
            self._draft.leave(
                "jsonPathOperator", why=f"{values.shown(operator)} cannot be used with that value"
            )
        else:
            self._draft.expect(rule, setting="jsonPath")

    def _tags(self) -> None:
        tags = map(values.mapping, values.items(self._entry.get("tags")))
        pairs = [(values.text(tag.get("name")) or "", values.text(tag.get("value")) or "") for tag in tags]
        others = [name for name, value in pairs if not self._draft.set_label(name, escaped(value))]
        if others:
            self._draft.leave(f"tags {', '.join(others)}", why="labels are team, environment and tier")

    def _proxy(self) -> None:
        number = values.whole(self._entry.get("proxyId"))
        if number is None:
            return
        proxy = self._proxies.get(number, {})
        protocol, host = (values.text(proxy.get(key)) or "" for key in ("protocol", "host"))
        user, password = (values.text(proxy.get(key)) or "" for key in ("username", "password"))
        if not values.is_set(proxy.get("active", True)):
            return
        if not host:
            self._draft.leave("proxyId", why="the proxy is not in the backup", instead="Set network.proxy")
            return
        login = f"{user}:{password}@" if values.is_set(proxy.get("auth")) else ""
        port = values.whole(proxy.get("port")) or 80
        self._draft.set_proxy(f"{protocol}://{escaped(login)}{host}:{port}", setting="proxyId")

    def _others(self) -> None:
        if values.is_set(self._entry.get("upsideDown")):
            why = "what fails cannot be the good state"
            self._draft.drop("upsideDown", why=why, instead="Write the good answer's condition into expect")
        for key, (why, instead) in _LEAVES.items():
            if values.is_set(self._entry.get(key)):
                self._draft.leave(key, why=why, instead=instead)


def _accepts(listed: str, status: int) -> bool:
    low, dash, high = listed.strip().partition("-")
    first, last = values.whole(low), values.whole(high if dash else low)
    return first is not None and last is not None and first <= status <= last


def _pointer(path: str) -> str | None:
    """The JSON Pointer of a plain JSONata path, or None."""
    if not _JSON_PATH.fullmatch(path):
        return None
    steps = _JSON_STEP.findall(path)
    return "".join(f"/{escape(quoted or index or name)}" for quoted, index, name in steps)


def _query_rule(pointer: str, operator: str, expected: str) -> Rule | None:
    """Uptime Kuma compares the value's text, so a number or truth is also looked for as such."""
    number = values.number(expected)

    def test(made: dict[str, object]) -> Rule:
        return {"json": {"pointer": pointer} | made}

    if operator in {"==", "!="}:
        typed: list[object] = [expected == "true"] if expected in {"true", "false"} else []
        typed += [] if number is None else [values.tidy(number)]
        rules = [test({"equals": one}) for one in (*typed, expected)]
        rule: Rule = rules[0] if len(rules) == 1 else {"any": rules}
        return rule if operator == "==" else {"all": [test({"exists": True}), {"not": rule}]}
    if operator == "contains":
        return test({"contains": expected})
    if number is None or operator not in {"<", "<=", ">", ">="}:
        return None
    limit = values.tidy(number)
    strict = test({"less_than" if operator[0] == "<" else "more_than": limit})
    return strict if len(operator) == 1 else {"any": [strict, test({"equals": limit})]}
