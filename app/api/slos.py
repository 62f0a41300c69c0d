"""/v2/slos and /v2/parents: how objectives stand, and whether it is us."""

import msgspec
from litestar import Router, get

from app.api.access import READ, GivenParts
from app.api.responses import GUARDED
from monitors.egress import EgressStatus
from monitors.parent import Parent
from monitors.slo_report import SLOStatus


class SLOList(msgspec.Struct, frozen=True, kw_only=True):
    """All objectives."""

    slos: tuple[SLOStatus, ...]


class ParentList(msgspec.Struct, frozen=True, kw_only=True):
    """The causes that explain why several integrations fail, outermost first, and what the canaries on our
    way out show.
    """

    parents: tuple[Parent, ...]
    egress: EgressStatus


@get(
    "/slos",
    operation_id="list_slos",
    summary="Service level objectives",
    description="What is left of each error budget, and how fast it is spent; from our own counts.",
    tags=["Objectives"],
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_slos(parts: GivenParts) -> SLOList:
    """How they stand now."""
    return SLOList(slos=tuple(parts.alerting.watching.objectives()))


@get(
    "/parents",
    operation_id="list_parents",
    summary="Is it us?",
    description="One cause behind several failures: our own way out, independent vendors at once, a region, "
    "a vendor, a declared dependency. Uncertain ones are being looked into, for 45 s at most.",
    tags=["Incidents"],
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_parents(parts: GivenParts) -> ParentList:
    """What is suspected or known now."""
    watching = parts.alerting.watching
    return ParentList(parents=watching.parents(), egress=watching.egress())


router = Router(path="/v2", route_handlers=[list_slos, list_parents])
