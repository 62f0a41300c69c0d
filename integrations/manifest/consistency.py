"""What types alone cannot say of a manifest: that its names, templates, pointers and patterns agree."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

import msgspec

from integrations.manifest import inputs, pointers
from integrations.manifest.address_rules import address_problems
from integrations.manifest.authentication_rules import authentication_problems, authentication_texts
from integrations.manifest.canary_rules import canary_problems
from integrations.manifest.constants import texts
from integrations.manifest.evidence import NAMED
from integrations.manifest.fields import read_field
from integrations.manifest.inbound_rules import inbound_problems, templates
from integrations.manifest.patterns import compile_pattern
from integrations.manifest.schema import Action, HeaderNumber, Manifest, Paginate, Quota
from integrations.manifest.source import Document, Path, Problem, nearest
from integrations.manifest.templates import CALLS, Template


def problems(manifest: Manifest, document: Document) -> list[Problem]:
    """Everything that does not hold together, with its line."""
    check = _Check(manifest, document)
    check.vendor()
    check.errors_and_quota()
    for name, action in manifest.actions.items():
        check.action(name, action)
    for name, paginate in manifest.paginate.items():
        check.paginate(name, paginate)
    check.capabilities()
    check.health()
    check.webhooks()
    return [*check.found, *address_problems(manifest, document), *canary_problems(manifest, document)]


_SECRET = re.compile(r"\{secret\.([a-z0-9_]+)")
_PAGED_BY = {
    "cursor": ("cursor", "next"),
    "page": ("page",),
    "offset": ("offset",),
    "next_url": ("next",),
    "last_item": ("cursor", "next"),
}


class _Check:
    def __init__(self, manifest: Manifest, document: Document) -> None:
        self._manifest = manifest
        self._document = document
        self._config = {f"config.{name}" for name in manifest.config}
        self.found: list[Problem] = []

    def _add(self, path: Path, found: str, expected: str, *, near: str = "") -> None:
        self.found.append(self._document.problem(path, found=found, expected=expected, nearest=near))

    def _known(self, path: Path, word: str, valid: Collection[str]) -> None:
        if word not in valid:
            expected = f"one of {', '.join(sorted(valid)) or 'none'}"
            self._add(path, repr(word), expected, near=nearest(word, valid))

    def _one_of(self, path: Path, /, **places: str) -> None:
        if sum(map(bool, places.values())) != 1:
            self._add(path, "", f"exactly one of {', '.join(places)} is to be set")

    def _tried(self, path: Path, reader: Callable[[str], object], text: str) -> None:
        try:
            reader(text)
        except ValueError as error:
            self._add(path, "", str(error))

    def _template(self, path: Path, text: str, names: Iterable[str] = ()) -> tuple[str, ...]:
        try:
            template = Template(text)
        except ValueError as error:
            self._add(path, "", str(error))
            return ()
        for name in template.names:
            self._known(path, name, {*self._config, *names, *CALLS})
        return template.names

    def vendor(self) -> None:
        manifest = self._manifest
        self._template(("base_url",), manifest.base_url)
        self._template(("vendor", "called"), manifest.vendor.called)
        # Only where a whole address is a secret may a host come out of one.
        secrets = _secrets_in(action.base_url for action in manifest.actions.values())
        for index, host in enumerate(manifest.hosts):
            self._template(("hosts", index), host, secrets)
        for name, text in manifest.headers.items():
            self._template(("headers", name), text)
        for name, field in manifest.config.items():
            self._value(("config", name, "default"), field.default, partial(read_field, field=field))
        for name in manifest.auth:
            self._auth(name)
        self._limits()
        self._named_actions()

    def _limits(self) -> None:
        for index, limit in enumerate(self._manifest.limits):
            if not (limit.rate or limit.concurrency):
                self._add(("limits", index), "neither rate nor concurrency", "what the vendor limits")
            if limit.concurrency and limit.actions:
                self._add(("limits", index, "actions"), "a concurrency of some actions", "one of all actions")

    def _named_actions(self) -> None:
        named = [(("limits", index), limit.actions) for index, limit in enumerate(self._manifest.limits)]
        for index, deprecation in enumerate(self._manifest.deprecations):
            named.append((("deprecations", index), deprecation.actions))
        for path, actions in named:
            for action in actions:
                self._known((*path, "actions"), action, self._manifest.actions)

    def _auth(self, name: str) -> None:
        auth, manifest = self._manifest.auth[name], self._manifest
        path: Path = ("auth", name)
        secrets = {f"secret.{secret}" for secret in auth.secrets}
        used = {
            used
            for keys, text in authentication_texts(auth)
            for used in self._template((*path, *keys), text, secrets)
        }
        requests = (text for action in manifest.actions.values() for text in _texts_of(action))
        for secret in sorted(secrets - used - _secrets_in(requests)):
            self._add((*path, "secrets", secret[7:]), "a secret that is not used", "a use of it")
        for keys, found, expected in authentication_problems(
            auth, hosts=manifest.hosts, actions=manifest.actions
        ):
            self._add((*path, *keys), found, expected)

    def errors_and_quota(self) -> None:
        errors = self._manifest.errors
        self._tried(("errors", "code"), pointers.parse, errors.code)
        self._tried(("errors", "message"), pointers.parse, errors.message)
        for index, rule in enumerate(errors.rules):
            path: Path = ("errors", "rules", index)
            for pointer in (rule.code, rule.message, rule.scopes):
                self._tried(path, pointers.parse, pointer)
            if rule.ok and (rule.kind or rule.kinds):
                self._add(path, "ok and a kind", "one of them")
        for index, place in enumerate(errors.retry_after):
            self._tried(("errors", "retry_after", index), pointers.parse, place.pointer)
            self._one_of(("errors", "retry_after", index), header=place.header, pointer=place.pointer)
            if place.header.lower() == "retry-after" and not place.unit.startswith("seconds"):
                expected = "seconds or seconds_or_date (RFC 9110, 10.2.3)"
                self._add(("errors", "retry_after", index, "unit"), repr(place.unit), expected)
        for index, quota in enumerate(self._manifest.quota):
            self._quota(("quota", index), quota)

    def _quota(self, path: Path, quota: Quota) -> None:
        for key in ("limit", "remaining", "used", "reset"):
            place: HeaderNumber | None = getattr(quota, key)
            if place is None:
                continue
            self._tried((*path, key, "pattern"), _number_pattern, place.pattern or "()")
            if (place.unit == "number") is (key == "reset"):
                expected = "a unit of time" if key == "reset" else "number"
                self._add((*path, key, "unit"), repr(place.unit), expected)

    def action(self, name: str, action: Action) -> None:
        path: Path = ("actions", name)
        manifest = self._manifest
        if action.operation:
            self._known((*path, "operation"), action.operation.partition(":")[0], manifest.contracts)
        if action.code and not manifest.code:
            self._add((*path, "code"), "an action in code", "`code: true` in the manifest too")
        if action.paginate:
            self._known((*path, "paginate"), action.paginate, manifest.paginate)
            self._page_inputs(path, action)
        for pointer in (action.items, action.output):
            self._tried(path, pointers.parse, pointer)
        for key, text in {**action.headers, **action.query}.items():
            self._template((*path, "headers" if key in action.headers else "query", key), text)
        self._bucket(path, action)
        self._idempotency((*path, "idempotency"), action)
        self._inputs(path, action)
        for text in _constants_of(action):
            self._template((*path, "body", "base"), text, self._secrets(action))
        self._sent(path, action)
        self._files(path, action)

    def _sent(self, path: Path, action: Action) -> None:
        """What belongs together in how it is sent and read."""
        if action.graphql and action.method != "POST":
            self._add((*path, "method"), action.method, "POST, by which a GraphQL document is sent")
        for auth in action.auth:
            self._known((*path, "auth"), auth, self._manifest.auth)
        whole = action.body.whole if action.body is not None else ""
        if whole and (whole not in action.input or action.input[whole].place != "body"):
            self._add((*path, "body", "whole"), repr(whole), "an input in the body")
        for name in action.output_headers:
            if not name.isidentifier():
                self._add((*path, "output_headers"), repr(name), "a name for the data, such as location")

    def _files(self, path: Path, action: Action) -> None:
        files = {one.name or name for name, one in action.input.items() if one.place == "file"}
        for name, one in action.input.items():
            if one.place == "filename":
                self._known((*path, "input", name, "name"), one.name or name, files)

    def _secrets(self, action: Action) -> set[str]:
        """The secrets that every authentication kind of an action has."""
        kinds = [
            self._manifest.auth[name]
            for name in action.auth or self._manifest.auth
            if name in self._manifest.auth
        ]
        each = [{f"secret.{secret}" for secret in kind.secrets} for kind in kinds]
        return set.intersection(*each) if each else set()

    def _bucket(self, path: Path, action: Action) -> None:
        quota = self._manifest.quota
        if quota and action.bucket:
            self._known(
                (*path, "bucket"), action.bucket, {name for q in quota for name in (q.bucket, *q.buckets)}
            )

    def _idempotency(self, path: Path, action: Action) -> None:
        place = action.idempotency
        if place is None:
            return
        self._one_of(path, header=place.header, to=place.to, path=place.path)
        if place.path:
            self._known((*path, "path"), place.path, _in_path(action))
        self._tried(path, pointers.parse, place.to)
        if place.to and action.body is None:
            self._add(path, "a key for the body", "a `body` in the action")

    def _page_inputs(self, path: Path, action: Action) -> None:
        paginate = self._manifest.paginate.get(action.paginate, Paginate(kind="link"))
        for name in filter(None, (paginate.cursor, paginate.page, paginate.offset, paginate.size)):
            if name not in action.input:
                self._add((*path, "paginate"), f"no input {name}", f"the input that {action.paginate} sets")

    def _inputs(self, path: Path, action: Action) -> None:
        in_path = _in_path(action)
        secrets = self._secrets(action)
        self._template((*path, "base_url"), action.base_url, secrets)
        names = set(self._template((*path, "path"), action.path, in_path | secrets))
        for name in sorted(in_path - names):
            self._add((*path, "input", name), "a path input", f"{{{name}}} in the path")
        is_whole = bool(action.base_url) and not action.path
        if not action.code and not is_whole and not action.path.startswith("/"):
            self._add((*path, "path"), repr(action.path), "a path that starts with /")
        for name, declared in action.input.items():
            here: Path = (*path, "input", name)
            if declared.to:
                self._tried((*here, "to"), pointers.parse, declared.to)
            if declared.place in ("body", "file") and action.body is None:
                self._add(here, f"an input for the {declared.place}", "a `body` in the action")
            if declared.place == "path" and not _is_filled(action, name):
                self._add(here, "an optional path input", "required: true, or a default")
            for value in (declared.default, declared.example):
                self._value(here, value, partial(inputs.read, declared=declared))

    def _value(self, path: Path, value: object, reader: Callable[[object], object]) -> None:
        if value is msgspec.UNSET:
            return
        try:
            reader(value)
        except ValueError as error:
            self._add(path, "another value", str(error))

    def paginate(self, name: str, paginate: Paginate) -> None:
        for key in _PAGED_BY.get(paginate.kind, ()):
            if not getattr(paginate, key):
                self._add(("paginate", name, key), "nothing", f"a value, for kind {paginate.kind}")
        for pointer in (paginate.next, paginate.more):
            self._tried(("paginate", name), pointers.parse, pointer)

    def capabilities(self) -> None:
        grouped = {action for actions in self._manifest.capabilities.values() for action in actions}
        for capability, actions in self._manifest.capabilities.items():
            for index, action in enumerate(actions):
                self._known(("capabilities", capability, index), action, self._manifest.actions)
        for action in self._manifest.actions:
            if action not in grouped:
                self._add(("actions", action), "an action of no capability", "it under `capabilities`")

    def health(self) -> None:
        manifest = self._manifest
        for index, check in enumerate(manifest.health):
            path: Path = ("health", index)
            self._known((*path, "action"), check.action, manifest.actions)
            self._known((*path, "capability"), check.capability, manifest.capabilities)
            self._template((*path, "asks"), check.asks)
            for auth in check.auth:
                self._known((*path, "auth"), auth, manifest.auth)
            if check.action in manifest.actions:
                self._check_auth((*path, "auth"), check.auth, manifest.actions[check.action].auth)
            conditions = {name for name, field in manifest.config.items() if field.type == "condition"}
            if check.expect_config:
                self._known((*path, "expect_config"), check.expect_config, conditions)
            if check.action in manifest.actions:
                self._params(path, manifest.actions[check.action], check.params)

    def _check_auth(self, path: Path, asked: tuple[str, ...], allowed: tuple[str, ...]) -> None:
        if allowed and not set(asked or self._manifest.auth) <= set(allowed):
            self._add(path, ", ".join(asked) or "nothing", f"only {', '.join(allowed)}, as its action has")

    def _params(self, path: Path, action: Action, params: dict[str, object]) -> None:
        for name in params:
            self._known((*path, "params", name), name, action.input)
        fields = {name: NAMED.fullmatch(value) for name, value in params.items() if isinstance(value, str)}
        for name, field in fields.items():
            if field is not None:
                self._known((*path, "params", name), field[1], self._manifest.config)
        for name, declared in action.input.items():
            given = params.get(name, msgspec.UNSET)
            if fields.get(name) is None and (given is not msgspec.UNSET or declared.required):
                try:
                    inputs.read(given, declared)
                except ValueError as error:
                    self._add((*path, "params", name), "another value", str(error))

    def webhooks(self) -> None:
        webhooks = self._manifest.webhooks
        if webhooks is None:
            return
        for path, found, expected in inbound_problems(webhooks):
            self._add(("webhooks", *path), found, expected)
        for path, text in templates(webhooks):
            self._template(("webhooks", *path), text)


def _secrets_in(texts: Iterable[str]) -> set[str]:
    return {f"secret.{name}" for text in texts for name in _SECRET.findall(text)}


def _texts_of(action: Action) -> Iterator[str]:
    """The texts of an action that may hold a secret."""
    yield from (action.base_url, action.path, *_constants_of(action))


def _constants_of(action: Action) -> Iterator[str]:
    return texts(action.body.base) if action.body is not None else iter(())


def _is_filled(action: Action, name: str) -> bool:
    """Whether an input has a value in every request."""
    declared, key = action.input[name], action.idempotency
    return declared.required or declared.default is not msgspec.UNSET or bool(key and key.path == name)


def _in_path(action: Action) -> set[str]:
    return {name for name, declared in action.input.items() if declared.place == "path"}


def _number_pattern(pattern: str) -> None:
    if not compile_pattern(pattern).groups:
        raise ValueError("found no group, expected one around the number")
