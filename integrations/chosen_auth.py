"""Which of a vendor's authentication kinds a connection uses, and whether its secrets are those it wants."""

from collections.abc import Collection, Mapping

from integrations.connection import Connection
from integrations.errors import ConfigurationError
from integrations.manifest.authentication import Auth, SecretField
from integrations.manifest.schema import Manifest
from integrations.webhooks.schemes import secret_names


def chosen_auth(connection: Connection, manifest: Manifest) -> tuple[str, Auth]:
    """The kind that the connection names, by its name; else the only one, or the one its secrets fit.

    Raises:
        ConfigurationError: when there is no such kind, or it is not clear which one is meant.
    """
    kinds = manifest.auth
    name = connection.auth or _fitting(connection, manifest)
    if name in kinds:
        return name, kinds[name]
    raise ConfigurationError(
        connection.id,
        key="auth",
        found=repr(name),
        expected=f"one of {', '.join(sorted(kinds))}",
        valid=kinds,
        word=name,
    )


def _fitting(connection: Connection, manifest: Manifest) -> str:
    """The only kind there is, or the only one of which all required secrets are given and no other."""
    kinds = manifest.auth
    if len(kinds) == 1:
        return next(iter(kinds))
    given: set[str] = set()
    if connection.secrets:
        known = {name for kind in kinds.values() for name in kind.secrets}
        _check_names(connection, manifest, known)
        given = connection.secrets.keys() & known
    fitting = [name for name, kind in kinds.items() if _fits(kind.secrets, given)]
    if len(fitting) == 1:
        return fitting[0]
    offered = "; or ".join(f"{name}: {', '.join(kinds[name].secrets) or 'nothing'}" for name in sorted(kinds))
    raise ConfigurationError(
        connection.id,
        key="auth" if fitting else "secrets",
        found=", ".join(sorted(given)) or "nothing",
        expected=f"auth, one of {', '.join(sorted(fitting))}"
        if fitting
        else f"those of one kind ({offered})",
    )


def _fits(secrets: Mapping[str, SecretField], given: set[str]) -> bool:
    """Whether these are all that a kind requires, and no other."""
    for name, field in secrets.items():
        if field.required and name not in given:
            return False
    return not given or given <= secrets.keys()


def check_secrets(connection: Connection, manifest: Manifest, auth: Auth) -> None:
    """Refuse secrets that the kind does not have, or cannot use, and the want of one that it needs.

    Raises:
        ConfigurationError: naming the secret, never its value.
    """
    _check_names(connection, manifest, auth.secrets)
    for name, field in auth.secrets.items():
        _check_secret(connection, name, field)


def _check_names(connection: Connection, manifest: Manifest, secrets: Collection[str]) -> None:
    if not connection.secrets:
        return
    hooks = secret_names(manifest.webhooks) if manifest.webhooks is not None else []
    known = sorted({*secrets, *hooks})
    for name in connection.secrets:
        if name not in known:
            raise ConfigurationError(
                connection.id, key=f"secrets.{name}", found="an unknown secret",
                expected=f"one of {', '.join(known) or 'none'}", valid=known, word=name,
            )  # fmt: skip


def _check_secret(connection: Connection, name: str, field: SecretField) -> None:
    secret = connection.secrets.get(name)
    key = f"secrets.{name}"
    if secret is None or not secret.reveal():
        if field.required:
            raise ConfigurationError(connection.id, key=key, found="nothing", expected=field.title)
        return
    if field.prefix and not secret.reveal().startswith(field.prefix):
        expected = f"{field.title}, which starts with {' or '.join(field.prefix)}"
        raise ConfigurationError(connection.id, key=key, found="something else", expected=expected)
