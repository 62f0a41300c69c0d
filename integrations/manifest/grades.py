"""How far a vendor's folder has come: bronze to platinum, computed from its manifest and lock.

docs/vendors.md tells the rules to people.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from integrations.manifest.contract import Lock, verify
from integrations.manifest.schema import Manifest

Grade = Literal["none", "bronze", "silver", "gold", "platinum"]
GRADES: tuple[Grade, ...] = ("bronze", "silver", "gold", "platinum")

_Rule = tuple[Callable[[Manifest, Lock], bool], str]


class Assessment(NamedTuple):
    """A grade, the one above it, and what is lacking for that."""

    grade: Grade
    following: Grade
    lacking: tuple[str, ...]


def assess(manifest: Manifest, lock: Lock) -> Assessment:
    """The grade of a vendor: the highest whose rules, and those of all below it, hold."""
    reached: Grade = "none"
    for grade in GRADES:
        lacking = tuple(text for holds, text in _RULES[grade] if not holds(manifest, lock))
        if lacking:
            return Assessment(reached, grade, lacking)
        reached = grade
    return Assessment(reached, reached, ())


def _agrees(manifest: Manifest, lock: Lock) -> bool:
    return bool(manifest.actions) and not verify(manifest, lock)


def _is_checked(manifest: Manifest, _: Lock) -> bool:
    return any(check.capability == "read" for check in manifest.health)


def _has_examples(manifest: Manifest, _: Lock) -> bool:
    """Whether each input tells what it is for: without that nobody can call it."""
    inputs = [one for action in manifest.actions.values() for one in action.input.values()]
    return all(one.description for one in inputs)


def _rests(manifest: Manifest, lock: Lock) -> bool:
    return all(action.operation in lock.operations for action in manifest.actions.values())


def _tells_errors(manifest: Manifest, _: Lock) -> bool:
    return bool(manifest.errors.rules or manifest.errors.code or manifest.errors.message)


def _tells_limits(manifest: Manifest, _: Lock) -> bool:
    return bool(manifest.limits or manifest.quota or "limits" in manifest.absent)


def _tells_webhooks(manifest: Manifest, _: Lock) -> bool:
    return manifest.webhooks is not None or "webhooks" in manifest.absent


def _tells_status_page(manifest: Manifest, _: Lock) -> bool:
    page = manifest.status_page
    return (page is not None and page.kind != "none") or "status_page" in manifest.absent


def _is_grouped(manifest: Manifest, _: Lock) -> bool:
    """Whether what reads and what writes can fail apart."""
    effects = {action.effect for action in manifest.actions.values()}
    return len(effects) == 1 or len(manifest.capabilities) > 1


def _met_a_server(_: Manifest, lock: Lock) -> bool:
    return bool(lock.tested)


_RULES: dict[Grade, tuple[_Rule, ...]] = {
    "bronze": ((_agrees, "a manifest with actions that agrees with its lock"),),
    "silver": (
        (_rests, "an operation in the lock for every action, also for those in code"),
        (_is_checked, "a health check of the capability `read`"),
        (_has_examples, "a description of every input"),
    ),
    "gold": (
        (_tells_errors, "`errors`: where its error bodies hold code and message, or rules"),
        (_tells_limits, "`limits` or `quota`, or `absent.limits` with the reason"),
        (_tells_webhooks, "`webhooks`, or `absent.webhooks` with the reason"),
        (_tells_status_page, "`status_page`, or `absent.status_page` with the reason"),
        (_is_grouped, "capabilities that part what reads from what writes"),
    ),
    "platinum": ((_met_a_server, "a test against a real server, named in the lock under `tested`"),),
}
