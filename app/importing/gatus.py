"""Gatus's configuration: `endpoints` of HTTP become integrations of the vendor `http`.

Keys and defaults are those of Gatus's README (v5) and config/endpoint/endpoint.go.
"""

from collections.abc import Callable, Mapping

import msgspec

from app.importing import values
from app.importing.draft import Draft
from app.importing.gatus_conditions import rule_of
from app.importing.imported import Imported
from app.importing.patterns import UntranslatableError
from app.importing.reading import read_peer_yaml, wrong
from app.importing.references import from_shell
from app.importing.report import Report
from app.importing.secrets import is_secret_name
from integrations.manifest.source import Document

_FAIL_AFTER, _RECOVER_AFTER = 3, 2
_HTTP_ONLY = "Dialtone checks HTTP only"
_SECTIONS = {
    "external-endpoints": (
        "results that are pushed in are not taken",
        "Let Dialtone check the address itself",
    ),
    "suites": ("a check is one request", "Write an integration for each step that can be asked on its own"),
    "alerting": (
        "messages are not sent by a check",
        "Alert on the metric dialtone_health; thresholds of alerts are carried over",
    ),
    "maintenance": (
        "times of maintenance are not in the file",
        "`dialtone pause ID --for 1h` stops the checks",
    ),
    "remote": ("other instances are not asked", "Add them as integrations"),
    "connectivity": ("there is no gate on connectivity", "Add an integration that asks a host of your own"),
    "tunneling": ("there are no SSH tunnels", "Use network.proxy"),
}
_QUIET_SECTIONS = frozenset(
    ("endpoints", "debug", "metrics", "storage", "security", "concurrency", "disable-monitoring-lock",
     "skip-invalid-config-update", "web", "ui", "announcements")
)  # fmt: skip
_QUIET = frozenset(("name", "group", "ui", "graphql", "method", "body", "url", "conditions"))
_CLIENT_DROPS = {
    "oauth2": "OAuth 2 is not supported by the vendor http",
    "identity-aware-proxy": "Google's Identity-Aware Proxy is not supported",
    "kerberos": "Kerberos is not supported",
    "tls": "client certificates are not supported by the vendor http",
    "tunnel": "there are no SSH tunnels",
}
_REDIRECTS = (
    "Gatus follows redirects, Dialtone does not: where an address answers with 301 or 302, configure the one "
    "it leads to."
)


def read_gatus(text: str, *, name: str) -> Imported:
    """Turn a configuration file of Gatus into ours; `name` is the file's, for errors.

    Raises:
        SourceError: when it is no YAML, or no configuration of Gatus.
    """
    document = read_peer_yaml(text, name=name)
    return _File(document).imported()


class _File:
    """One file on its way."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._report = Report()

    def imported(self) -> Imported:
        root = self._document.value
        known = {"endpoints", "suites", "external-endpoints"}
        if not isinstance(root, dict) or not known & root.keys():
            found = "no mapping" if not isinstance(root, dict) else "no endpoints"
            expected = "a configuration of Gatus, with `endpoints`"
            raise wrong(self._document.name, 1, found=found, expected=expected)
        endpoints = root.get("endpoints")
        if endpoints is not None and not isinstance(endpoints, list):
            line = self._document.line(("endpoints",))
            raise wrong(self._document.name, line, key="endpoints", found="no list", expected="a list")
        for index, entry in enumerate(values.items(endpoints)):
            self._endpoint(
                entry, self._document.line(("endpoints", index)), values.mapping(root.get("alerting"))
            )
        self._sections(root)
        return self._report.imported()

    def _endpoint(self, entry: object, line: int, alerting: Mapping[str, object]) -> None:
        if not isinstance(entry, dict):
            self._report.leave("endpoints", line=line, why="an endpoint is a mapping")
            return
        name, group = values.text(entry.get("name")) or "", values.text(entry.get("group")) or ""
        shown = "/".join(filter(None, (group, name))) or "endpoint without a name"
        draft = Draft(self._report, entry=shown, line=line, name=f"{group} {name}".strip())
        _Endpoint(draft, entry, alerting).take()
        if not values.is_set(values.mapping(entry.get("client")).get("ignore-redirect")):
            self._report.note(_REDIRECTS)
        draft.finish()

    def _sections(self, root: Mapping[str, object]) -> None:
        for key, value in root.items():
            line = self._document.line((key,))
            if key in _SECTIONS and values.is_set(value):
                why, instead = _SECTIONS[key]
                names = ", ".join(
                    values.text(values.mapping(one).get("name")) or "?" for one in values.items(value)
                )
                self._report.leave(key, line=line, setting=names, why=why, instead=instead)
            elif key not in _SECTIONS and key not in _QUIET_SECTIONS and not key.startswith("x-"):
                self._report.leave(key, line=line, why="this section is not known")


class _Endpoint:
    """One endpoint, key by key."""

    def __init__(self, draft: Draft, entry: Mapping[str, object], alerting: Mapping[str, object]) -> None:
        self._draft = draft
        self._entry = entry
        self._alerting = alerting

    def take(self) -> None:
        self._target()
        self._request()
        self._conditions()
        keys: Mapping[str, Callable[[object], None]] = {
            "headers": self._headers,
            "interval": self._interval,
            "alerts": self._alerts,
            "client": self._client,
            "enabled": self._enabled,
            "extra-labels": self._labels,
        }
        for key, value in self._entry.items():
            if key in keys:
                keys[key](value)
            elif key not in _QUIET and values.is_set(value):
                self._other(key)

    def _text(self, key: str) -> str:
        return from_shell(values.text(self._entry.get(key)) or "")

    def _target(self) -> None:
        url = self._text("url")
        scheme, found, _ = url.partition("://")
        if values.is_set(self._entry.get("dns")):
            self._draft.drop("dns", why="this asks a name server", instead=_HTTP_ONLY)
        elif found and scheme.lower() not in {"http", "https"} and not scheme.startswith("${"):
            self._draft.drop("url", why=f"this is a check of {values.shown(scheme)}", instead=_HTTP_ONLY)
        else:
            self._draft.set_url(url)

    def _request(self) -> None:
        self._draft.set_method(self._text("method") or "GET")
        body = self._text("body")
        for key, placeholder in (("name", "NAME"), ("group", "GROUP"), ("url", "URL")):
            body = body.replace(f"[ENDPOINT_{placeholder}]", self._text(key))
        if "[RANDOM_STRING_" in body or "[LOCAL_ADDRESS]" in body:
            self._draft.leave("body", why="a body is always the same; its placeholder is sent as it stands")
        if values.flag(self._entry.get("graphql")):
            body = msgspec.json.encode({"query": body}).decode()
            names = {key.lower() for key in values.mapping(self._entry.get("headers"))}
            if "content-type" not in names:
                self._draft.set_header("Content-Type", "application/json")
        self._draft.set_body(body)

    def _conditions(self) -> None:
        for index, one in enumerate(values.items(self._entry.get("conditions"))):
            setting = f"conditions[{index}]"
            try:
                rule = rule_of(from_shell(values.text(one) or ""), self._protect)
            except UntranslatableError as error:
                told = values.text(one) or ""
                where = setting if is_secret_name(told) else f"{setting} {told}"
                self._draft.leave(where, why=error.why, instead=error.instead)
                continue
            if rule is not None:
                self._draft.expect(rule, setting=setting)

    def _protect(self, field: str, value: str) -> str:
        return self._draft.secret(f"expected_{field}", value, holds=f"the expected value of {field}")

    def _headers(self, value: object) -> None:
        for name, content in values.mapping(value).items():
            self._draft.set_header(name, from_shell(values.text(content) or ""))

    def _interval(self, value: object) -> None:
        seconds = values.duration(value)
        if seconds is None or not seconds:
            self._draft.leave("interval", why="no length of time such as 30s or 5m", instead="It is now 60 s")
        else:
            self._draft.set_interval(seconds, setting="interval")

    def _alerts(self, value: object) -> None:
        pairs = [self._thresholds(values.mapping(one)) for one in values.items(value)]
        wanted = sorted(pair for pair in pairs if pair is not None)
        if not wanted:
            return
        if len(set(wanted)) > 1:
            why = "an integration has one pair of thresholds; those that alert first are used"
            self._draft.leave("alerts", why=why)
        self._draft.set_thresholds(fail_after=wanted[0][0], recover_after=wanted[0][1])

    def _thresholds(self, alert: Mapping[str, object]) -> tuple[int, int] | None:
        provider = values.mapping(self._alerting.get(values.text(alert.get("type")) or ""))
        merged = dict(values.mapping(provider.get("default-alert"))) | dict(alert)
        if values.flag(merged.get("enabled", "true")) is False:
            return None
        fail, recover = (values.whole(merged.get(f"{key}-threshold")) or 0 for key in ("failure", "success"))
        return (fail if fail > 0 else _FAIL_AFTER), (recover if recover > 0 else _RECOVER_AFTER)

    def _client(self, value: object) -> None:
        for key, setting in values.mapping(value).items():
            if not values.is_set(setting):
                continue
            if key in _CLIENT_DROPS:
                self._draft.drop(f"client.{key}", why=_CLIENT_DROPS[key])
            elif key not in {"ignore-redirect", "network"}:
                self._client_setting(key, setting)

    def _client_setting(self, key: str, value: object) -> None:
        setting = f"client.{key}"
        if key == "timeout" and (seconds := values.duration(value)):
            self._draft.set_timeout(seconds, setting=setting)
        elif key == "proxy-url":
            self._draft.set_proxy(from_shell(values.text(value) or ""), setting=setting)
        elif key == "insecure":
            instead = "Put the authority that signed it into network.ca_file"
            self._draft.leave(setting, why="certificates are always verified", instead=instead)
        elif key == "dns-resolver":
            self._draft.leave(setting, why="names are resolved by the system")
        else:
            self._draft.leave(setting, why="this cannot be read or is not known")

    def _enabled(self, value: object) -> None:
        is_enabled = values.flag(value)
        if is_enabled is None and value is not None:
            self._draft.leave("enabled", why="neither true nor false", instead="It is now checked")
        self._draft.set_enabled(is_enabled=is_enabled is not False)

    def _labels(self, value: object) -> None:
        for label, content in values.mapping(value).items():
            if not self._draft.set_label(label, from_shell(values.text(content) or "")):
                why = "labels are team, environment and tier"
                self._draft.leave(f"extra-labels.{label}", why=why)

    def _other(self, key: str) -> None:
        if key == "maintenance-windows":
            why, instead = _SECTIONS["maintenance"]
            self._draft.leave(key, why=why, instead=instead)
        elif key != "ssh":
            self._draft.leave(key, why="this key is not known")
