"""Writes the vendors' pages from their manifests and locks: `python -m integrations.manifest.pages`.

A page tells what a program can know. What people must know besides, such as how to get credentials, stands in
the README of the vendor's folder.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import UnsetType

from integrations.manifest import inputs
from integrations.manifest.contract import Lock, Operation, evidence
from integrations.manifest.grades import assess
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Action, Input, Limit, Manifest

NOTE = "<!-- Written by `make docs` from the vendor's manifest and lock. Change those, not this page. -->"
FOLDER = Path("docs") / "vendors"


def page(manifest: Manifest, lock: Lock) -> str:
    """A vendor's page in Markdown."""
    parts = [
        *_head(manifest, lock), *_config(manifest), *_auth(manifest), *_actions(manifest, lock),
        *_health(manifest), *_limits(manifest), *_webhooks(manifest), *_evidence(manifest, lock),
    ]  # fmt: skip
    return "\n".join([NOTE, "", *parts]).rstrip() + "\n"


def index(catalog: Catalog) -> str:
    """The list of all vendors."""
    rows = [_index_row(catalog.manifest(one), catalog.lock(one)) for one in catalog.vendors()]
    head = ["# Vendors", "", "How grades are given: [vendors.md](../vendors.md).", ""]
    return (
        "\n".join([NOTE, "", *head, *_table(("vendor", "name", "grade", "actions", "webhooks"), rows)]) + "\n"
    )


def write(catalog: Catalog, folder: Path) -> list[Path]:
    """Write all pages into a folder, and take away those of vendors that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{one}.md": page(catalog.manifest(one), catalog.lock(one)) for one in catalog.vendors()}
    pages["README.md"] = index(catalog)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, "utf-8")
    return sorted(folder / name for name in pages)


def _index_row(manifest: Manifest, lock: Lock) -> tuple[str, ...]:
    hooks = manifest.webhooks.verify.kind if manifest.webhooks is not None else "-"
    name = f"[{manifest.id}]({manifest.id}.md)"
    return name, manifest.vendor.name, assess(manifest, lock).grade, str(len(manifest.actions)), hooks


def _head(manifest: Manifest, lock: Lock) -> Iterator[str]:
    yield f"# {manifest.vendor.name}"
    yield ""
    assessment = assess(manifest, lock)
    yield f"Vendor `{manifest.id}`, grade **{assessment.grade}**. Its API: <{manifest.vendor.docs}>. How to"
    yield f"get credentials: [its README](../../integrations/catalog/{manifest.id}/README.md)."
    if assessment.lacking:
        yield ""
        yield f"For {assessment.following} it lacks:"
        yield ""
        yield from (f"- {text}" for text in assessment.lacking)
    yield ""


def _config(manifest: Manifest) -> Iterator[str]:
    if not manifest.config:
        return
    rows = [
        (f"`{name}`", one.type, "yes" if one.required else "", _shown(one.default), one.title)
        for name, one in manifest.config.items()
    ]
    yield from _section("Configuration", ("field of `config`", "type", "required", "default", "what"), rows)


def _auth(manifest: Manifest) -> Iterator[str]:
    rows = [
        (
            f"`{name}`",
            str(one.__struct_config__.tag),
            ", ".join(f"`{secret}`" for secret in one.secrets),
            ", ".join(f"`{scope}`" for scope in one.scopes),
            one.title,
        )
        for name, one in manifest.auth.items()
    ]
    yield from _section("Authentication", ("`auth`", "kind", "secrets", "scopes", "what"), rows)


def _actions(manifest: Manifest, lock: Lock) -> Iterator[str]:
    yield "## Actions"
    yield ""
    for name, action in manifest.actions.items():
        yield from _action(name, action, lock.operations.get(action.operation))


def _action(name: str, action: Action, fact: Operation | None) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    method = "GraphQL" if action.graphql else action.method
    where = f"`{method} {action.path}`" if action.path else "made by code"
    rests = {"contract": "by contract", "docs": "by docs"}.get(fact.kind, "") if fact is not None else ""
    notes = [note for note in (action.effect.value, where, rests, _needs(action)) if note]
    yield f"{action.title}: {', '.join(notes)}."
    yield ""
    if action.input:
        rows = [_input_row(key, one) for key, one in action.input.items()]
        yield from _table(("param", "type", "required", "default", "what"), rows)
        yield ""


def _needs(action: Action) -> str:
    scopes = " or ".join(f"`{scope}`" for scope in action.scopes)
    auths = " or ".join(f"`{auth}`" for auth in action.auth)
    return ", ".join(
        filter(None, (f"needs {scopes}" if scopes else "", f"with auth {auths}" if auths else ""))
    )


def _input_row(name: str, one: Input) -> tuple[str, ...]:
    choices = f" ({', '.join(one.enum)})" if one.enum else ""
    return (
        f"`{name}`",
        one.type,
        "yes" if one.required else "",
        _shown(one.default),
        one.description + choices,
    )


def _health(manifest: Manifest) -> Iterator[str]:
    rows = [
        (f"`{one.capability}`", f"`{one.action}`", ", ".join(one.auth) or "all") for one in manifest.health
    ]
    yield from _section("Health checks", ("capability", "asks", "with auth"), rows)


def _limits(manifest: Manifest) -> Iterator[str]:
    rows = [
        (f"`{one.id}`", _allowed(one), one.scope, ", ".join(one.actions) or "all") for one in manifest.limits
    ]
    yield from _section("Limits it documents", ("limit", "requests", "counted by", "actions"), rows)
    buckets = [name for one in manifest.quota for name in (one.bucket, *one.buckets)]
    if buckets:
        yield f"They tell what is left of: {', '.join(f'`{name}`' for name in dict.fromkeys(buckets))}."
        yield ""
    yield from (f"No {what.replace('_', ' ')}: {why}.\n" for what, why in sorted(manifest.absent.items()))


def _allowed(limit: Limit) -> str:
    rate = f"{limit.rate:g} in {limit.per:g} s" if limit.rate else ""
    at_once = f"{limit.concurrency} at once" if limit.concurrency else ""
    return ", ".join(filter(None, (rate, at_once)))


def _webhooks(manifest: Manifest) -> Iterator[str]:
    hooks = manifest.webhooks
    if hooks is None:
        return
    secret = f", with the secret `{hooks.verify.secret}`" if hooks.verify.secret else ""
    yield "## Webhooks"
    yield ""
    yield f"Proved by scheme `{hooks.verify.kind}`{secret}. See [webhooks.md](../webhooks.md)."
    yield ""


def _evidence(manifest: Manifest, lock: Lock) -> Iterator[str]:
    rows = [(one.kind, one.date, str(one.actions)) for one in evidence(manifest, lock)]
    yield from _section("Evidence", ("rests on", "of", "actions"), rows)
    for one in lock.tested:
        yield f"Tested against {one.server} ({one.date}): `{one.test}`."
        yield ""


def _section(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"## {title}"
        yield ""
        yield from _table(columns, rows)
        yield ""


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _shown(default: object) -> str:
    return "" if isinstance(default, UnsetType) else f"`{inputs.text(default)}`"


if __name__ == "__main__":
    for written in write(Catalog.bundled(), Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        sys.stdout.write(f"{written}\n")
