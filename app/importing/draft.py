"""One integration of the vendor `http` on its way from a peer's entry into our file.

All texts that come in are in our form already: `${NAME}` is a reference, `$$` a dollar sign.
"""

import math
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from app.configuration.checks import MAX_NUMBER
from app.importing import secrets
from app.importing.imported import Integration, LeftOut, Variable
from app.importing.references import filled, has_reference, is_reference, unescaped
from app.importing.report import Report
from app.importing.values import shown, tidy
from integrations.manifest.conditions import Condition
from integrations.manifest.hosts import may_be_host

Rule = dict[str, object]

ANY_STATUS: Rule = {"status": ["100-599"]}

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_LABELS = {
    "team": "team",
    "owner": "team",
    "environment": "environment",
    "env": "environment",
    "tier": "tier",
}
_LONGEST = 30 * 86_400.0
_LONGEST_TIMEOUT = 1800.0
_POLICY_TIMEOUT, _POLICY_DEADLINE = 10.0, 30.0


class Draft:
    """Takes settings one by one, tells the report what it cannot take, and makes the integration.

    `entry` and `line` say where the peer has it. Nothing is told before `finish`, and of an entry that is
    dropped only why.
    """

    def __init__(self, report: Report, *, entry: str, line: int, name: str) -> None:
        self._report = report
        self._entry, self._line = entry, line
        self._id = report.names.id(name)
        self._module: tuple[str, int, str] | None = None
        self._drops: list[LeftOut] = []
        self._leaves: list[LeftOut] = []
        self._variables: list[Variable] = []
        self._url = ""
        self._config: dict[str, object] = {}
        self._headers: dict[str, str] = {}
        self._rules: list[Rule] = []
        self._auth: tuple[str, dict[str, str]] = ("", {})
        self._auth_from = ""
        self._labels: dict[str, str] = {}
        self._check: dict[str, object] = {}
        self._policy: dict[str, object] = {}
        self._network: dict[str, str] = {}
        self._comments: list[str] = []

    def share(self, module: str, *, line: int, name: str) -> None:
        """From here on settings belong to a module of the peer's that several entries share."""
        self._module = module, line, name

    def leave(self, setting: str, *, why: str, instead: str = "", is_own: bool = False) -> None:
        """Tell that a setting is not carried over; `is_own` when it is the entry's even in a module."""
        entry, line, _ = self._module if self._module and not is_own else (self._entry, self._line, "")
        self._leaves.append(LeftOut(entry=entry, line=line, setting=setting, why=why, instead=instead))
        subject = f"{shown(setting)}: " if setting else ""
        self._comments.append(". ".join(filter(None, (f"Left out: {subject}{why}", instead))))

    def drop(self, setting: str, *, why: str, instead: str = "") -> None:
        """Tell that the whole entry is not carried over."""
        told = LeftOut(entry=self._entry, line=self._line, setting=setting, why=why, instead=instead)
        self._drops.append(told)

    def secret(self, what: str, text: str, *, holds: str) -> str:
        """A reference in place of a secret; what is one already stays."""
        if is_reference(text):
            return text
        entry, _, owner = self._module or (self._entry, 0, self._id)
        variable = self._report.variable(owner, what, secret=text, holds=f"{holds} of {entry}")
        self._variables.append(variable)
        return f"${{{variable.name}}}"

    def set_url(self, url: str) -> None:
        """Take the address: user, password and keys in it become references."""
        example = filled(url, "1").strip()
        if url.startswith("${"):
            example = "https://example.com/"
        elif not example.lower().startswith(("http://", "https://")):
            self.drop("url", why="no http:// or https:// address", instead="Dialtone checks HTTP only")
            return
        try:
            parts = urlsplit(url.strip())
            httpx.URL(example)
        except (ValueError, httpx.InvalidURL):
            self.drop("url", why="not a valid address")
            return
        user, password, host = secrets.user_of(parts.netloc)
        if user:
            self.set_basic(user, password, setting="url")
        self._url = self._without_keys(parts, host)
        if not self._url.startswith("${") and not _is_address(filled(self._url, "1")):
            self.drop("url", why="not a valid address")

    def _without_keys(self, parts: SplitResult, host: str) -> str:
        path = "/".join(
            self.secret("url_key", each, holds="the key in the URL")
            if secrets.is_secret_segment(each)
            else each
            for each in parts.path.split("/")
        )
        query = "&".join(map(self._parameter, parts.query.split("&")))
        tail = (f"?{query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
        return f"{parts.scheme}://{host}{path}{tail}" if parts.scheme else f"{path}{tail}"

    def _parameter(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        is_secret = secrets.is_secret_name(name) or secrets.is_secret_segment(value)
        if not value or not is_secret or is_reference(value):
            return pair
        holds = f"the query parameter {name}, as it stands in the URL,"
        return name + equals + self.secret(f"query_{name}", value, holds=holds)

    def set_method(self, method: str) -> None:
        """Take the request's method."""
        if method.upper() not in _METHODS:
            self.drop(
                "method", why=f"{shown(method)} is not supported", instead=f"There are {', '.join(_METHODS)}"
            )
        elif method.upper() != "GET":
            self._config["method"] = method.upper()

    def set_body(self, body: str) -> None:
        """Take the request's body; one that holds a secret becomes a reference as a whole."""
        if secrets.has_secret(body):
            body = self.secret("body", body, holds="the whole body")
        if body:
            self._config["body"] = body

    def set_header(self, name: str, value: str) -> None:
        """Take a header of the request; credentials go where they are kept out of sight."""
        setting = f"header {name}"
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            self.leave(setting, why="a header may hold visible ASCII characters only")
            return
        scheme, _, credentials = value.strip().partition(" ")
        if name.lower() == "authorization" and self._set_authorization(scheme.lower(), credentials.strip()):
            return
        if name.lower() == "x-api-key" and value and not self._auth[0]:
            self._set_auth("key", {"key": self.secret("key", value, holds=setting)}, setting=setting)
            return
        if value and secrets.is_secret_name(name):
            value = self._secret_header(name, value)
        self._headers = {key: kept for key, kept in self._headers.items() if key.lower() != name.lower()}
        self._headers[name] = value

    def _secret_header(self, name: str, value: str) -> str:
        scheme, space, credentials = value.strip().partition(" ")
        if space and is_reference(credentials) and not has_reference(scheme):
            return value.strip()
        told = (
            "is kept out of this file, but only what stands under `secrets` is kept out of sight everywhere."
        )
        self._comments.append(f"The value of {name} {told}")
        return self.secret(f"header_{name}", value, holds=f"header {name}")

    def _set_authorization(self, scheme: str, credentials: str) -> bool:
        if scheme == "bearer" and credentials:
            self.set_bearer(credentials, setting="header Authorization")
            return True
        pair = secrets.basic_pair(unescaped(credentials)) if scheme == "basic" else None
        if pair is None or not all(pair):
            return False
        self.set_basic(*pair, setting="header Authorization")
        return True

    def set_basic(self, user: str, password: str, *, setting: str) -> None:
        """Take user and password; the vendor needs both."""
        if not user or not password:
            holds = f"header Authorization in full, `Basic` and the base64 of user:password from {setting},"
            self._headers["Authorization"] = self.secret("authorization", "", holds=holds)
            return
        pair = {
            "username": self.secret("username", user, holds=f"the user name in {setting}"),
            "password": self.secret("password", password, holds=f"the password in {setting}"),
        }
        self._set_auth("basic", pair, setting=f"user and password in {setting}")

    def set_bearer(self, token: str, *, setting: str) -> None:
        """Take a bearer token."""
        kept = {"token": self.secret("token", token, holds=f"the token in {setting}")}
        self._set_auth("bearer", kept, setting=setting)

    def _set_auth(self, kind: str, values: dict[str, str], *, setting: str) -> None:
        """Take a credential; only one is sent, so a later one takes the place of the first."""
        if self._auth_from and self._auth[1] != values:
            self.leave(self._auth_from, why=f"only one credential is sent, and {setting} takes its place")
        self._auth, self._auth_from = (kind, values), setting

    def expect(self, rule: Rule, *, setting: str) -> None:
        """Take a condition on the answer."""
        try:
            msgspec.convert(rule, Condition)
        except (msgspec.ValidationError, ValueError) as error:
            self.leave(setting, why=f"this cannot be judged here ({error})")
            return
        self._rules.append(rule)

    def set_label(self, name: str, value: str) -> bool:
        """Take a label, where ours has such a one; return whether it has."""
        label = _LABELS.get(name.strip().lower())
        if label is None or not value:
            return False
        self._labels[label] = value
        return True

    def set_enabled(self, *, is_enabled: bool) -> None:
        """Take whether it is checked."""
        if not is_enabled:
            self._check["enabled"] = False

    def set_interval(self, seconds: float, *, retry: float | None = None, setting: str) -> None:
        """Take the time between checks, and while a change is unconfirmed."""
        interval = self._seconds(seconds, least=1, setting=setting)
        self._check["interval"] = interval
        self._check["retry_interval"] = (
            interval if retry is None else self._seconds(retry, least=1, setting=setting)
        )

    def set_timeout(self, seconds: float, *, setting: str) -> None:
        """Take the most time of one check; the policy follows where its own would be shorter."""
        timeout = self._seconds(seconds, least=0.001, most=_LONGEST_TIMEOUT, setting=setting)
        self._check["timeout"] = timeout
        if timeout > _POLICY_TIMEOUT:
            self._policy["timeout"] = timeout
        if timeout > _POLICY_DEADLINE:
            self._policy |= {"deadline": timeout, "breaker": {"window": math.ceil(2 * timeout)}}

    def _seconds(self, seconds: float, *, least: float, most: float = _LONGEST, setting: str) -> float:
        taken = tidy(min(max(seconds, least), most))
        if not math.isclose(taken, seconds, rel_tol=1e-3):
            self.leave(setting, why=f"{seconds:g} s is out of range; {taken:g} s is used")
        return taken

    def set_thresholds(self, *, fail_after: int, recover_after: int) -> None:
        """Take how many results in a row confirm a change."""
        self._check |= {"fail_after": max(fail_after, 1), "recover_after": max(recover_after, 1)}

    def set_max_body(self, size: int) -> None:
        """Take the most bytes of an answer."""
        self._policy["max_body"] = min(size, MAX_NUMBER)

    def set_ca_file(self, path: str) -> None:
        """Take a file of certificate authorities."""
        self._network["ca_file"] = path

    def set_proxy(self, url: str, *, setting: str) -> None:
        """Take a proxy; one with user and password becomes a reference as a whole."""
        if not _is_address(filled(url, "1")) and not is_reference(url):
            self.leave(setting, why="only a proxy's http:// or https:// address can be used")
            return
        has_user = "@" in url
        self._network["proxy"] = self.secret("proxy", url, holds="the proxy's URL") if has_user else url

    def finish(self) -> None:
        """Hand the integration to the report, unless it was dropped."""
        is_dropped = bool(self._drops) or not self._url
        for each in self._drops[:1] if is_dropped else self._leaves:
            self._report.leave(
                each.entry, line=each.line, setting=each.setting, why=each.why, instead=each.instead
            )
        if is_dropped:
            self._report.names.release(self._id)
            return
        rules = self._rules or [ANY_STATUS]
        config = {"url": self._url} | self._config
        if self._headers:
            config["headers"] = self._headers
        config["expect"] = rules[0] if len(rules) == 1 else {"all": rules}
        auth, values = self._auth
        sections: Mapping[str, object] = {
            "labels": self._labels,
            "config": config,
            "auth": auth,
            "secrets": values,
            "policy": self._policy,
            "check": self._check,
            "network": self._network,
        }
        settings = {"id": self._id, "vendor": "http"} | {key: part for key, part in sections.items() if part}
        written = msgspec.json.encode(settings).decode()
        for variable in self._variables:
            if f"${{{variable.name}}}" in written:
                self._report.need(variable)
        source = shown(self._entry)
        self._report.add(Integration(source=source, settings=settings, comments=tuple(self._comments)))


def _is_address(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
        port = urlsplit(url).port
    except (ValueError, httpx.InvalidURL):
        return False
    return parsed.scheme in {"http", "https"} and may_be_host(parsed) and port != 0
