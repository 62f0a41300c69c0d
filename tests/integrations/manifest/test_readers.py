"""Every key of a manifest has a reader."""

import inspect
import re
from pathlib import Path

import msgspec
import pytest

from integrations.manifest import conditions, inbound, schema

PACKAGE = Path(__file__).parents[3] / "integrations"
DECLARING = {"schema.py", "inbound.py", "conditions.py"}

WAITING = {
    # Applied when these kinds of authentication are supported; registering them is refused until then.
    "OAuth2Auth": {"grant", "token_url", "client_auth", "parameters", "audience", "early", "host_pointer"},
    "AppAuth": {"app_id", "installation_id", "private_key"},
    "ClientCertificateAuth": {"certificate", "key"},
    # Read when vendors' status pages become evidence.
    "StatusPage": {"kind", "components"},
    # Their presence is enough: they say which form of manifest this is, and who may make requests in code.
    "Manifest": {"manifest"},
}

PARTS = [
    part
    for module in (schema, inbound, conditions)
    for _, part in inspect.getmembers(module, inspect.isclass)
    if issubclass(part, msgspec.Struct)
    and part.__module__ == module.__name__
    and not part.__name__.startswith("_")
]

SOURCE = "\n".join(
    path.read_text("utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in DECLARING and "simulator" not in path.parts
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_key_has_a_reader(part: type[msgspec.Struct]) -> None:
    names = {field.name for field in msgspec.structs.fields(part)} - WAITING.get(part.__name__, set())

    unread = {name for name in names if not re.search(rf"\.{name}\b|\"{name}\"", SOURCE)}

    assert unread == set()


def test_what_waits_for_a_reader_is_still_there() -> None:
    known = {part.__name__: {field.name for field in msgspec.structs.fields(part)} for part in PARTS}

    assert all(names <= known[part] for part, names in WAITING.items())
