"""Every key of a manifest has a reader: code that takes the key from that very Struct, as mypy sees it."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from mypy.build import BuildResult, build
from mypy.modulefinder import BuildSource
from mypy.nodes import MemberExpr
from mypy.options import Options
from mypy.types import Instance, Type, UnionType, get_proper_type

from integrations.manifest import conditions, evidence, inbound, schema

ROOT = Path(__file__).parents[3]
DECLARING = (schema, evidence, inbound, conditions)

WAITING = {
    # Applied when these kinds of authentication are supported; registering them is refused until then.
    "OAuth2Auth": {"grant", "token_url", "client_auth", "parameters", "audience", "early", "host_pointer"},
    "AppAuth": {"app_id", "installation_id", "private_key"},
    "ClientCertificateAuth": {"certificate", "key"},
    # Read by `make contracts` alone.
    "Contract": {"prefix"},
    # Its presence is enough: it says which form of manifest this is.
    "Manifest": {"manifest"},
}

PARTS = [
    part
    for module in DECLARING
    for _, part in inspect.getmembers(module, inspect.isclass)
    if issubclass(part, msgspec.Struct)
    and part.__module__ == module.__name__
    and not part.__name__.startswith("_")
]


@pytest.fixture(scope="module")
def read() -> set[tuple[str, str]]:
    """Each attribute that the package takes from a value of a known class: class and attribute."""
    types = _typed().types
    taken = [node for node in types if isinstance(node, MemberExpr) and node.expr in types]
    return {(owner, node.name) for node in taken for owner in _classes(types[node.expr])}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_key_has_a_reader(part: type[msgspec.Struct], read: set[tuple[str, str]]) -> None:
    classes = [f"{one.__module__}.{one.__name__}" for one in part.__mro__]

    unread = {
        field.name
        for field in msgspec.structs.fields(part)
        if not any((owner, field.name) in read for owner in classes)
    }

    assert unread == WAITING.get(part.__name__, set())


def _typed() -> BuildResult:
    """The package with the types of its expressions; what it imports from elsewhere is not looked into."""
    options = Options()
    options.export_types = options.preserve_asts = True
    options.incremental = False
    options.follow_imports, options.ignore_missing_imports = "skip", True
    sources = [
        BuildSource(
            str(path), ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        )
        for path in sorted((ROOT / "integrations").rglob("*.py"))
        if "simulator" not in path.parts
    ]
    return build(sources, options)


def _classes(of: Type) -> Iterator[str]:
    proper = get_proper_type(of)
    if isinstance(proper, UnionType):
        for one in proper.items:
            yield from _classes(one)
    elif isinstance(proper, Instance):
        yield proper.type.fullname
