"""What an integration authenticates with, and all that is known of it: token, ends, scopes, refusals."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import msgspec

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.credentials.credential import Credential, fingerprint
from integrations.credentials.ends import CredentialEnds
from integrations.credentials.identity import ClientCertificate, ClientIdentity
from integrations.credentials.none import NoCredential
from integrations.credentials.opening import open_credential
from integrations.credentials.renewing import TokenCredential
from integrations.credentials.scopes import GrantedScopes
from integrations.credentials.secret import Secret
from integrations.credentials.store import SavedCredential
from integrations.errors import ConfigurationError
from integrations.execution.transport import Reply
from integrations.manifest.authentication import AppAuth, Auth, OAuth2Auth
from integrations.manifest.hosts import ForeignHostError, Origins
from integrations.manifest.schema import Manifest
from integrations.manifest.templates import UnfitValueError
from integrations.manifest.values import Values
from integrations.signals import CredentialNotice, Signal
from integrations.sparing import nothing

_SHORTEST_SECRET = 16
_HARMLESS = frozenset({"", "Bearer", "Basic", "redacted.invalid"})
_PROBE = httpx.URL("https://redacted.invalid")
_DOCS = "docs/credentials.md"


class Access:
    """One integration's credential. `config` are its config values, `origins` where its calls may go.
    `is_rejected`: the vendor refused it last. `learns`: good answers tell something of it.

    Raises:
        ConfigurationError: when a secret cannot be used, or tokens would be bought at a foreign host.
    """

    __slots__ = (
        "_clock",
        "_config",
        "_connection",
        "_ends",
        "_has_failed",
        "_manifest",
        "_origins",
        "_publish",
        "_scopes",
        "credential",
        "identity",
        "is_rejected",
        "kind",
        "learns",
        "secrets",
        "tokens",
    )

    def __init__(
        self,
        connection: Connection,
        manifest: Manifest,
        *,
        kind: str,
        config: Mapping[str, object],
        origins: Origins,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self.kind = kind
        self._connection = connection
        self._manifest = manifest
        given = connection.secrets
        wanted = {name: given[name] for name in self.auth.secrets if name in given}
        self.secrets: Mapping[str, Secret] = wanted or nothing()
        self._scopes: GrantedScopes | None = None
        self._ends: CredentialEnds | None = None
        self._config = config
        self._origins = origins
        self._clock = clock
        self._publish = publish
        self.is_rejected = self._has_failed = False
        self.learns = bool(manifest.granted_scopes or self.auth.expiry)
        self.identity: ClientIdentity | None = None
        self.credential = self._open()
        self.tokens = self.credential if isinstance(self.credential, TokenCredential) else None
        self._read_secrets()

    @property
    def id(self) -> str:
        """The integration's id."""
        return self._connection.id

    @property
    def auth(self) -> Auth:
        """What the manifest says of its kind."""
        return self._manifest.auth[self.kind]

    @property
    def ends(self) -> CredentialEnds:
        """When what it holds ends."""
        if self._ends is None:
            self._ends = CredentialEnds(self.auth, self.secrets)
        return self._ends

    @property
    def scopes(self) -> GrantedScopes:
        """What it may do, as far as the vendor told."""
        if self._scopes is None:
            self._scopes = GrantedScopes(self._manifest.implied_scopes)
        return self._scopes

    @property
    def known_ends(self) -> Mapping[str, float]:
        """The ends that are known, as UTC seconds by the names of what ends."""
        return nothing() if self._ends is None else self._ends.known

    @property
    def granted(self) -> tuple[str, ...] | None:
        """The scopes it has; None while the vendor has not told."""
        return None if self._scopes is None else self._scopes.granted

    # In use.

    def learn(self, reply: Reply, action: str) -> None:
        """Take what a good answer tells of the credential."""
        self.ends.read_answer(reply, action)
        if header := self._manifest.granted_scopes.lower():
            self.scopes.read_header(reply.headers.get(header, ""))

    def lacks(self, header: str, needed: Iterable[str]) -> tuple[str, ...]:
        """The needed scopes that the credential does not have, by this answer's header or what is known."""
        self.scopes.read_header(header)
        return self.scopes.missing(needed)

    def aim(self, request: httpx.Request, *, base: httpx.URL) -> None:
        """Send a request for the base's host to the one that came with the token, where one did."""
        host = self.tokens.token.host if self.tokens is not None and self.tokens.token is not None else ""
        if not host or request.url.host != base.host:
            return
        learned = httpx.URL(host)
        request.url = request.url.copy_with(scheme=learned.scheme, host=learned.host, port=learned.port)
        request.headers["host"] = request.url.netloc.decode()

    def check_host(self, host: str) -> None:
        """Refuse an address that calls may not go to.

        Raises:
            ForeignHostError: naming the host only.
        """
        try:
            self._origins.check(httpx.URL(host))
        except httpx.InvalidURL as error:
            raise ForeignHostError("what was given is no address") from error

    # After a refusal.

    async def reread(self, *, after_refusal: bool = False) -> bool:
        """Read the secrets' files again: whether they gave others that can be used. Publishes what became
        of it.
        """
        try:
            changed = await self.credential.refresh()
        except OSError as error:
            self.notice("reread_failed", error.strerror or "the secret's file cannot be read")
            return False
        if changed and not self._is_usable():
            self.notice("reread_failed", "what its file holds now cannot be sent")
            return False
        if changed:
            self.is_rejected = False
            self._read_secrets()
            self.notice("reread", "the file gave a new value")
        elif after_refusal:
            self.refused()
        return changed

    def refused(self, detail: str = "") -> None:
        """The vendor refuses it; told once, until it is taken again."""
        if not self.is_rejected:
            self.is_rejected = True
            refused = f"the vendor refuses the credential of kind {self.kind}"
            missing = "the vendor asks for a credential, and the integration has none"
            self.notice("rejected", detail or (refused if self.secrets else missing))

    @property
    def remedy(self) -> str:
        """What to do about a refusal: which secrets to replace, and how they are taken up."""
        named = ", ".join(
            f"secrets.{name}" + (f" ({secret.origin})" if secret.origin else "")
            for name, secret in self.secrets.items()
        )
        if not named:
            return f"give the integration a credential; see {_DOCS}"
        is_read = any("${file:" in secret.origin for secret in self.secrets.values())
        then = f"dialtone credentials refresh {self.id}" if is_read else "dialtone reload"
        return f"replace {named}, then `{then}`; see {_DOCS}"

    # Told and kept.

    def notice(
        self, event: str, detail: str, *, credential: str = "", expires_at: float | None = None
    ) -> None:
        """Publish what happened to it."""
        self._publish(
            CredentialNotice(
                at=self._clock.time(),
                integration=self.id,
                vendor=self._manifest.id,
                event=event,
                detail=detail,
                credential=credential,
                expires_at=expires_at,
            )
        )

    def renewed(self) -> None:
        """A token was bought."""
        token = self.tokens.token if self.tokens is not None else None
        if token is not None:
            is_comparable = isinstance(self.auth, OAuth2Auth)
            self.scopes.take(token.scopes, is_comparable=is_comparable)
            self.is_rejected = self._has_failed = False
            detail = "a new access token" + (", with a new refresh token" if token.refresh else "")
            self.notice("refreshed", detail, credential="access_token", expires_at=token.expires_at)

    def not_renewed(self, detail: str, *, is_refused: bool) -> None:
        """None could be bought; told once, until one is."""
        if is_refused:
            self.refused(f"{detail}; {self.remedy}")
        if not self._has_failed:
            self._has_failed = True
            self.notice("refresh_failed", detail, credential="access_token")

    def tell_ends(self) -> bool:
        """Publish what is due to be said of ends; whether there was anything."""
        if self._ends is None:
            return False
        news = self._ends.news(self._clock.time())
        for name, end, days in news:
            detail = (
                f"{name} ends within {days} d; {self.remedy}" if days else f"{name} is over; {self.remedy}"
            )
            self.notice("expiring" if days else "expired", detail, credential=name, expires_at=end)
        return bool(news)

    @property
    def identifies(self) -> tuple[str, str]:
        """Kind and fingerprint: what is kept counts only while both are the same."""
        config = msgspec.json.encode(self._config, order="deterministic", enc_hook=repr)
        text = f"{self._manifest.id}\0{fingerprint(self.secrets)}\0".encode() + config
        return self.kind, hashlib.sha256(text).hexdigest()

    def inherit(self, before: "Access") -> None:
        """Go on with what another one of the same secrets has."""
        if before._ends is not None:  # noqa: SLF001 - of its own class
            self.ends.known = {**before.ends.known, **self.ends.known}
            self.ends.told = before.ends.told
        self.is_rejected, self._has_failed = before.is_rejected, before._has_failed  # noqa: SLF001 - of its own class
        if before._scopes is not None:  # noqa: SLF001 - of its own class
            self.scopes.take(before.scopes.granted, is_comparable=before.scopes.is_comparable)
        if before.tokens is not None:
            # The same object, so that a purchase under way is one for both.
            self.credential = self.tokens = before.tokens

    def restore(self, saved: SavedCredential) -> None:
        """Go on with what was kept through a restart."""
        self.ends.known = {**saved.ends, **self.ends.known}
        self.ends.told = dict(saved.told)
        if self.tokens is not None and saved.access and self._is_allowed(saved.host):
            self.tokens.restore(saved)
            self.scopes.take(saved.scopes, is_comparable=isinstance(self.auth, OAuth2Auth))

    def saved(self) -> SavedCredential:
        """What must survive a restart."""
        kind, digest = self.identifies
        saved = SavedCredential(
            integration=self.id,
            kind=kind,
            fingerprint=digest,
            ends=dict(self.ends.known),
            told=dict(self.ends.told),
        )
        token = self.tokens.token if self.tokens is not None else None
        if self.tokens is None or token is None:
            return saved
        return msgspec.structs.replace(
            saved,
            access=token.access.reveal(),
            refresh=token.refresh.reveal() if token.refresh is not None else "",
            expires_at=token.expires_at,
            renewed_at=self.tokens.renewed_at,
            host=token.host,
            scopes=token.scopes,
        )

    # Hidden.

    def redact(self, text: str) -> str:
        """The text without the connection's secrets, in any form they are sent in."""
        forms = {secret.reveal() for secret in self._connection.secrets.values()} | self._sent_forms()
        forms |= self.tokens.hidden() if self.tokens is not None else set()
        forms |= {line for form in forms if "-----BEGIN" in form for line in _lines(form)}
        # An address that is a secret is also quoted in parts: its path, or one value of its query.
        forms |= {part for form in forms if "://" in form for part in _parts(form)}
        forms |= {quote(form, safe="") for form in forms}
        for form in sorted(forms - _HARMLESS, key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    def _sent_forms(self) -> set[str]:
        sent = httpx.Request("GET", _PROBE)
        try:
            self.credential.apply(sent)
        except UnfitValueError:
            # The secret's file has changed to something that is never sent.
            return set()
        return {part for value in sent.headers.values() for part in value.split()} | {
            *sent.url.params.values()
        }

    # Opened.

    def _open(self) -> Credential:
        values = Values(self._config, clock=self._clock, secrets=self.secrets)
        try:
            credential = open_credential(self.auth, values=values, secrets=self.secrets, clock=self._clock)
            if not isinstance(credential, NoCredential):
                credential.apply(httpx.Request("GET", _PROBE))
            if isinstance(credential, ClientCertificate):
                self.identity = credential.identity
        except UnfitValueError as error:
            raise ConfigurationError(
                self.id, key="secrets", found=str(error), expected="a secret that can be used"
            ) from error
        except httpx.InvalidURL as error:
            raise ConfigurationError(
                self.id, key="config", found="a token address that is none", expected="https://host/…"
            ) from error
        if isinstance(credential, TokenCredential):
            self._check_seller(credential.source.url)
        return credential

    def _check_seller(self, url: httpx.URL) -> None:
        """Tokens are bought at the manifest's hosts, or where the operator's own file says."""
        text = self.auth.token_url if isinstance(self.auth, OAuth2Auth) else ""
        text = self.auth.api if isinstance(self.auth, AppAuth) else text
        is_ours = text.startswith("{config.") and url.scheme in ("http", "https") and url.host
        if is_ours and not url.userinfo:
            return
        try:
            self._origins.check(url)
        except ForeignHostError as error:
            raise ConfigurationError(
                self.id, key="config", found=f"tokens bought elsewhere: {error}", expected="an allowed host"
            ) from error

    def _is_usable(self) -> bool:
        try:
            self.credential.apply(httpx.Request("GET", _PROBE))
            if isinstance(self.credential, ClientCertificate):
                self.identity = self.credential.identity
            if self.tokens is not None:
                self.tokens.source.request(self.tokens.token)
        except UnfitValueError:
            return False
        return True

    def _is_allowed(self, host: str) -> bool:
        try:
            if host:
                self.check_host(host)
        except ForeignHostError:
            return False
        return True

    def _read_secrets(self) -> None:
        if self.secrets or self.identity is not None:
            self.ends.read_secrets(self.identity)


def _lines(pem: str) -> set[str]:
    """The lines of a key in PEM: a text may quote one of them alone."""
    return {line for line in pem.replace("\\n", "\n").splitlines() if len(line) >= _SHORTEST_SECRET}


def _parts(address: str) -> set[str]:
    split = urlsplit(address)
    values = {value for _, value in parse_qsl(split.query)} | {split.path}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}
