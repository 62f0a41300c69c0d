"""/v2/integrations/{id}/explanation: why an integration is as it is."""

from litestar import Router, get
from litestar.params import FromPath

from app.api.access import READ, GivenParts, find
from app.api.responses import ONE
from monitors.explain import Explanation, explanation


@get(
    "/{integration_id:str}/explanation",
    operation_id="explain_integration",
    summary="Why an integration is as it is",
    description="The verdict by capability with all its evidence: what was seen, how many seconds ago, which "
    "state it points to, and its weight (1 in sum confirms a state). With what the verdict rested on when it "
    "was made, whether a change is being confirmed, how much the capability flaps and fails by chance, the "
    "last confirmed changes, and what was decided on telling people.",
    guards=READ,
    responses=ONE,
)
async def explain_integration(parts: GivenParts, integration_id: FromPath[str]) -> Explanation:
    """Tell the verdict, its evidence, and what followed from it."""
    find(parts, integration_id)
    return await explanation(
        integration_id, verdicts=parts.explaining, history=parts.history, decisions=parts.decisions
    )


router = Router(path="/v2/integrations", tags=["Integrations"], route_handlers=[explain_integration])
