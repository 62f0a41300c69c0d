"""What types alone cannot say of a manifest: that its names, templates, pointers and patterns agree."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

import msgspec

from integrations.manifest import inputs, pointers
from integrations.manifest.fields import read_field
from integrations.manifest.inbound import Verification
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
    return check.found


_PAGED_BY = {"cursor": ("cursor", "next"), "page": ("page",), "offset": ("offset",), "next_url": ("next",)}


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

    def _one_of(self, path: Path, **places: str) -> None:
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
        for index, host in enumerate(manifest.hosts):
            self._template(("hosts", index), host)
        for name, text in manifest.headers.items():
            self._template(("headers", name), text)
        for name, field in manifest.config.items():
            self._value(("config", name, "default"), field.default, partial(read_field, field=field))
        for name in manifest.auth:
            self._auth(name)
        self._named_actions()

    def _named_actions(self) -> None:
        named = [(("limits", index), limit.actions) for index, limit in enumerate(self._manifest.limits)]
        for index, deprecation in enumerate(self._manifest.deprecations):
            named.append((("deprecations", index), deprecation.actions))
        for path, actions in named:
            for action in actions:
                self._known((*path, "actions"), action, self._manifest.actions)

    def _auth(self, name: str) -> None:
        auth = self._manifest.auth[name]
        secrets = {f"secret.{secret}" for secret in auth.secrets}
        texts = msgspec.to_builtins(auth)
        texts.update({f"apply.{part}.{key}": text for part, key, text in _applied(texts.pop("apply", {}))})
        for key in ("title", "secrets", "scopes", "kind"):
            texts.pop(key, None)
        used = {
            name_
            for key, text in texts.items()
            if isinstance(text, str)
            for name_ in self._template(("auth", name, *key.split(".")), text, secrets)
        }
        for secret in sorted(secrets - used):
            self._add(("auth", name, "secrets", secret[7:]), "a secret that is not used", "a use of it")

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
        self._one_of(path, header=place.header, to=place.to)
        self._tried(path, pointers.parse, place.to)
        if place.to and action.body is None:
            self._add(path, "a key for the body", "a `body` in the action")

    def _page_inputs(self, path: Path, action: Action) -> None:
        paginate = self._manifest.paginate.get(action.paginate, Paginate(kind="link"))
        for name in filter(None, (paginate.cursor, paginate.page, paginate.offset, paginate.size)):
            if name not in action.input:
                self._add((*path, "paginate"), f"no input {name}", f"the input that {action.paginate} sets")

    def _inputs(self, path: Path, action: Action) -> None:
        in_path = {name for name, declared in action.input.items() if declared.place == "path"}
        names = set(self._template((*path, "path"), action.path, in_path))
        for name in sorted(in_path - names):
            self._add((*path, "input", name), "a path input", f"{{{name}}} in the path")
        if not action.code and not action.path.startswith("/"):
            self._add((*path, "path"), repr(action.path), "a path that starts with /")
        for name, declared in action.input.items():
            here: Path = (*path, "input", name)
            if declared.to:
                self._tried((*here, "to"), pointers.parse, declared.to)
            if declared.place in ("body", "file") and action.body is None:
                self._add(here, f"an input for the {declared.place}", "a `body` in the action")
            if declared.place == "path" and not declared.required:
                self._add(here, "an optional path input", "required: true")
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
            conditions = {name for name, field in manifest.config.items() if field.type == "condition"}
            if check.expect_config:
                self._known((*path, "expect_config"), check.expect_config, conditions)
            if check.action in manifest.actions:
                self._params(path, manifest.actions[check.action], check.params)

    def _params(self, path: Path, action: Action, params: dict[str, object]) -> None:
        for name in params:
            self._known((*path, "params", name), name, action.input)
        for name, declared in action.input.items():
            given = params.get(name, msgspec.UNSET)
            if given is not msgspec.UNSET or declared.required:
                try:
                    inputs.read(given, declared)
                except ValueError as error:
                    self._add((*path, "params", name), "another value", str(error))

    def webhooks(self) -> None:
        webhooks = self._manifest.webhooks
        if webhooks is None:
            return
        for key, field in (("type", webhooks.type), ("id", webhooks.id)):
            self._one_of(("webhooks", key), header=field.header, pointer=field.pointer)
            self._tried(("webhooks", key), pointers.parse, field.pointer)
        for index, handshake in enumerate(webhooks.handshakes):
            self._tried(("webhooks", "handshakes", index), pointers.parse, handshake.reply)
        self._verification(("webhooks", "verify"), webhooks.verify)

    def _verification(self, path: Path, verify: Verification) -> None:
        self._tried((*path, "timestamp_pointer"), pointers.parse, verify.timestamp_pointer)
        if verify.kind != "none" and not verify.secret:
            self._add((*path, "secret"), "nothing", "the name of the secret")
        if verify.kind in ("hmac", "ed25519", "token") and not verify.header:
            self._add((*path, "header"), "nothing", "the header that holds the proof")
        if (
            verify.timestamp_header
            and "{timestamp}" not in verify.payload
            and verify.kind != "standard_webhooks"
        ):
            self._add((*path, "payload"), "a timestamp that is not signed", "{timestamp} in the payload")


def _number_pattern(pattern: str) -> None:
    if not compile_pattern(pattern).groups:
        raise ValueError("found no group, expected one around the number")


def _applied(apply: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(part, key, text) for part, texts in apply.items() for key, text in texts.items()]
