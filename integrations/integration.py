"""One integration, opened: a connection held against its vendor's manifest, ready to make requests."""

from collections.abc import Callable, Collection, Mapping
from sys import intern

import httpx
import msgspec

from integrations.access import Access
from integrations.chosen_auth import check_secrets, chosen_auth
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.credentials.buying import CAPABILITY
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, UnfitAction, UnknownAction
from integrations.execution.call import LineSpec
from integrations.execution.certificate import Certificate
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.answers import AnswerReader
from integrations.manifest.evidence import HealthCheck
from integrations.manifest.fields import read_fields
from integrations.manifest.given_webhooks import webhooks_in
from integrations.manifest.hosts import ForeignHostError, Origins, parsed_url
from integrations.manifest.inbound import KEYS_CAPABILITY, Webhooks
from integrations.manifest.plans import ActionPlan, Plans
from integrations.manifest.requests import RequestPlan
from integrations.manifest.schema import Action, Manifest
from integrations.manifest.templates import template
from integrations.manifest.values import Values
from integrations.remarks import Remarks, tells_of_ends
from integrations.signals import Signal
from integrations.sparing import alike, nothing, put
from integrations.status_pages.dependents import covers
from integrations.webhooks.schemes import secret_names


class Integration:
    """What the framework knows of one integration. Read it; only the framework makes one. `plans` are those
    of its vendor, where others share them.

    Raises:
        ConfigurationError: when the connection does not fit its manifest.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_called",
        "_kept",
        "_plans",
        "_remarks",
        "_requests",
        "_status_url",
        "access",
        "auth",
        "auth_name",
        "certificate",
        "clock",
        "config",
        "connection",
        "manifest",
        "origins",
        "publish",
    )

    def __init__(
        self,
        connection: Connection,
        manifest: Manifest,
        *,
        clock: Clock,
        publish: Callable[[Signal], None],
        plans: Plans | None = None,
    ) -> None:
        self._plans = Plans(manifest) if plans is None else plans
        self.connection = connection
        self.config = _config(connection, manifest)
        self.manifest = manifest = _with_webhooks(connection, manifest, webhooks_in(self.config))
        self.auth_name, self.auth = chosen_auth(connection, manifest)
        self.clock = clock
        self.publish = publish
        self.certificate: Certificate | None = None
        check_secrets(connection, manifest, self.auth)
        self.origins = self._reach()
        self.access = Access(
            connection,
            manifest,
            kind=self.auth_name,
            config=self.config,
            origins=self.origins,
            clock=clock,
            publish=publish,
        )
        self._remarks: Remarks | None = None
        self._kept: dict[str, object] | None = None
        self._requests: Mapping[str, RequestPlan] = nothing()
        self._base: httpx.URL | None = None
        self._called: str | None = None
        self._status_url: str | None = None

    @property
    def _values(self) -> Values:
        return Values(self.config, clock=self.clock)

    @property
    def id(self) -> str:
        """The integration's id."""
        return self.connection.id

    @property
    def vendor(self) -> str:
        """The vendor's id."""
        return self.manifest.id

    @property
    def reader(self) -> AnswerReader:
        """What judges answers. Made when it is wanted, for most wait for their next check."""
        access = self.access
        return AnswerReader(self.manifest, now=self.clock.time, redact=access.redact, lacks=access.lacks)

    @property
    def kept(self) -> dict[str, object]:
        """What the vendor's own actions keep from one run to the next."""
        if self._kept is None:
            self._kept = {}
        return self._kept

    @property
    def called(self) -> str:
        """What people call the other end: the vendor's name, or what its manifest has instead."""
        if self._called is None:
            vendor = self.manifest.vendor
            self._called = intern(template(vendor.called).fill(self._values)) or vendor.name
        return self._called

    def asked(self, check: HealthCheck) -> str:
        """What a check asks, in words: `user.get at GitHub`, `GET at shop.example`."""
        return template(check.asks).fill(self._values) or f"{check.action} at {self.called}"

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The vendor's groups of actions."""
        return tuple(self.manifest.capabilities)

    @property
    def status_url(self) -> str:
        """Its vendor's status page; empty where none speaks of this integration."""
        if self._status_url is None:
            self._status_url = self._find_status_url()
        return self._status_url

    def _find_status_url(self) -> str:
        page = self.manifest.status_page
        hosts = (template(host).fill(self._values) for host in self.manifest.hosts)
        if page is None or not covers(page, filter(None, hosts)):
            return ""
        wanted = template(page.url)
        return wanted.fill(self._values) if all(map(self._values, wanted.names)) else ""

    @property
    def line(self) -> LineSpec:
        """What the executor must know."""
        webhooks = self.manifest.webhooks
        own: tuple[str, ...] = (CAPABILITY,) if self.access.tokens is not None else ()
        own += (KEYS_CAPABILITY,) if webhooks is not None and webhooks.fetches else ()
        return LineSpec(
            integration=self.id,
            vendor=self.vendor,
            policy=self.connection.policy,
            network=self.connection.network,
            capabilities=alike((*self.capabilities, *own)),
            identity=self.access.identity,
            socket=template(self.manifest.socket).fill(self._values),
            limits=self.manifest.limits,
        )

    def capability(self, action: str) -> str:
        """The first capability that an action belongs to."""
        return next(name for name, actions in self.manifest.capabilities.items() if action in actions)

    def plan(self, action: str) -> ActionPlan:
        """What there is to know of an action before it runs.

        Raises:
            UnknownAction: naming the nearest, or the authentication kinds that the action works with.
        """
        if action not in self.manifest.actions:
            raise UnknownAction(self.vendor, action, known=self.manifest.actions)
        plan = self._plans[action]
        wanted = plan.action.auth
        if wanted and self.auth_name not in wanted:
            raise UnfitAction(self.id, action, auth=self.auth_name, wanted=wanted)
        return plan

    def requests(self, action: str) -> RequestPlan:
        """How an action's requests are made, prepared at its first use."""
        plan = self._requests.get(action)
        if plan is None:
            plan = RequestPlan(
                self.manifest,
                action,
                config=self.config,
                origins=self.origins,
                clock=self.clock,
                secrets=self._secrets(),
            )
            self._requests = put(self._requests, action, plan)
        return plan

    @property
    def remarks(self) -> Remarks:
        """What its vendor's answers say beside their data; made when there is something to watch or keep."""
        if self._remarks is None:
            self._remarks = Remarks(self.id, self.manifest, clock=self.clock, publish=self.publish)
        return self._remarks

    @property
    def has_remarks(self) -> bool:
        """Whether there are any."""
        return self._remarks is not None

    def learn(self, reply: Reply, action: str, *, kind: FailureKind | None) -> None:
        """Take what an answer tells of the credential, of what is to end, and of the server's certificate."""
        access = self.access
        if kind is None:
            access.is_rejected = False
        if access.learns and (kind is None or kind is FailureKind.FORBIDDEN):
            access.learn(reply, action)
        if self._remarks is not None or tells_of_ends(self.manifest, reply):
            self.remarks.see(action, reply, is_good=kind is None)
        if reply.certificate is not None:
            self.certificate = reply.certificate

    def deadline(self, timeout: float | None) -> float:
        """When a run that begins now has to be over (monotonic), given its seconds; None: the policy's."""
        return self.clock.monotonic() + (self.connection.policy.deadline if timeout is None else timeout)

    def redact(self, text: str) -> str:
        """The text without the integration's secrets, in any form they are sent in."""
        return self.access.redact(text)

    @property
    def base(self) -> httpx.URL:
        """The address that the manifest's base_url gives."""
        if self._base is None:
            values = Values(self.config, clock=self.clock, secrets=self._secrets())
            self._base = httpx.URL(template(self.manifest.base_url).fill(values))
        return self._base

    @property
    def certificate_ends_at(self) -> float | None:
        """When the server's certificate that was seen last ends, as UTC seconds; None before one was seen."""
        return self.certificate.not_after if self.certificate is not None else None

    def _reach(self) -> Origins:
        """Where its calls may go, all its addresses among them."""
        values = Values(self.config, clock=self.clock, secrets=self._secrets())
        entries = [template(host).fill(values) for host in self.manifest.hosts]
        try:
            origins = Origins([entry for entry in entries if entry], suffixes=self.manifest.host_suffixes)
        except httpx.InvalidURL:
            # Its text quotes the address, which may be a secret.
            raise ConfigurationError(
                self.id, key="config or secrets", found="an address that is none", expected="https://host/…"
            ) from None
        self._check_addresses(origins, values, entries)
        return origins

    def _check_addresses(self, origins: Origins, values: Values, entries: Collection[str]) -> None:
        """Refuse an address that leads elsewhere; what is said never holds it, for it may be a secret.

        One that is not configured is missed by its actions alone, when they are called.
        """
        manifest = self.manifest
        actions = filter(self._fits, manifest.actions.values())
        addresses = {action.base_url or manifest.base_url for action in actions}
        for address in map(template, sorted(addresses)):
            filled = address.fill(values)
            if not filled or (filled in entries and _is_plain(filled)):
                continue
            try:
                origins.check(parsed_url(filled))
            except (httpx.InvalidURL, ForeignHostError):
                allowed = (*manifest.hosts, *manifest.host_suffixes)
                raise ConfigurationError(
                    self.id,
                    key=address.names[0].replace("secret.", "secrets.") if address.names else "vendor",
                    found="an address that leads elsewhere, or is none",
                    expected=f"an https address at {' or '.join(allowed)}",
                ) from None

    def missing_scopes(self, action: Action) -> tuple[str, ...]:
        """The scopes that the credential lacks for an action, of those that its kind can do."""
        is_known = self.access.granted is not None
        return self.access.scopes.missing(action.scopes) if is_known and self._fits(action) else ()

    def _fits(self, action: Action) -> bool:
        return not action.auth or self.auth_name in action.auth

    def _secrets(self) -> Mapping[str, Secret]:
        """The secrets of its authentication kind that are given."""
        given = self.connection.secrets
        return {name: given[name] for name in self.auth.secrets if name in given} or nothing()


def _is_plain(address: str) -> bool:
    """Whether it is a whole address, with no user in it."""
    return "://" in address and "@" not in address


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


def _with_webhooks(connection: Connection, manifest: Manifest, given: Webhooks | None) -> Manifest:
    """The manifest with the webhooks that an operator describes; their secrets are none that is sent."""
    if given is None:
        return manifest
    sent = {name for auth in manifest.auth.values() for name in auth.secrets}
    if taken := sorted(sent.intersection(secret_names(given))):
        raise ConfigurationError(
            connection.id, key="config.webhooks", found=f"the secret {taken[0]}, which requests send",
            expected="a name of its own for the secret of webhooks, such as webhook_secret",
        )  # fmt: skip
    return msgspec.structs.replace(manifest, webhooks=given)
