"""The part of a manifest that says how its inbound webhooks are verified and read. docs/webhooks.md shows
each scheme as it is written.
"""

from typing import Literal

import msgspec

from integrations.manifest.conditions import Condition

KEYS_CAPABILITY = "webhook_keys"
"""The capability of fetching keys and certificates, which has a circuit of its own: strangers can have some
fetched.
"""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest."""


class Verification(_Part, frozen=True, kw_only=True):
    """How an inbound webhook is proved genuine, over the raw body.

    Kinds: `hmac` and `ed25519` sign; `standard_webhooks` is v1 and v1a of that specification (Svix: name its
    three headers); `token` and `bearer` send the secret as it is, `basic` sends `user:password`; `jwt` is a
    bearer token signed with a key of the `jwks` URL; `sns` is Amazon SNS' signature in the body; `key` is
    for vendors that prove nothing: the URL holds a random key of ours, and `token`, `bearer` and `basic` are
    offered beside it. There is no kind that lets everybody in.

    `secret` names the connection's secret (a second one, `<secret>_previous`, counts too while one replaces
    the other). `header` holds the signature, `prefix` stands before each, `separator` between several.
    `secret_encoding` says how the secret's text becomes a key.

    `payload` is the signed text, of `{body}`, `{timestamp}`, `{id}`, `{url}` (as the vendor called it) and
    `{form}` (the form's fields sorted by name, each name and value joined: Twilio). The timestamp is in
    `timestamp_header`, at `timestamp_pointer` in a signed body, or the `timestamp_field` of the signature's
    own header (Stripe's `t`); `tolerance` is in seconds, both ways. `id_header` holds what `{id}` stands
    for.

    For `jwt`: `jwks` (https), `issuer` and `audience` may hold `{config.name}`; `algorithms` is the closed
    list of those accepted. `hosts` are all that keys and certificates may be fetched from, and that a
    handshake may call; `*` stands for one label (`sns.*.amazonaws.com`).
    """

    kind: Literal["hmac", "standard_webhooks", "ed25519", "token", "basic", "bearer", "jwt", "sns", "key"]
    secret: str = ""
    header: str = ""
    algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    secret_encoding: Literal["utf8", "base64", "hex"] = "utf8"  # noqa: S105 - an encoding, no secret
    payload: str = "{body}"
    prefix: str = ""
    separator: str = ""
    id_header: str = ""
    timestamp_header: str = ""
    timestamp_pointer: str = ""
    timestamp_field: str = ""
    timestamp_unit: Literal["seconds", "milliseconds"] = "seconds"
    tolerance: float = 300.0
    jwks: str = ""
    issuer: str = ""
    audience: str = ""
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"], ...
    ] = ("RS256",)
    hosts: tuple[str, ...] = ()


class WebhookField(_Part, frozen=True, kw_only=True):
    """Where an inbound webhook holds a fact: a `header`, a `pointer` into its body, the `first` of several
    pointers that leads to something, or all of them `joined` by `:`. `default` stands where nothing is
    found. With `list`, a pointer to a list, `pointer` starts at its items, and what they hold is joined; one
    that is no list counts as its only item.

    A body is JSON, or a form: then the fields are a mapping, and a field `payload` that holds JSON is read
    as such (Slack's interactivity, GitHub's form deliveries). XML is read as integrations/webhooks/
    xml_bodies.py says.
    """

    header: str = ""
    pointer: str = ""
    first: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    list: str = ""
    default: str = ""


class WebhookMoment(_Part, frozen=True, kw_only=True):
    """Where the vendor's own time of an event is, from which the delivery's lag is told."""

    header: str = ""
    pointer: str = ""
    unit: Literal["seconds", "milliseconds", "iso"] = "iso"


class Reply(_Part, frozen=True, kw_only=True):
    """A fixed answer: `json` (any value) or `text`, and headers."""

    status: int = 200
    json: object = None
    text: str = ""
    headers: dict[str, str] = {}


class Handshake(_Part, frozen=True, kw_only=True):
    """A request that only proves we own the URL, and the answer it wants.

    It is recognised by its `method` (other methods than POST are answered for handshakes only) and, where
    there is one, the condition `when` on its headers and body. The answer is the text at the pointer `echo`,
    or the fixed `reply`; `echo_headers` maps an answer's header to the request's header that is repeated in
    it. `fetch` points to a URL that is called to confirm (SNS), on one of the verification's `hosts`.
    `verified` says that it is signed like any delivery; only HEAD, GET and OPTIONS may go without.
    """

    method: Literal["POST", "GET", "HEAD", "OPTIONS"] = "POST"
    when: Condition | None = None
    echo: str = ""
    echo_headers: dict[str, str] = {}
    reply: Reply = Reply()
    fetch: str = ""
    verified: bool = True


class Acceptance(_Part, frozen=True, kw_only=True):
    """The answer to good deliveries of one sort, which the condition `when` tells by headers and body."""

    when: Condition
    reply: Reply


class Webhooks(_Part, frozen=True, kw_only=True):
    """A vendor's inbound webhooks.

    `schemes` are further ways to verify, of which the operator chooses one by `webhooks.scheme`. `id` tells
    deliveries apart; without one, the hash of what is proved does. `types` are the event types that metrics
    name (all others are `other`). `sent_at` is the vendor's own time; where a delivery has none, a signed
    timestamp is. `sequence` is a number that rises by one with each delivery, so that a gap is seen. `pins`
    maps pointers to what must stand there (`/TopicArn: "{config.topic_arn}"`; an empty config value pins
    nothing). `headers` are kept with a delivery, beside those that other keys name; `conceal` points to what
    is taken out of its body before it is stored (through all items of lists, by field names alone).
    `accepted` is the answer to a good delivery where the vendor wants another than 202, `accepted_when` to
    those that it wants answered otherwise still (the first that holds counts). `window` is how long a
    delivery must be known again, in seconds (30 days at most; `webhooks.keep_days` of the configuration says
    how long deliveries are kept), `max_body` the largest body in bytes.
    """

    verify: Verification
    schemes: dict[str, Verification] = {}
    type: WebhookField
    id: WebhookField = WebhookField()
    types: tuple[str, ...] = ()
    sent_at: WebhookMoment | None = None
    sequence: WebhookField | None = None
    pins: dict[str, str] = {}
    headers: tuple[str, ...] = ()
    conceal: tuple[str, ...] = ()
    accepted: Reply = Reply(status=202)
    accepted_when: tuple[Acceptance, ...] = ()
    window: float = 2592000.0
    handshakes: tuple[Handshake, ...] = ()
    max_body: int = 1048576

    @property
    def fetches(self) -> bool:
        """Whether proofs are held against what is fetched."""
        return any(one.hosts for one in (self.verify, *self.schemes.values()))
