"""Concerns: what makes a capability worse than its checks say, each confirmed and taken back by itself.

A concern is soft until its finding was made `confirm` times in a row, and hard from then on; it ends when
`recover` looks in a row did not make the finding. While it is soft it changes nothing, but shows.
"""

import msgspec

from integrations.signals import Evidence, Health


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that makes a capability look like `state`. `source` names who found it, and is the same each
    time; `reason` is one sentence for a person.
    """

    source: str
    evidence: Evidence
    state: Health
    reason: str
    confirm: int = 1
    recover: int = 1


class Concern(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that stands: first made at `since`, last at `at` (UTC seconds), `count` times in a row before
    it was hard; `quiet` looks in a row did not make it.
    """

    finding: Finding
    since: float
    at: float
    count: int = 1
    quiet: int = 0
    is_hard: bool = False

    @property
    def weight(self) -> float:
        """How much of what confirms it there is."""
        return 1.0 if self.is_hard else min(1.0, self.count / self.finding.confirm)


def weigh(before: Concern | None, found: Finding | None, *, at: float) -> Concern | None:
    """What becomes of a concern after one more look; None for none."""
    if found is not None:
        return _stands(before, found, at=at)
    if before is None or not before.is_hard:
        return None
    quiet = before.quiet + 1
    return None if quiet >= before.finding.recover else msgspec.structs.replace(before, quiet=quiet)


def _stands(before: Concern | None, found: Finding, *, at: float) -> Concern:
    if before is None:
        return Concern(finding=found, since=at, at=at, is_hard=found.confirm <= 1)
    count = before.count if before.is_hard else before.count + 1
    is_hard = before.is_hard or count >= found.confirm
    return Concern(finding=found, since=before.since, at=at, count=count, is_hard=is_hard)
