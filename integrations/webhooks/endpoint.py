"""Where one integration's webhooks come in: its scheme, its secrets, and the judgement of each delivery."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.integration import Integration
from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE, holds
from integrations.manifest.inbound import Handshake, Verification, Webhooks
from integrations.manifest.inbound_rules import KEPT_SECONDS
from integrations.manifest.templates import Template
from integrations.manifest.values import Values
from integrations.webhooks.carried import equal
from integrations.webhooks.concealing import conceal
from integrations.webhooks.fetching import Fetch
from integrations.webhooks.keys import TrustedKeys
from integrations.webhooks.payload import InboundWebhook, WebhookView
from integrations.webhooks.reading import lag_of, mark, sequence_of, word
from integrations.webhooks.refusals import BadSignatureError, KeysUnavailableError, StaleError
from integrations.webhooks.replies import Shaken, body_of, shake
from integrations.webhooks.schemes import chosen_scheme
from integrations.webhooks.verify import Proof, prepare, verify


class Verdict(NamedTuple):
    """What a delivery is: `verdict` is a word of WebhookReceipt; `status`, `body` and `headers` are the
    answer.

    An accepted one also has what tells it from others (see NewDelivery), and what its manifest points to.
    """

    verdict: str
    status: int
    body: str = ""
    detail: str = ""
    headers: Mapping[str, str] = {}
    event_type: str = ""
    webhook_id: str = ""
    delivery_key: str = ""
    content_key: str | None = None
    lag: float | None = None
    sequence: int | None = None


class Endpoint:
    """Judges the deliveries of one integration. `url_keys` gives the keys its URL may hold now.

    Raises:
        ConfigurationError: when its settings do not fit its vendor.
    """

    def __init__(
        self,
        integration: Integration,
        webhooks: Webhooks,
        *,
        clock: Clock,
        fetch: Callable[[Verification], Fetch],
        url_keys: Callable[[str], Sequence[Secret]],
    ) -> None:
        self.integration = integration
        self.webhooks = webhooks
        values = Values(integration.config, clock=clock)
        self.scheme_name, self.scheme = chosen_scheme(integration.connection, webhooks, values)
        prepare(self.scheme, integration.connection.secrets.values())
        self._url_keys = url_keys
        self._fetch = fetch(self.scheme)
        self._trusted = TrustedKeys(self.scheme, fetch=self._fetch, clock=clock)
        self._pins = {pointer: Template(text).fill(values) for pointer, text in webhooks.pins.items()}
        if self.scheme.kind == "sns" and not any(self._pins.values()):
            raise ConfigurationError(
                integration.id,
                key="config",
                found="a topic of anybody",
                expected="your own in the config value that the manifest pins: each AWS account can sign",
            )
        self.kept_headers = _kept(webhooks)
        self.window = webhooks.window if webhooks.window < KEPT_SECONDS else None

    def is_closed(self, key: str) -> bool:
        """Whether the URL lacks its key, so that it is none of ours whatever is asked of it."""
        given = (secret.reveal() for secret in self._secrets()) if self.scheme.kind == "key" else ()
        return self.scheme.kind == "key" and sum([equal(key, one) for one in given]) == 0

    async def judge(self, payload: InboundWebhook) -> Verdict:
        """Say what a delivery is and how it is answered; nothing is stored here."""
        if self.is_closed(payload.key):
            # The answer is that of any other address that is none of ours.
            return Verdict("bad_signature", 404, detail="the key in the URL is wrong or absent")
        if len(payload.body) > self.webhooks.max_body:
            return Verdict("malformed", 413, detail=f"the body is over {self.webhooks.max_body} bytes")
        if url := self.integration.connection.webhooks.url:
            payload = msgspec.structs.replace(payload, url=url)
        view = WebhookView(payload)
        handshake = self._handshake(payload.method, view)
        if handshake is None and payload.method != "POST":
            return Verdict("malformed", 405, detail=f"no handshake is made with {payload.method}")
        if handshake is not None and not handshake.verified:
            return _shaken(await shake(handshake, view, fetch=self._fetch))
        return await self._proved(payload, view, handshake)

    def kept_body(self, payload: InboundWebhook) -> bytes:
        """What is stored of an accepted delivery's body."""
        places = self.webhooks.conceal
        return conceal(WebhookView(payload), places) if places else payload.body

    async def _proved(
        self, payload: InboundWebhook, view: WebhookView, handshake: Handshake | None
    ) -> Verdict:
        if self.scheme.secret and not any(secret.reveal() for secret in self._secrets()):
            # The fault is ours, and vendors switch off a webhook that is refused a few times.
            return Verdict("unverifiable", 503, detail=f"no secret is configured: set {self.scheme.secret}")
        try:
            trusted = await self._trusted.trusted(view)
            proof = verify(self.scheme, payload, self._secrets(), view=view, trusted=trusted)
            if handshake is not None:
                return await self._confirmed(handshake, view)
        except BadSignatureError as error:
            return Verdict("bad_signature", 401, detail=str(error))
        except StaleError as error:
            return Verdict("stale", 401, detail=str(error))
        except KeysUnavailableError as error:
            return Verdict("unverifiable", 503, detail=str(error))
        return self._accept(payload, view, proof)

    async def _confirmed(self, handshake: Handshake, view: WebhookView) -> Verdict:
        """Answer a proved handshake; what is confirmed by a call must be ours, as each delivery must."""
        if handshake.fetch and (wrong := self._unpinned(view)) is not None:
            return _foreign(wrong)
        return _shaken(await shake(handshake, view, fetch=self._fetch))

    def _unpinned(self, view: WebhookView) -> str | None:
        """The first place that is not as the configuration pins it.

        Raises:
            msgspec.DecodeError: when the body must be read and cannot be.
        """
        return next((at for at, wanted in self._pins.items() if wanted and _at(view, at) != wanted), None)

    def _accept(self, payload: InboundWebhook, view: WebhookView, proof: Proof) -> Verdict:
        webhooks = self.webhooks
        try:
            event_type, webhook_id = word(webhooks.type, view), mark(webhooks.id, view)
            wrong = self._unpinned(view)
            lag = lag_of(webhooks.sent_at, view, proof.sent_at, now=payload.received_at)
            sequence = sequence_of(webhooks.sequence, view)
            if webhooks.conceal:
                view.json()
            fitting = (one.reply for one in webhooks.accepted_when if holds(one.when, view))
            reply = next(fitting, webhooks.accepted)
            body, headers = body_of(reply)
        except UNREADABLE:
            return Verdict("malformed", 400, detail="the body cannot be read as its content type says")
        if wrong is not None:
            return _foreign(wrong)
        delivery_key, content_key = _keys(payload, proof, webhook_id)
        return Verdict(
            "accepted",
            reply.status,
            body,
            headers=headers,
            event_type=event_type,
            webhook_id=webhook_id or delivery_key,
            delivery_key=delivery_key,
            content_key=content_key,
            lag=lag,
            sequence=sequence,
        )

    def _handshake(self, method: str, view: WebhookView) -> Handshake | None:
        for one in self.webhooks.handshakes:
            if one.method == method and (one.when is None or holds(one.when, view)):
                return one
        return None

    def _secrets(self) -> Sequence[Secret]:
        """The current secret, and the previous one while a rotation lasts."""
        if self.scheme.kind == "key":
            return self._url_keys(self.integration.id)
        given, name = self.integration.connection.secrets, self.scheme.secret
        return [given[key] for key in (name, f"{name}_previous") if key in given]


def _keys(payload: InboundWebhook, proof: Proof, webhook_id: str) -> tuple[str, str | None]:
    """What tells a delivery from all others: its id, and the hash of what is signed.

    Whoever replays one can change an id in a header, and which fields of the body are read (by its content
    type); so what is signed must be new as well. Without an id the hash stands for it.
    """
    if proof.signed is None:
        return webhook_id or hashlib.sha256(payload.body).hexdigest(), None
    content = hashlib.sha256(proof.signed).hexdigest()
    return webhook_id or content, content


def _shaken(shaken: Shaken) -> Verdict:
    verdict = "malformed" if shaken.problem else "handshake"
    return Verdict(verdict, shaken.status, shaken.body, shaken.problem, headers=shaken.headers)


def _foreign(place: str) -> Verdict:
    return Verdict("bad_signature", 401, detail=f"{place} is not what the configuration pins")


def _at(view: WebhookView, pointer: str) -> object:
    return pointers.get(view.json(), pointer)


def _kept(webhooks: Webhooks) -> frozenset[str]:
    """The headers that are stored: those that the manifest names as facts, never one that proves."""
    fields = [webhooks.type, webhooks.id, webhooks.sequence, webhooks.sent_at]
    named = [field.header for field in fields if field is not None and field.header]
    return frozenset(name.lower() for name in ("content-type", "user-agent", *named, *webhooks.headers))
