"""How a vendor is authenticated to, as data: one Struct a kind, told apart by `kind`.

All texts may hold `{config.x}`, `{secret.x}` and functions; see templates.py. A kind that buys tokens
(`oauth2`, `github_app`) buys them in the background, before the old one ends; credentials/ says how.
"""

from typing import Literal

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest."""


class SecretField(_Part, frozen=True, kw_only=True):
    """One secret an authentication kind needs. `prefix` is what a right one starts with, to catch a mix-up
    early.
    """

    title: str
    prefix: tuple[str, ...] = ()
    required: bool = True


class Apply(_Part, frozen=True, kw_only=True):
    """Where a credential goes in a request: header and query values as text with `{secret.name}`."""

    headers: dict[str, str] = {}
    query: dict[str, str] = {}


class Expiry(_Part, frozen=True, kw_only=True):
    """Where the vendor says when a credential ends that cannot renew itself.

    Either a response `header` (of any answer), or a `pointer` into the answer of `action`, which is an action
    of this manifest: best the one of a check, so that it is asked anyway. `secret` names whose end it is
    (empty: the kind's first secret). The time is ISO 8601 (a day alone is its first second, UTC),
    `2026-12-01 10:00:00 UTC`, or an HTTP date; or epoch seconds or milliseconds, where `unit` says so.
    A JWT's own `exp` and a client certificate's end are found without this.
    """

    header: str = ""
    action: str = ""
    pointer: str = ""
    secret: str = ""
    unit: Literal["time", "epoch_seconds", "epoch_milliseconds"] = "time"


class _Auth(_Part, frozen=True, kw_only=True, tag_field="kind"):
    """What every authentication kind has. `scopes` are what the actions of this manifest need at most."""

    title: str = ""
    secrets: dict[str, SecretField] = {}
    scopes: tuple[str, ...] = ()
    expiry: tuple[Expiry, ...] = ()


class NoAuth(_Auth, frozen=True, kw_only=True, tag="none"):
    """No credential."""


class APIKeyAuth(_Auth, frozen=True, kw_only=True, tag="api_key"):
    """Fixed keys, one or several, in headers or the query, where `apply` says."""

    apply: Apply


class BasicAuth(_Auth, frozen=True, kw_only=True, tag="basic"):
    """HTTP Basic (RFC 7617) from two secrets or config values, as text."""

    username: str = "{secret.username}"
    password: str = "{secret.password}"  # noqa: S105 - a template, no secret


class BearerAuth(_Auth, frozen=True, kw_only=True, tag="bearer"):
    """A bearer token (RFC 6750), or the same header with another `scheme` word."""

    token: str = "{secret.token}"  # noqa: S105 - a template, no secret
    scheme: str = "Bearer"


class OAuth2Auth(_Auth, frozen=True, kw_only=True, tag="oauth2"):
    """OAuth 2.0 (RFC 6749): an access token bought at `token_url` and put into the Authorization header.

    Who asks: `client_id`, and by `client_auth` the `client_secret` in a Basic header or in the body, or a JWT
    signed with `private_key` (RFC 7523, 2.2), or nothing but its id. With what: `grant`, for which
    `refresh_token` starts with the secret of that name and goes on with each one that the vendor gives in its
    place, and `jwt_bearer` (RFC 7523, 2.1) signs a JWT with `private_key` for `subject` (empty: `issuer`).

    What is signed: `algorithm`, `key_id` (the `kid`), `issuer` (empty: `client_id`), `audience` (empty:
    `token_url`), further `claims`, and a life of `assertion_life` seconds. `private_key` is PEM.

    The request's form has `scope`, where it is not empty, and all of `parameters` (`audience`, `resource`,
    `account_id` …), those that are filled with nothing left out.

    The answer: the token at `token_pointer`, and its life at /expires_in, else `life` seconds (0: until it is
    refused). It is renewed `early` seconds before its end. `host_pointer` is where the answer names the
    address that the API answers at for this customer (Salesforce's /instance_url); requests to base_url's
    host then go there, and it must match `host_suffixes` or be one of `hosts`. `scheme` is the header's word.

    `token_url` begins with `{config.x}`, or its host is one of the manifest's `hosts`.
    """

    grant: Literal["client_credentials", "refresh_token", "jwt_bearer"]
    token_url: str
    client_auth: Literal["basic", "body", "private_key_jwt", "none"] = "basic"
    client_id: str = "{secret.client_id}"
    client_secret: str = "{secret.client_secret}"  # noqa: S105 - a template, no secret
    refresh_token: str = "{secret.refresh_token}"  # noqa: S105 - a template, no secret
    private_key: str = "{secret.private_key}"
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"] = "RS256"
    key_id: str = ""
    issuer: str = ""
    subject: str = ""
    audience: str = ""
    claims: dict[str, str] = {}
    assertion_life: float = 180.0
    scope: str = ""
    parameters: dict[str, str] = {}
    token_pointer: str = "/access_token"  # noqa: S105 - a place, no secret
    life: float = 0.0
    early: float = 60.0
    host_pointer: str = ""
    scheme: str = "Bearer"


class AppAuth(_Auth, frozen=True, kw_only=True, tag="github_app"):
    """GitHub App: an RS256 JWT of at most ten minutes buys an installation token, which lasts an hour.

    `app_id` is the app's id or client id, `installation_id` where it is installed, `private_key` its PEM,
    `api` where the REST API answers. The token is renewed `early` seconds before its end.
    """

    app_id: str
    installation_id: str
    private_key: str = "{secret.private_key}"
    api: str = "{config.base_url}"
    early: float = 300.0


class ClientCertificateAuth(_Auth, frozen=True, kw_only=True, tag="client_certificate"):
    """A TLS client certificate, its chain after it, and its key, in PEM; `password` opens an encrypted key.
    Of use over TLS only: over a unix socket it is not asked for.
    """

    certificate: str = "{secret.certificate}"
    key: str = "{secret.key}"
    password: str = ""


Auth = NoAuth | APIKeyAuth | BasicAuth | BearerAuth | OAuth2Auth | AppAuth | ClientCertificateAuth
