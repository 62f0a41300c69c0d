"""One module of the prober `http`, key by key, for one target."""

import re
from collections.abc import Callable, Mapping

from app.importing import values
from app.importing.draft import ANY_STATUS, Draft, Rule
from app.importing.patterns import UntranslatableError, bounded, literal
from app.importing.references import escaped
from app.importing.secrets import is_secret_name
from app.importing.statuses import EVERY, status_rule

_SIZE = re.compile(r"(?P<amount>[0-9]{1,12})(?P<unit>[KMG]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_DROPS = {
    "oauth2": "OAuth 2 is not supported by the vendor http",
    "cert_file": "client certificates are not supported by the vendor http",
    "key_file": "client certificates are not supported by the vendor http",
    "cert": "client certificates are not supported by the vendor http",
}
_LEAVES = {
    "fail_if_body_json_matches_cel": (
        "CEL is not known here", "Write it as {not: {json: {pointer: …, equals: …}}} in expect"
    ),
    "fail_if_body_json_not_matches_cel": (
        "CEL is not known here", "Write it as {json: {pointer: …, equals: …}} in expect"
    ),
    "compression": ("answers are always decompressed", ""),
    "no_proxy": ("a proxy is used for all calls of an integration", "Set network.proxy where it is wanted"),
    "proxy_from_environment": ("the environment's proxy is not read", "Set network.proxy"),
    "proxy_connect_header": ("no headers are sent to a proxy", ""),
    "body_file": ("a body stands in the file", "Set config.body to ${file:…}"),
    "preferred_ip_protocol": ("the system chooses between IPv4 and IPv6", ""),
    "source_ip_address": ("the system chooses the address that asks", ""),
    "enable_http3": ("HTTP/1.1 is spoken", ""),
    "server_name": ("a certificate is held against the address's host", ""),
    "min_version": ("TLS 1.2 and above are accepted", ""),
    "max_version": ("TLS 1.2 and above are accepted", ""),
    "ca": ("an authority stands in a file", "Put it into a file and name it in network.ca_file"),
    "insecure_skip_verify": (
        "certificates are always verified", "Put the authority that signed it into network.ca_file"
    ),
}  # fmt: skip
_QUIET = frozenset(
    ("enable_http2", "ip_protocol_fallback", "skip_resolve_phase_with_proxy", "use_proxy_dns",
     "no_follow_redirects", "follow_redirects", "method", "accept_any_response", "valid_status_codes")
)  # fmt: skip


class Module:
    """A module on its way into a draft."""

    def __init__(self, draft: Draft, http: Mapping[str, object], *, is_tls: bool) -> None:
        self._draft = draft
        self._http = http
        self._is_tls = is_tls

    @property
    def follows_redirects(self) -> bool:
        """Whether the module follows redirects; by default it does."""
        is_off = values.flag(self._http.get("no_follow_redirects")) is True
        return not is_off and values.flag(self._http.get("follow_redirects")) is not False

    def take(self) -> None:
        """Take every key."""
        self._draft.set_method(values.text(self._http.get("method")) or "GET")
        self._statuses()
        keys: Mapping[str, Callable[[object], None]] = {
            "headers": self._headers,
            "http_headers": self._header_lists,
            "body": self._body,
            "basic_auth": self._basic,
            "bearer_token": self._bearer,
            "bearer_token_file": lambda path: self._bearer_file(path, setting="bearer_token_file"),
            "authorization": self._authorization,
            "tls_config": self._tls,
            "proxy_url": lambda url: self._draft.set_proxy(escaped(_text(url)), setting="proxy_url"),
            "body_size_limit": self._size,
            "valid_http_versions": self._versions,
            "fail_if_ssl": lambda value: self._scheme(value, is_wanted=False),
            "fail_if_not_ssl": lambda value: self._scheme(value, is_wanted=True),
            "fail_if_body_matches_regexp": lambda value: self._bodies(value, is_wanted=False),
            "fail_if_body_not_matches_regexp": lambda value: self._bodies(value, is_wanted=True),
            "fail_if_header_matches": lambda value: self._answers(value, is_wanted=False),
            "fail_if_header_matches_regexp": lambda value: self._answers(value, is_wanted=False),
            "fail_if_header_not_matches": lambda value: self._answers(value, is_wanted=True),
            "fail_if_header_not_matches_regexp": lambda value: self._answers(value, is_wanted=True),
        }
        for key, value in self._http.items():
            if values.is_set(value):
                keys.get(key, lambda _, key=key: self._other(key))(value)

    def _other(self, key: str) -> None:
        if key in _DROPS:
            self._draft.drop(key, why=_DROPS[key])
        elif key not in _QUIET:
            why, instead = _LEAVES.get(key, ("this key is not known", ""))
            self._draft.leave(key, why=why, instead=instead)

    def _statuses(self) -> None:
        listed = values.items(self._http.get("valid_status_codes"))
        codes = [values.whole(one) for one in listed]
        known = [code for code in codes if code is not None and code in EVERY]
        if values.flag(self._http.get("accept_any_response")):
            self._draft.expect(ANY_STATUS, setting="accept_any_response")
        elif listed and not known:
            self._draft.drop("valid_status_codes", why="none of them is a status")
        else:
            if len(known) < len(listed):
                self._draft.leave(
                    "valid_status_codes", why="what is no number from 100 to 599 is not a status"
                )
            self._draft.expect(status_rule(known or range(200, 300)), setting="valid_status_codes")

    def _headers(self, value: object) -> None:
        for name, content in values.mapping(value).items():
            self._draft.set_header(name, escaped(_text(content)))

    def _header_lists(self, value: object) -> None:
        for name, config in values.mapping(value).items():
            inner = values.mapping(config)
            plain = [_text(one) for key in ("values", "secrets") for one in values.items(inner.get(key))]
            files = [f"${{file:{_text(one)}}}" for one in values.items(inner.get("files"))]
            found = [escaped(one) for one in plain] + files
            if values.items(inner.get("secrets")):
                found[0] = self._draft.secret(f"header_{name}", found[0], holds=f"header {name}")
            if len(found) != 1:
                self._draft.leave(f"http_headers.{name}", why="a header is sent once, with one value")
            if found:
                self._draft.set_header(name, found[0])

    def _body(self, value: object) -> None:
        self._draft.set_body(escaped(_text(value)))

    def _basic(self, value: object) -> None:
        config = values.mapping(value)
        user, password = (self._pair(config, key) for key in ("username", "password"))
        self._draft.set_basic(user, password, setting="basic_auth")

    def _pair(self, config: Mapping[str, object], key: str) -> str:
        path = _text(config.get(f"{key}_file"))
        return _file(path) if path else escaped(_text(config.get(key)))

    def _bearer(self, value: object) -> None:
        self._draft.set_bearer(escaped(_text(value)), setting="bearer_token")

    def _bearer_file(self, value: object, *, setting: str) -> None:
        self._draft.set_bearer(_file(_text(value)), setting=setting)

    def _authorization(self, value: object) -> None:
        config = values.mapping(value)
        scheme = _text(config.get("type")) or "Bearer"
        path = _text(config.get("credentials_file"))
        credentials = _file(path) if path else escaped(_text(config.get("credentials")))
        if scheme.lower() == "bearer" and credentials:
            self._draft.set_bearer(credentials, setting="authorization")
        elif credentials:
            kept = self._draft.secret("credentials", credentials, holds="the credentials of authorization")
            self._draft.set_header("Authorization", f"{escaped(scheme)} {kept}")

    def _tls(self, value: object) -> None:
        for key, setting in values.mapping(value).items():
            if key == "ca_file" and setting:
                self._draft.set_ca_file(escaped(_text(setting)))
            elif values.is_set(setting):
                self._other(key)

    def _size(self, value: object) -> None:
        match = _SIZE.fullmatch(_text(value))
        size = int(match["amount"]) * _UNITS[match["unit"].upper()] if match else 0
        if size:
            self._draft.set_max_body(size)
        else:
            self._draft.leave("body_size_limit", why="no size such as 10MB")

    def _versions(self, value: object) -> None:
        if "HTTP/1.1" not in values.items(value):
            self._draft.leave("valid_http_versions", why="HTTP/1.1 is spoken, no other version")

    def _scheme(self, value: object, *, is_wanted: bool) -> None:
        if not values.flag(value) or self._is_tls is is_wanted:
            return
        setting = "fail_if_not_ssl" if is_wanted else "fail_if_ssl"
        word = "https" if is_wanted else "http"
        instead = f"Write the address with {word}://, if it is reached so"
        why = "redirects are not followed, so the address itself decides"
        self._draft.leave(setting, why=why, instead=instead, is_own=True)

    def _bodies(self, value: object, *, is_wanted: bool) -> None:
        setting = f"fail_if_body_{'not_' if is_wanted else ''}matches_regexp"
        for index, one in enumerate(values.items(value)):
            try:
                rule = _body_rule(_text(one), is_wanted=is_wanted)
            except UntranslatableError as error:
                shown = "" if is_secret_name(_text(one)) else f" {_text(one)}"
                self._draft.leave(f"{setting}[{index}]{shown}", why=error.why, instead=error.instead)
                continue
            self._draft.expect(rule, setting=f"{setting}[{index}]")

    def _answers(self, value: object, *, is_wanted: bool) -> None:
        setting = f"fail_if_header_{'not_' if is_wanted else ''}matches"
        for index, one in enumerate(values.items(value)):
            try:
                rule = _header_rule(values.mapping(one), is_wanted=is_wanted)
            except UntranslatableError as error:
                self._draft.leave(f"{setting}[{index}]", why=error.why, instead=error.instead)
                continue
            self._draft.expect(rule, setting=f"{setting}[{index}]")


def _body_rule(pattern: str, *, is_wanted: bool) -> Rule:
    plain = literal(pattern)
    if plain:
        return {"body": {"contains" if is_wanted else "lacks": escaped(plain)}}
    rule: Rule = {"body": {"matches": escaped(bounded(pattern))}}
    return rule if is_wanted else {"not": rule}


def _header_rule(match: Mapping[str, object], *, is_wanted: bool) -> Rule:
    """A missing header fails both kinds, unless `allow_missing`."""
    name, pattern = _text(match.get("header")), _text(match.get("regexp"))
    if not name or not pattern:
        raise UntranslatableError("a match needs header and regexp")
    may_miss = values.flag(match.get("allow_missing")) is True
    missing: Rule = {"header": {"name": name, "present": False}}
    plain = literal(pattern)
    if plain == "":
        found: Rule = {"header": {"name": name, "present": True}}
    elif plain is not None:
        found = {"header": {"name": name, "contains": escaped(plain)}}
    else:
        found = {"header": {"name": name, "matches": escaped(bounded(pattern))}}
    if is_wanted:
        return {"any": [missing, found]} if may_miss else found
    if plain == "":
        return missing if may_miss else {"all": [found, missing]}
    return (
        {"not": found} if may_miss else {"all": [{"header": {"name": name, "present": True}}, {"not": found}]}
    )


def _text(value: object) -> str:
    return values.text(value) or ""


def _file(path: str) -> str:
    return f"${{file:{path}}}"
