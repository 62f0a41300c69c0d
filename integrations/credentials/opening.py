"""Opens a connection's credential: one line here for each kind that this version supports."""

from collections.abc import Mapping

from integrations.credentials.api_key import APIKey
from integrations.credentials.basic import Basic
from integrations.credentials.bearer import Bearer
from integrations.credentials.credential import Credential
from integrations.credentials.none import NoCredential
from integrations.credentials.secret import Secret
from integrations.manifest.authentication import APIKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth
from integrations.manifest.templates import Lookup


class UnsupportedKindError(ValueError):
    """The manifest's authentication kind is described, but this version cannot apply it yet."""


def open_credential(auth: Auth, *, values: Lookup, secrets: Mapping[str, Secret]) -> Credential:
    """The credential of this kind; `values` looks up config and secrets for its templates.

    Raises:
        UnsupportedKindError: naming the kind.
    """
    match auth:
        case NoAuth():
            return NoCredential()
        case APIKeyAuth():
            return APIKey(auth, values=values, secrets=secrets)
        case BasicAuth():
            return Basic(auth, values=values, secrets=secrets)
        case BearerAuth():
            return Bearer(auth, values=values, secrets=secrets)
        case _:
            kind = auth.__struct_config__.tag
            raise UnsupportedKindError(f"authentication kind {kind} is not supported yet by this version")
