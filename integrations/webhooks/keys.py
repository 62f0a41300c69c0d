"""Keeps what was fetched to hold proofs against: key sets for an hour, certificates for a day.

A key id that is not in the set means that the vendor has changed its keys, so the set is fetched again, but
at most once a minute, because anybody may send such an id.
"""

from collections import OrderedDict

import anyio
import msgspec

from integrations.clock import Clock
from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.inbound import Verification
from integrations.webhooks.fetching import Fetch
from integrations.webhooks.jwt import KeySet, key_id
from integrations.webhooks.payload import WebhookView
from integrations.webhooks.refusals import BadSignatureError, KeysUnavailableError
from integrations.webhooks.sns import Notification, certificate_url
from integrations.webhooks.verify import Trusted

KEYS_SECONDS = 3600.0
STALE_SECONDS = 86_400.0
"""For so long an old key set serves while no new one can be fetched."""
CERTIFICATE_SECONDS = 86_400.0
AGAIN_SECONDS = 60.0
FIRST_AGAIN_SECONDS = 5.0
MAX_CERTIFICATES = 16
MAX_FETCHES = 5
"""Certificates that are fetched for one integration in a minute."""


class TrustedKeys:
    """What one integration's deliveries are held against."""

    def __init__(self, scheme: Verification, *, fetch: Fetch, clock: Clock) -> None:
        self._scheme = scheme
        self._fetch = fetch
        self._clock = clock
        self._lock = anyio.Lock()
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")
        self._certificates: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._fetches: list[float] = []

    async def trusted(self, view: WebhookView) -> Trusted:
        """Return what this delivery's proof is held against, fetched where need be.

        Raises:
            BadSignatureError: when the delivery names nothing that may be fetched.
            KeysUnavailableError: when it cannot be fetched now.
        """
        if self._scheme.kind == "jwt":
            return Trusted(keys=await self._key_set(key_id(view.headers)))
        if self._scheme.kind == "sns":
            return Trusted(notification=await self._notification(view))
        return Trusted()

    async def _key_set(self, kid: str) -> KeySet:
        fresh = self._known(kid)
        if fresh is not None:
            # Whoever makes us fetch by an unknown id holds up nobody whose key is known.
            return fresh
        async with self._lock:
            age = self._clock.monotonic() - self._fetched
            is_known = self._keys is not None and (not kid or any(key.kid == kid for key in self._keys.keys))
            wait = AGAIN_SECONDS if self._keys is not None else FIRST_AGAIN_SECONDS
            may_try = self._clock.monotonic() - self._tried >= wait
            if may_try and (not is_known or age > KEYS_SECONDS):
                await self._renew(keeps=age <= STALE_SECONDS)
            if self._keys is None:
                raise KeysUnavailableError("the vendor's key set could not be fetched")
            return self._keys

    def _known(self, kid: str) -> KeySet | None:
        """The key set, while it is new enough and holds the key."""
        keys, age = self._keys, self._clock.monotonic() - self._fetched
        is_known = keys is not None and (not kid or any(key.kid == kid for key in keys.keys))
        return keys if is_known and age <= KEYS_SECONDS else None

    async def _renew(self, *, keeps: bool) -> None:
        self._tried = self._clock.monotonic()
        try:
            self._keys = msgspec.json.decode(await self._fetch(self._scheme.jwks, step="keys"), type=KeySet)
        except (*UNREADABLE, BadSignatureError, KeysUnavailableError):
            self._keys = self._keys if keeps else None
            return
        self._fetched = self._clock.monotonic()

    async def _notification(self, view: WebhookView) -> Notification:
        try:
            value = view.json()
        except UNREADABLE as error:
            raise BadSignatureError("the body is not JSON") from error
        url = certificate_url(value)
        if not isinstance(value, dict):
            raise BadSignatureError("the body is no notification")
        if known := self._kept(url):
            return Notification(value, known)
        async with self._lock:
            return Notification(value, self._kept(url) or await self._certificate(url))

    def _kept(self, url: str) -> bytes:
        fetched, certificate = self._certificates.get(url, (float("-inf"), b""))
        return certificate if self._clock.monotonic() - fetched <= CERTIFICATE_SECONDS else b""

    async def _certificate(self, url: str) -> bytes:
        now = self._clock.monotonic()
        self._fetches = [at for at in self._fetches if now - at < AGAIN_SECONDS]
        if len(self._fetches) >= MAX_FETCHES:
            raise KeysUnavailableError("too many certificates were asked for")
        self._fetches.append(now)
        certificate = await self._fetch(url, step="certificate")
        self._certificates[url] = now, certificate
        if len(self._certificates) > MAX_CERTIFICATES:
            self._certificates.popitem(last=False)
        return certificate
