"""`dialtone verify`: how each vendor's manifest stands to its contract, and how far its folder has come."""

import click
import msgspec

from app.commands import exits
from app.commands.looks import table
from app.commands.options import json_option
from app.commands.session import Session
from integrations.manifest.contract import Evidence, Lock, evidence
from integrations.manifest.contract import verify as find_differences
from integrations.manifest.grades import Grade, assess
from integrations.manifest.loading import Catalog
from integrations.manifest.schema import Manifest
from integrations.manifest.source import nearest


class ActionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many actions rest on a published description, on facts entered by hand, and on code alone."""

    contract: int
    docs: int
    code: int


class VendorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a vendor's manifest stands to its contract, and its grade with what lacks for the next."""

    vendor: str
    grade: Grade
    lacking: tuple[str, ...]
    actions: ActionCounts
    checks: int
    webhooks: str
    evidence: tuple[str, ...]
    differences: tuple[str, ...]


@click.command()
@click.argument("vendor", required=False)
@json_option
@click.pass_obj
def verify(session: Session, vendor: str | None, *, as_json: bool) -> None:
    """Hold every vendor's manifest against its locked contract, and grade it."""
    catalog = Catalog.bundled()
    known = catalog.vendors()
    if vendor is not None and vendor not in known:
        near = nearest(vendor, known)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}"
        raise exits.WrongUsageError(f"there is no vendor {vendor!r}; {hint}")
    facts = [facts_of(catalog.manifest(one), catalog.lock(one)) for one in known if vendor in {None, one}]
    if as_json:
        click.echo(msgspec.json.encode({"vendors": facts}).decode())
    else:
        _show(session, facts)
        _show_lacking(facts if vendor is not None else [])
    if any(one.differences for one in facts):
        raise exits.Ended(exits.FAILED)


def facts_of(manifest: Manifest, lock: Lock) -> VendorFacts:
    """What `verify` tells of one vendor."""
    assessment = assess(manifest, lock)
    hooks = manifest.webhooks
    return VendorFacts(
        vendor=manifest.id,
        grade=assessment.grade,
        lacking=tuple(f"for {assessment.following}: {text}" for text in assessment.lacking),
        actions=_counts(manifest, lock),
        checks=len(manifest.health),
        webhooks=", ".join([hooks.verify.kind, *hooks.schemes]) if hooks is not None else "",
        evidence=(*map(_told, evidence(manifest, lock)), *_tested(lock)),
        differences=tuple(
            f"{one.action}: {one.text}" if one.action else one.text
            for one in find_differences(manifest, lock)
        ),
    )


def _counts(manifest: Manifest, lock: Lock) -> ActionCounts:
    facts = [lock.operations.get(action.operation) for action in manifest.actions.values()]
    kinds = [fact.kind if fact is not None else "code" for fact in facts]
    return ActionCounts(contract=kinds.count("contract"), docs=kinds.count("docs"), code=kinds.count("code"))


def _told(one: Evidence) -> str:
    """Facts of a documentation page are as old as their entering; a description has a day of its own."""
    entered = "entered " if one.kind == "vendor docs" else ""
    return f"{one.kind} {entered}{one.date} ({one.actions})".replace("  ", " ")


def _tested(lock: Lock) -> tuple[str, ...]:
    return tuple(f"real server {one.date} ({one.server})" for one in lock.tested)


def _show(session: Session, facts: list[VendorFacts]) -> None:
    rows = table(session.console, "VENDOR", "GRADE", "ACTIONS", "CHECKS", "WEBHOOKS", "EVIDENCE", "AGREES")
    for one in facts:
        rows.add_row(
            one.vendor,
            one.grade,
            _actions(one.actions),
            str(one.checks),
            one.webhooks or "-",
            "\n".join(one.evidence),
            "\n".join(("no", *one.differences)) if one.differences else "yes",
        )
    session.console.print(rows)
    counts = [one.actions for one in facts]
    contract, docs = sum(one.contract for one in counts), sum(one.docs for one in counts)
    code = sum(one.code for one in counts)
    session.console.print(
        f"{contract + docs + code} actions: {contract} by contract, {docs} by docs, {code} by code alone."
    )


def _actions(counts: ActionCounts) -> str:
    named = (("contract", counts.contract), ("docs", counts.docs), ("code", counts.code))
    return ", ".join(f"{count} {kind}" for kind, count in named if count)


def _show_lacking(facts: list[VendorFacts]) -> None:
    for one in facts:
        for text in one.lacking:
            click.echo(f"Lacking {text}", err=True)
