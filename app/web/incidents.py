"""The pages of incidents: all of them, and one with its timeline and who was told."""

from litestar import Response, get
from litestar.params import FromPath

from app.api.access import READ, GivenParts
from app.api.incidents import find_incident
from app.api.problems import AnyRequest
from app.web.drawn import HTML, Fragment, GivenDrawing, drawn
from monitors.incident import Incident

RECENT = 30
DECISIONS = 40


@get("/incidents", media_type=HTML, guards=READ, include_in_schema=False)
async def incidents_page(
    request: AnyRequest, *, parts: GivenParts, drawing: GivenDrawing, fragment: Fragment = False
) -> Response[bytes]:
    """Incidents that go on, what keeps alerts quiet, and those that are over."""
    desks = parts.alerting
    recent, _ = await desks.incidents.page(state="resolved", integration=None, before=None, limit=RECENT)
    silences = [one for one in desks.silences.all() if desks.silences.state(one).value != "expired"]
    receivers = await desks.receivers.all()
    now = parts.clock.time()
    open_ones = sorted(desks.incidents.open(), key=_most_pressing)

    def draw() -> str:
        return drawing.draw(
            "_incidents.html" if fragment else "incidents.html",
            open=open_ones,
            recent=recent,
            silences=silences,
            receivers=receivers,
            now=now,
        )

    return await drawn(request, draw)


@get("/incidents/{incident_id:str}", media_type=HTML, guards=READ, include_in_schema=False)
async def incident_page(
    request: AnyRequest,
    *,
    parts: GivenParts,
    drawing: GivenDrawing,
    incident_id: FromPath[str],
    fragment: Fragment = False,
) -> Response[bytes]:
    """One incident in full."""
    desk = parts.alerting.incidents
    incident = await find_incident(parts, incident_id)
    decisions = await desk.decisions(incident_id)
    alerts, explains = desk.alerts(incident_id), desk.explained_by(incident_id)
    now = parts.clock.time()
    is_known = any(one.connection.id == incident.integration for one in parts.framework.integrations())

    def draw() -> str:
        return drawing.draw(
            "_incident.html" if fragment else "incident.html",
            one=incident,
            decisions=decisions[:DECISIONS],
            alerts=alerts,
            explains=explains,
            is_known=is_known,
            now=now,
        )

    return await drawn(request, draw)


def _most_pressing(incident: Incident) -> tuple[bool, bool, float]:
    """Those nobody works on first, then root causes, then the newest."""
    return (incident.acknowledgement is not None, bool(incident.parent), -incident.opened_at)
