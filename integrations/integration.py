"""One integration, opened: a connection held against its vendor's manifest, ready to make requests."""

from collections.abc import Callable
from functools import cached_property
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.credentials.credential import Credential
from integrations.credentials.opening import UnsupportedKindError, open_credential
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, UnfitAction, UnknownAction
from integrations.execution.call import LineSpec
from integrations.execution.certificate import Certificate
from integrations.manifest.answers import AnswerReader
from integrations.manifest.authentication import Auth, SecretField
from integrations.manifest.evidence import HealthCheck
from integrations.manifest.fields import read_fields
from integrations.manifest.hosts import Origins
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Manifest
from integrations.manifest.templates import Template, UnfitValueError
from integrations.manifest.values import Values
from integrations.signals import CredentialNotice, Signal
from integrations.status_pages.dependents import covers

_SHORTEST_SECRET = 16
_HARMLESS = frozenset({"", "Bearer", "Basic", "redacted.invalid"})


class Integration:
    """What the framework knows of one integration. Read it; only the framework makes one.

    Raises:
        ConfigurationError: when the connection does not fit its manifest.
    """

    def __init__(
        self, connection: Connection, manifest: Manifest, *, clock: Clock, publish: Callable[[Signal], None]
    ) -> None:
        self.connection = connection
        self.manifest = manifest
        self.auth_name, self.auth = _auth(connection, manifest)
        self.config = _config(connection, manifest)
        self._clock = clock
        self._publish = publish
        self._values = Values(self.config, clock=clock)
        self._is_rejected = False
        self.certificate: Certificate | None = None
        _check_secrets(connection, manifest, self.auth)
        self.origins = self._origins()
        self.credential = self._credential()
        self.reader = AnswerReader(manifest, now=clock.time, redact=self.redact)
        self._plans: dict[str, RequestPlan] = {}

    @property
    def id(self) -> str:
        """The integration's id."""
        return self.connection.id

    @property
    def vendor(self) -> str:
        """The vendor's id."""
        return self.manifest.id

    @property
    def called(self) -> str:
        """What people call the other end: the vendor's name, or what its manifest has instead."""
        vendor = self.manifest.vendor
        return Template(vendor.called).fill(self._values) or vendor.name

    def asked(self, check: HealthCheck) -> str:
        """What a check asks, in words: `user.get at GitHub`, `GET at shop.example`."""
        return Template(check.asks).fill(self._values) or f"{check.action} at {self.called}"

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The vendor's groups of actions."""
        return tuple(self.manifest.capabilities)

    @cached_property
    def status_url(self) -> str:
        """Its vendor's status page; empty where none speaks of this integration."""
        page = self.manifest.status_page
        hosts = (Template(host).fill(self._values) for host in self.manifest.hosts)
        if page is None or not covers(page, filter(None, hosts)):
            return ""
        wanted = Template(page.url)
        return wanted.fill(self._values) if all(map(self._values, wanted.names)) else ""

    @property
    def line(self) -> LineSpec:
        """What the executor must know."""
        return LineSpec(
            integration=self.id,
            vendor=self.vendor,
            policy=self.connection.policy,
            network=self.connection.network,
            capabilities=self.capabilities,
            socket=Template(self.manifest.socket).fill(self._values),
            limits=self.manifest.limits,
        )

    def capability(self, action: str) -> str:
        """The first capability that an action belongs to."""
        return next(name for name, actions in self.manifest.capabilities.items() if action in actions)

    def plan(self, action: str) -> RequestPlan:
        """How an action's requests are made, prepared at its first use.

        Raises:
            UnknownAction: naming the nearest, or the authentication kinds that the action works with.
        """
        if action not in self.manifest.actions:
            raise UnknownAction(self.vendor, action, known=self.manifest.actions)
        if action not in self._plans:
            wanted = self.manifest.actions[action].auth
            if wanted and self.auth_name not in wanted:
                raise UnfitAction(self.id, action, auth=self.auth_name, wanted=wanted)
            self._plans[action] = RequestPlan(
                self.manifest,
                action,
                config=self.config,
                origins=self.origins,
                clock=self._clock,
                secrets=self._secrets(),
            )
        return self._plans[action]

    async def refresh(self) -> bool:
        """After a 401: whether rereading the secrets gave other ones. Publishes what became of it."""
        try:
            changed = await self.credential.refresh()
        except OSError as error:
            self._notice("reread_failed", error.strerror or "the secret's file cannot be read")
            return False
        if changed and not self._is_sendable():
            self._notice("reread_failed", "what its file holds now cannot be sent")
            return False
        if changed:
            self._is_rejected = False
            self._notice("reread", "the file gave a new value")
        elif not self._is_rejected:
            self._is_rejected = True
            self._notice("rejected", f"the vendor refuses the credential of kind {self.auth_name}")
        return changed

    def redact(self, text: str) -> str:
        """The text without the connection's secrets, in any form they are sent in."""
        forms = {secret.reveal() for secret in self.connection.secrets.values()} | self._sent_forms()
        # An address that is a secret is also quoted in parts: its path, or one value of its query.
        forms |= {part for form in forms if "://" in form for part in _parts(form)}
        forms |= {quote(form, safe="") for form in forms}
        for form in sorted(forms - _HARMLESS, key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    def _sent_forms(self) -> set[str]:
        sent = httpx.Request("GET", "https://redacted.invalid")
        try:
            self.credential.apply(sent)
        except UnfitValueError:
            # The secret's file has changed to something that is never sent.
            return set()
        return {part for value in sent.headers.values() for part in value.split()} | {
            *sent.url.params.values()
        }

    def accepted(self) -> None:
        """The vendor took the credential: its next refusal is news again."""
        self._is_rejected = False

    def _is_sendable(self) -> bool:
        try:
            self.credential.apply(httpx.Request("GET", "https://redacted.invalid"))
        except UnfitValueError:
            return False
        return True

    @property
    def certificate_ends_at(self) -> float | None:
        """When the server's certificate that was seen last ends, as UTC seconds; None before one was seen."""
        return self.certificate.not_after if self.certificate is not None else None

    def _notice(self, event: str, detail: str) -> None:
        self._publish(
            CredentialNotice(
                at=self._clock.time(), integration=self.id, vendor=self.vendor, event=event, detail=detail
            )
        )

    def _origins(self) -> Origins:
        values = Values(self.config, clock=self._clock, secrets=self._secrets())
        entries = [Template(host).fill(values) for host in self.manifest.hosts]
        try:
            return Origins([entry for entry in entries if entry], suffixes=self.manifest.host_suffixes)
        except httpx.InvalidURL:
            # Its text quotes the address, which may be a secret.
            raise ConfigurationError(
                self.id, key="config or secrets", found="an address that is none", expected="https://host/…"
            ) from None

    def _credential(self) -> Credential:
        secrets = self._secrets()
        values = Values(self.config, clock=self._clock, secrets=secrets)
        try:
            credential = open_credential(self.auth, values=values, secrets=secrets)
            credential.apply(httpx.Request("GET", "https://redacted.invalid"))
        except UnsupportedKindError as error:
            supported = "a kind that is: none, api_key, basic, bearer"
            raise ConfigurationError(self.id, key="auth", found=str(error), expected=supported) from error
        except UnfitValueError as error:
            raise ConfigurationError(
                self.id, key="secrets", found=str(error), expected="a secret that can be sent"
            ) from error
        return credential

    def _secrets(self) -> dict[str, Secret]:
        """The secrets of its authentication kind that are given."""
        given = self.connection.secrets
        return {name: given[name] for name in self.auth.secrets if name in given}


def _parts(address: str) -> set[str]:
    split = urlsplit(address)
    values = {value for _, value in parse_qsl(split.query)} | {split.path}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}


def _auth(connection: Connection, manifest: Manifest) -> tuple[str, Auth]:
    """The kind that the connection names; else the only one, else `none` where the vendor has it."""
    kinds = manifest.auth
    name = connection.auth or (next(iter(kinds)) if len(kinds) == 1 else "none")
    if name in kinds:
        return name, kinds[name]
    found = repr(connection.auth) if connection.auth else "nothing"
    raise ConfigurationError(
        connection.id,
        key="auth",
        found=found,
        expected=f"one of {', '.join(sorted(kinds))}",
        valid=kinds,
        word=connection.auth,
    )


def _config(connection: Connection, manifest: Manifest) -> dict[str, object]:
    values, wrong = read_fields(connection.config, manifest.config)
    for name, expected in sorted(wrong.items()):
        is_known = name in manifest.config
        raise ConfigurationError(
            connection.id,
            key=f"config.{name}",
            found=("another value" if name in connection.config else "nothing")
            if is_known
            else "an unknown key",
            expected=expected,
            valid=manifest.config,
            word="" if is_known else name,
        )
    return values


def _check_secrets(connection: Connection, manifest: Manifest, auth: Auth) -> None:
    hook = manifest.webhooks.verify.secret if manifest.webhooks is not None else ""
    known = [*auth.secrets, *([hook, f"{hook}_previous"] if hook else [])]
    for name in connection.secrets:
        if name not in known:
            expected = f"one of {', '.join(sorted(known)) or 'none'}"
            raise ConfigurationError(
                connection.id, key=f"secrets.{name}", found="an unknown secret", expected=expected,
                valid=known, word=name,
            )  # fmt: skip
    for name, field in auth.secrets.items():
        _check_secret(connection, name, field)


def _check_secret(connection: Connection, name: str, field: SecretField) -> None:
    secret = connection.secrets.get(name)
    key = f"secrets.{name}"
    if secret is None or not secret.reveal():
        if field.required:
            raise ConfigurationError(connection.id, key=key, found="nothing", expected=field.title)
        return
    if field.prefix and not secret.reveal().startswith(field.prefix):
        expected = f"{field.title}, which starts with {' or '.join(field.prefix)}"
        raise ConfigurationError(connection.id, key=key, found="something else", expected=expected)
