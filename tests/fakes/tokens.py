"""A vendor that wants bought tokens, and the keys and certificates that go with it."""

import datetime as dt
import functools
from collections.abc import Mapping
from urllib.parse import parse_qsl

import httpx
import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.credentials.store import SavedCredential
from integrations.execution.executor import Executor
from integrations.framework import IntegrationFramework
from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from tests.fakes.clock import LoopClock
from tests.fakes.signals import RecordingSubscriber

API = "https://api.vendor.example"
SECRETS = {"client_id": {"title": "client id"}, "client_secret": {"title": "client secret"}}
CLIENT = {
    "kind": "oauth2",
    "grant": "client_credentials",
    "token_url": f"{API}/oauth/token",
    "secrets": SECRETS,
}


def manifest(auth: Mapping[str, object] = CLIENT, **more: object) -> Manifest:
    """A manifest with one kind of authentication, `app`, a read and a write."""
    return msgspec.convert(
        {
            "manifest": 1,
            "id": "vendor",
            "version": "1.0.0",
            "vendor": {"name": "Vendor", "docs": "https://docs.example"},
            "base_url": API,
            "hosts": ["api.vendor.example"],
            "host_suffixes": ["customers.vendor.example"],
            "auth": {"app": auth},
            "actions": {
                "me": {"title": "me", "effect": "read", "path": "/me", "scopes": ["read", "list"]},
                "put": {"title": "put", "effect": "write", "path": "/put", "method": "PUT"},
            },
            "capabilities": {"read": ["me"], "write": ["put"]},
            "health": [{"action": "me", "capability": "read"}],
            **more,
        },
        Manifest,
    )


class OneVendor:
    """A catalogue of one manifest."""

    def __init__(self, only: Manifest) -> None:
        self._only = only

    def vendors(self) -> tuple[str, ...]:
        return (self._only.id,)

    def manifest(self, vendor: str) -> Manifest:
        assert vendor == self._only.id
        return self._only

    def lock(self, vendor: str) -> Lock:
        assert vendor == self._only.id
        return Lock(sources={}, operations={})


class TokenVendor:
    """Sells tokens at /oauth/token and takes only those it sold and has not revoked.

    `answer` replaces what the token endpoint says; `latency` is how long it takes. `life` goes into
    expires_in. With `rotates` each refresh token counts once.
    """

    def __init__(self, *, life: float | None = 3600.0, rotates: bool = False) -> None:
        self.life = life
        self.rotates = rotates
        self.latency = 0.0
        self.answer: httpx.Response | Exception | None = None
        self.forms: list[dict[str, str]] = []
        self.headers: list[httpx.Headers] = []
        self.calls: list[httpx.Request] = []
        self.good: set[str] = set()
        self.refresh = {"first-refresh"}
        self.extra: dict[str, object] = {}
        self.sold = 0

    def handler(self, clock: LoopClock) -> httpx.AsyncBaseTransport:
        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path not in ("/oauth/token", "/app/installations/7/access_tokens"):
                return self._serve(request)
            self.forms.append(dict(parse_qsl(request.read().decode())))
            self.headers.append(request.headers)
            if self.latency:
                await clock.sleep(self.latency)
            return self._sell(self.forms[-1])

        return httpx.MockTransport(answer)

    def revoke(self) -> None:
        self.good.clear()

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        word, _, token = request.headers.get("authorization", "").partition(" ")
        if word != "Bearer" or token not in self.good:
            return httpx.Response(401, json={"message": f"bad token {token}"})
        return httpx.Response(200, json={"ok": True})

    def _sell(self, form: Mapping[str, str]) -> httpx.Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return httpx.Response(
                self.answer.status_code, headers=self.answer.headers, content=self.answer.content
            )
        body: dict[str, object] = {"token_type": "Bearer", **self.extra}
        if form.get("grant_type") == "refresh_token":
            if form["refresh_token"] not in self.refresh:
                return httpx.Response(400, json={"error": "invalid_grant", "error_description": "spent"})
            if self.rotates:
                self.refresh = {f"refresh-{self.sold}"}
                body["refresh_token"] = f"refresh-{self.sold}"
        self.sold += 1
        token = f"access-{self.sold}"
        self.good.add(token)
        body["access_token"] = body["token"] = token
        if self.life is not None:
            body["expires_in"] = self.life
        return httpx.Response(200, json=body)


class MemoryCredentials:
    """Keeps credentials as the storage would; fails while `is_down`."""

    def __init__(self) -> None:
        self.rows: dict[str, SavedCredential] = {}
        self.is_down = False
        self.saves = 0

    async def load_credentials(self) -> tuple[SavedCredential, ...]:
        return tuple(self.rows.values())

    async def save_credential(self, saved: SavedCredential) -> None:
        self.saves += 1
        if self.is_down:
            raise OSError("disk full")
        self.rows[saved.integration] = saved


class TokenWorld:
    """A framework of one vendor in the loop's time."""

    def __init__(
        self,
        vendor: TokenVendor,
        auth: Mapping[str, object] = CLIENT,
        *,
        clock: LoopClock | None = None,
        store: MemoryCredentials | None = None,
        **more: object,
    ) -> None:
        self.clock = clock or LoopClock()
        self.vendor = vendor
        self.seen = RecordingSubscriber()
        self.store = store or MemoryCredentials()
        self.executor = Executor(
            clock=self.clock, publish=self.seen, transport=lambda _: vendor.handler(self.clock)
        )
        self.framework = IntegrationFramework(
            executor=self.executor,
            catalog=OneVendor(manifest(auth, **more)),  # type: ignore[arg-type]  # as much of it as is asked here
            clock=self.clock,
            publish=self.seen,
            credentials=self.store,
        )

    def open(self, secrets: Mapping[str, str | Secret] | None = None, **config: object) -> None:
        given = secrets if secrets is not None else {"client_id": "id", "client_secret": "s3cret"}
        held = {name: one if isinstance(one, Secret) else Secret(one) for name, one in given.items()}
        self.framework.register_integration(
            Connection(id="v", vendor="vendor", auth="app", secrets=held, config=config)
        )


@functools.cache
def rsa_key(size: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


@functools.cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str = "") -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, ends: dt.datetime) -> str:
    """A self-signed certificate of this key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dialtone client")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def unsigned(**claims: object) -> str:
    """A JWT that nobody has to check."""
    return jwt.encode(dict(claims), "x" * 32, algorithm="HS256")
