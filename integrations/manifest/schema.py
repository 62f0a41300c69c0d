"""The manifest: a vendor's static facts, as strict Structs. Unknown keys are errors.

Text may hold `{name}`, `{name|function}` or `{function()}`; see templates.py. Pointers are JSON Pointers (RFC
6901). There is no expression language. Where data cannot say it, `code: true` names actions.py in the
vendor's folder.
"""

from typing import Literal

import msgspec

from integrations.execution.outcome import Effect, FailureKind
from integrations.manifest.authentication import Auth
from integrations.manifest.conditions import Condition
from integrations.manifest.evidence import Canary, Deprecation, DeprecationHeader, HealthCheck, StatusPage
from integrations.manifest.inbound import Webhooks

JSON = object | msgspec.UnsetType
"""A JSON value, or UNSET where the manifest gives none."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest."""


class Vendor(_Part, frozen=True, kw_only=True):
    """Who the third party is. `called` is what one integration's other end is called where `name` says too
    little (`{config.url|host}`). `sunset` is the day (YYYY-MM-DD) it ends, for a vendor that is going away.
    """

    name: str
    called: str = ""
    docs: str
    lifecycle: Literal["active", "beta", "deprecated", "retired"] = "active"
    sunset: str = ""


class Contract(_Part, frozen=True, kw_only=True):
    """A description that the claims below are held against.

    `source` is a path below the contracts folder. `evidence` says whose it is: the vendor's own description,
    the vendor's documentation entered by hand, or a third party's description. `prefix` goes before the
    contract's paths.
    """

    kind: Literal["openapi", "swagger", "graphql", "csdl", "postman", "derived", "docs"]
    evidence: Literal["vendor contract", "vendor docs", "third-party contract"]
    source: str = ""
    prefix: str = ""


class ConfigField(_Part, frozen=True, kw_only=True):
    """One value an operator gives for a connection. `type` url also checks scheme and host; endpoint is a url
    or unix:///PATH, a socket's path; headers is a mapping that can be sent; condition is one of
    conditions.py's; webhooks is all that a manifest says under that key, from the operator.
    """

    type: Literal[
        "string", "url", "endpoint", "integer", "number", "boolean", "object", "array", "headers",
        "condition", "webhooks",
    ] = "string"  # fmt: skip
    title: str
    required: bool = False
    default: JSON = msgspec.UNSET
    enum: tuple[str, ...] = ()
    example: str = ""


class HeaderNumber(_Part, frozen=True, kw_only=True):
    """A number in a response header; `pattern` is a regular expression whose first group is the number.

    `unit` matters for times: seconds from now, UTC seconds, UTC milliseconds, or an ISO 8601 stamp.
    """

    header: str
    pattern: str = ""
    unit: Literal["number", "seconds", "epoch_seconds", "epoch_milliseconds", "iso8601"] = "number"


class Quota(_Part, frozen=True, kw_only=True):
    """What the vendor's headers say of one bucket. `bucket_header` names a header that holds the bucket's
    name.

    The bucket's label is `bucket` unless the header's value is one of `buckets`: labels come from
    configuration only. `by_action` says that the headers speak of the bucket that the action names, where it
    names one (Discord's, whose own names are random).
    """

    bucket: str
    limit: HeaderNumber | None = None
    remaining: HeaderNumber | None = None
    used: HeaderNumber | None = None
    reset: HeaderNumber | None = None
    bucket_header: str = ""
    buckets: tuple[str, ...] = ()
    by_action: bool = False


class Limit(_Part, frozen=True, kw_only=True):
    """What the vendor's documentation allows: `rate` requests per `per` seconds, at most `burst` at once, and
    `concurrency` that are under way. 0 stands for what it does not limit.

    `actions` are those it counts (empty: all); a `concurrency` is one of all actions. `scope` says what
    shares it.
    """

    id: str
    rate: float = 0.0
    per: float = 1.0
    burst: int = 0
    concurrency: int = 0
    scope: Literal["connection", "credential", "vendor"] = "connection"
    actions: tuple[str, ...] = ()


class RetryAfter(_Part, frozen=True, kw_only=True):
    """Where a vendor says how long to wait: a header or a place in the body. The first that is there
    counts.
    """

    header: str = ""
    pointer: str = ""
    unit: Literal[
        "seconds", "milliseconds", "seconds_or_date", "epoch_seconds", "epoch_milliseconds", "iso8601"
    ] = "seconds_or_date"


class ErrorRule(_Part, frozen=True, kw_only=True):
    """How an answer maps to a FailureKind: the first rule whose condition holds decides.

    `code` points to the vendor's error word and `message` to its text; `kinds` maps error words to kinds,
    `kind` holds for the rest. `ok` says that this answer is no failure. `scopes` points to the scopes that
    are missing. `wait` is how many seconds to keep quiet where a throttling answer names no time.
    """

    when: Condition
    kind: FailureKind | None = None
    ok: bool = False
    code: str = ""
    message: str = ""
    kinds: dict[str, FailureKind] = {}
    scopes: str = ""
    retry: bool | None = None
    wait: float | None = None


class Errors(_Part, frozen=True, kw_only=True):
    """A vendor's errors: rules in order, then plain HTTP. `code` and `message` are where its error bodies
    hold them; a body that is nothing but a JSON text is a message too, and so are a mapping's
    texts, with their names.
    """

    rules: tuple[ErrorRule, ...] = ()
    code: str = ""
    message: str = ""
    retry_after: tuple[RetryAfter, ...] = (RetryAfter(header="retry-after"),)


class Paginate(_Part, frozen=True, kw_only=True):
    """How further pages are asked for.

    link: the URL in the Link header with rel=next (RFC 8288); cursor: the value at `next` goes into input
    `cursor`; page: a number that counts up in `page`; offset: `offset` grows by the items received;
    last_item: the value at `next` of a full page's last item goes into `cursor`. `size` is the input that
    holds the page size and `size_default` its value. `more` points to a boolean, where the vendor has one. Of
    pages that are counted, a value at `next` says that more follow, though this one is not full.
    """

    kind: Literal["link", "cursor", "page", "offset", "next_url", "last_item"]
    cursor: str = ""
    page: str = ""
    offset: str = ""
    next: str = ""
    more: str = ""
    size: str = ""
    size_default: int = 100
    first_page: int = 1


class Input(_Part, frozen=True, kw_only=True):
    """One typed input of an action, and where it goes in the request.

    `name` is the wire name (default: the input's own); `to` is a JSON Pointer into a JSON body, or a GraphQL
    variable. `style` is for arrays in a query or form: repeated, comma-separated, `name[]`, or one JSON text.
    A `filename` is the name of the file that its own `name` sends.
    """

    place: Literal["path", "query", "header", "body", "variable", "file", "filename"] = msgspec.field(
        name="in"
    )
    type: Literal["string", "integer", "number", "boolean", "object", "array", "bytes"] = "string"
    name: str = ""
    to: str = ""
    required: bool = False
    default: JSON = msgspec.UNSET
    enum: tuple[str, ...] = ()
    style: Literal["repeat", "csv", "brackets", "json"] = "repeat"
    description: str = ""
    example: JSON = msgspec.UNSET


class Body(_Part, frozen=True, kw_only=True):
    """A request body. `base` is a constant JSON object or list that body inputs are put into; its texts may
    hold `{config.x}` and `{secret.x}`. `whole` names the input that is the whole JSON body instead;
    `content_type` replaces the kind's own.
    """

    kind: Literal["json", "form", "multipart", "text", "bytes"] = "json"
    base: JSON = msgspec.UNSET
    whole: str = ""
    content_type: str = ""


class Idempotency(_Part, frozen=True, kw_only=True):
    """Where an idempotency key goes: a header, a JSON Pointer into the body, or an input in the `path` that
    the caller may leave out (Matrix's transaction id). Of a key of more than `longest` characters (0: any) so
    many of its SHA-256 in hex are sent.
    """

    header: str = ""
    to: str = ""
    path: str = ""
    longest: int = 0


class Action(_Part, frozen=True, kw_only=True):
    """One thing a vendor can do.

    `operation` is `contract:operationId` (or `contract:METHOD /path`); `method` and `path` must agree with
    it. `base_url` stands in for the manifest's; it and the path may hold `{secret.x}`, and after a `base_url`
    the path may be empty. `auth` names the authentication kinds it works with (empty: all).
    `idempotent` says that a repeat does no harm (default: by method, RFC 9110; a GraphQL document's by its
    effect). `items` points to the list in the answer, `output` to the part that is returned; `output_headers`
    maps names to answer headers that are returned with it. `graphql` is a document, sent by POST; its
    variables are inputs. `answer` ndjson is one JSON value a line. `scopes` are the permissions it needs.
    `code` says that actions.py makes the requests. `bucket` is the quota bucket it draws on, `cost` how much.
    """

    title: str
    effect: Effect
    operation: str = ""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    path: str = ""
    base_url: str = ""
    auth: tuple[str, ...] = ()
    input: dict[str, Input] = {}
    body: Body | None = None
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    graphql: str = ""
    idempotent: bool | None = None
    idempotency: Idempotency | None = None
    paginate: str = ""
    items: str = ""
    output: str = ""
    output_headers: dict[str, str] = {}
    answer: Literal["json", "ndjson", "text", "bytes", "none"] = "json"
    scopes: tuple[str, ...] = ()
    bucket: str = ""
    cost: float = 1.0
    timeout: float | None = None
    code: bool = False


class Manifest(_Part, frozen=True, kw_only=True):
    """A vendor as data.

    `hosts` is the exact allow-list of where its requests may go (or `{config.base_url}`: the host of that
    value); `host_suffixes` what a host learned at run time must end in. `socket` is a unix socket's path
    (empty: TCP), which `{config.x|unix_path}` takes from an endpoint. `granted_scopes` is the header in which
    answers name the scopes a credential has; `implied_scopes` are those that a scope contains.
    `headers` are sent with each request, except those that are filled with nothing.
    `capabilities` maps a name to action names; each action belongs to at least one. `absent` says of what a
    vendor does not have why it is missing here, with the page that says so. `code` allows actions.py.
    """

    manifest: Literal[1]
    id: str
    version: str
    vendor: Vendor
    base_url: str
    hosts: tuple[str, ...]
    host_suffixes: tuple[str, ...] = ()
    socket: str = ""
    headers: dict[str, str] = {}
    contracts: dict[str, Contract] = {}
    config: dict[str, ConfigField] = {}
    auth: dict[str, Auth]
    limits: tuple[Limit, ...] = ()
    quota: tuple[Quota, ...] = ()
    errors: Errors = Errors()
    paginate: dict[str, Paginate] = {}
    actions: dict[str, Action]
    capabilities: dict[str, tuple[str, ...]]
    health: tuple[HealthCheck, ...] = ()
    canaries: tuple[Canary, ...] = ()
    webhooks: Webhooks | None = None
    status_page: StatusPage | None = None
    deprecations: tuple[Deprecation, ...] = ()
    deprecation_headers: tuple[DeprecationHeader, ...] = ()
    absent: dict[Literal["limits", "webhooks", "status_page"], str] = {}
    granted_scopes: str = ""
    implied_scopes: dict[str, tuple[str, ...]] = {}
    code: bool = False
