"""Opens a connection's credential: one line here for each kind."""

from collections.abc import Mapping
from typing import assert_never

from integrations.clock import Clock
from integrations.credentials.api_key import APIKey
from integrations.credentials.basic import Basic
from integrations.credentials.bearer import Bearer
from integrations.credentials.credential import Credential
from integrations.credentials.github_app import GitHubAppSource
from integrations.credentials.identity import ClientCertificate
from integrations.credentials.none import NoCredential
from integrations.credentials.oauth2 import OAuth2Source
from integrations.credentials.renewing import TokenCredential
from integrations.credentials.secret import Secret
from integrations.credentials.token import TokenSource
from integrations.manifest.authentication import (
    APIKeyAuth,
    AppAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCertificateAuth,
    NoAuth,
    OAuth2Auth,
)
from integrations.manifest.templates import Lookup

_NONE = NoCredential()


def open_credential(auth: Auth, *, values: Lookup, secrets: Mapping[str, Secret], clock: Clock) -> Credential:
    """The credential of this kind; `values` looks up config and secrets for its templates.

    Raises:
        UnfitValueError: when a secret cannot be sent, or sign.
        IdentityError: when a certificate or its key cannot be used.
        httpx.InvalidURL: when what tokens are bought at is no address.
    """
    match auth:
        case NoAuth():
            return _NONE
        case APIKeyAuth():
            return APIKey(auth, values=values, secrets=secrets)
        case BasicAuth():
            return Basic(auth, values=values, secrets=secrets)
        case BearerAuth():
            return Bearer(auth, values=values, secrets=secrets)
        case ClientCertificateAuth():
            return ClientCertificate(auth, values=values, secrets=secrets)
        case OAuth2Auth() | AppAuth():
            return _tokens(auth, values=values, secrets=secrets, clock=clock)
        case _:
            assert_never(auth)


def _tokens(
    auth: OAuth2Auth | AppAuth, *, values: Lookup, secrets: Mapping[str, Secret], clock: Clock
) -> TokenCredential:
    source: TokenSource
    if isinstance(auth, OAuth2Auth):
        source, scheme = OAuth2Source(auth, values=values, now=clock.time), auth.scheme
    else:
        source, scheme = GitHubAppSource(auth, values=values, now=clock.time), "Bearer"
    # A key that cannot sign is to be told at the start, not at the first call.
    source.request(None)
    return TokenCredential(source, scheme=scheme, early=auth.early, secrets=secrets, clock=clock)
