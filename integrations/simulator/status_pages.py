"""The vendors' status pages: `/_status/VENDOR/KIND`, in the form of each kind of page there is.

What they say comes from the fault board: an announcement names a vendor, what it says of itself (`code`, an
indicator) and the component (`action`; empty: the vendor's first). A page that has not changed answers 304 to
who knows it already.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import NamedTuple, Protocol

from integrations.clock import Clock
from integrations.manifest.schema import Manifest
from integrations.signals import Indicator
from integrations.simulator.faults import FaultBoard, FaultKind
from integrations.simulator.messages import Request, Response, json_response, text_response

STATUS = "/_status"


class Manifests(Protocol):
    """Where the vendors come from."""

    def vendors(self) -> Iterable[str]:
        """Return the ids of all vendors."""
        ...

    def manifest(self, vendor: str) -> Manifest:
        """Return a vendor's manifest."""
        ...


class Announced(NamedTuple):
    """One trouble that a vendor tells of; `at` is when it was told first, as UTC seconds."""

    vendor: str
    component: str
    indicator: Indicator
    at: float

    @property
    def title(self) -> str:
        """What the page calls it."""
        return f"Simulated {_COMPONENT[self.indicator].replace('_', ' ')} of {self.component}"


class StatusPages:
    """Answers for all vendors' status pages."""

    def __init__(self, manifests: Manifests, faults: FaultBoard, *, clock: Clock) -> None:
        self._manifests = manifests
        self._faults = faults
        self._clock = clock
        self._first: dict[tuple[str, str, str], float] = {}

    def answer(self, request: Request) -> Response:
        """Answer one request, or say that there is no such page."""
        vendor, _, rest = request.path.removeprefix(f"{STATUS}/").partition("/")
        kind = rest.partition("/")[0]
        if vendor not in self._manifests.vendors() or kind not in _PAGES:
            return text_response("no such status page", status=404)
        page = self._manifests.manifest(vendor).status_page
        names = (page.components if page is not None else ()) or ("API",)
        response = _PAGES[kind](names, self._announced(vendor, names[0]))
        etag = f'"{hashlib.sha256(response.body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status=304, headers={"etag": etag})
        return response.with_headers({"etag": etag})

    def _announced(self, vendor: str, component: str) -> list[Announced]:
        standing = [
            (vendor, one.fault.action or component, one.fault.code or Indicator.PARTIAL_OUTAGE.value)
            for one in self._faults.standing()
            if one.fault.kind is FaultKind.ANNOUNCEMENT and one.fault.vendor in {"", vendor}
        ]
        others = {key: at for key, at in self._first.items() if key[0] != vendor}
        now = self._clock.time()
        self._first = others | {key: self._first.get(key, now) for key in standing}
        return [
            Announced(vendor, name, Indicator(code), self._first[vendor, name, code])
            for vendor, name, code in dict.fromkeys(standing)
        ]


_COMPONENT: Mapping[Indicator, str] = {
    Indicator.OPERATIONAL: "operational",
    Indicator.MAINTENANCE: "under_maintenance",
    Indicator.DEGRADED: "degraded_performance",
    Indicator.PARTIAL_OUTAGE: "partial_outage",
    Indicator.MAJOR_OUTAGE: "major_outage",
}
_IMPACT: Mapping[Indicator, str] = {
    Indicator.OPERATIONAL: "none",
    Indicator.MAINTENANCE: "maintenance",
    Indicator.DEGRADED: "minor",
    Indicator.PARTIAL_OUTAGE: "major",
    Indicator.MAJOR_OUTAGE: "critical",
}
_SLACK: Mapping[Indicator, str] = {
    Indicator.MAINTENANCE: "maintenance",
    Indicator.MAJOR_OUTAGE: "outage",
    Indicator.OPERATIONAL: "notice",
}
_GOOGLE: Mapping[Indicator, str] = {
    Indicator.MAJOR_OUTAGE: "SERVICE_OUTAGE",
    Indicator.PARTIAL_OUTAGE: "SERVICE_DISRUPTION",
    Indicator.OPERATIONAL: "SERVICE_INFORMATION",
}
_TRUST: Mapping[Indicator, str] = {
    Indicator.MAINTENANCE: "MAINTENANCE_CORE",
    Indicator.DEGRADED: "MINOR_INCIDENT_CORE",
    Indicator.PARTIAL_OUTAGE: "MAJOR_INCIDENT_NONCORE",
    Indicator.MAJOR_OUTAGE: "MAJOR_INCIDENT_CORE",
}
_AWS: Mapping[Indicator, str] = {
    Indicator.OPERATIONAL: "0",
    Indicator.PARTIAL_OUTAGE: "2",
    Indicator.MAJOR_OUTAGE: "3",
}


def _statuspage(names: tuple[str, ...], announced: list[Announced]) -> Response:
    states = {one.component: one.indicator for one in announced}
    components = [
        {"name": name, "status": _COMPONENT[states.get(name, Indicator.OPERATIONAL)], "group": False}
        for name in dict.fromkeys((*names, *states))
    ]
    troubles = [_incident(one) for one in announced]
    maintenance = [one for one in troubles if one["impact"] == "maintenance"]
    incidents = [one for one in troubles if one["impact"] != "maintenance"]
    return json_response(
        {"components": components, "incidents": incidents, "scheduled_maintenances": maintenance}
    )


def _incident(one: Announced) -> dict[str, object]:
    is_maintenance = one.indicator is Indicator.MAINTENANCE
    return {
        "name": one.title,
        "status": "in_progress" if is_maintenance else "investigating",
        "impact": _IMPACT[one.indicator],
        "created_at": _iso(one.at),
        "started_at": _iso(one.at),
        "scheduled_for": _iso(one.at),
        "shortlink": f"https://status.example/{one.vendor}",
        "components": [{"name": one.component, "status": _COMPONENT[one.indicator]}],
    }


def _slack(_: tuple[str, ...], announced: list[Announced]) -> Response:
    active = [
        {
            "id": str(number),
            "date_created": _iso(one.at),
            "title": one.title,
            "type": _SLACK.get(one.indicator, "incident"),
            "status": "active",
            "url": f"https://status.example/{one.vendor}",
            "services": [one.component],
            "notes": [],
        }
        for number, one in enumerate(announced, start=1)
    ]
    return json_response({"status": "active" if active else "ok", "active_incidents": active})


def _google(_: tuple[str, ...], announced: list[Announced]) -> Response:
    return json_response(
        [
            {
                "begin": _iso(one.at),
                "created": _iso(one.at),
                "external_desc": one.title,
                "status_impact": _GOOGLE.get(one.indicator, "SERVICE_DEGRADED"),
                "affected_products": [{"title": one.component, "id": "simulated"}],
            }
            for one in announced
        ]
    )


def _trust(names: tuple[str, ...], announced: list[Announced]) -> Response:
    incidents = [
        {
            "createdAt": _iso(one.at),
            "message": {"pathDescription": one.title},
            "IncidentImpacts": [{"startTime": _iso(one.at), "endTime": None}],
        }
        for one in announced
    ]
    status = _TRUST.get(announced[0].indicator, "OK") if announced else "OK"
    return json_response(
        {"key": names[0], "status": status, "Incidents": incidents, "Maintenances": incidents}
    )


def _azure(_: tuple[str, ...], announced: list[Announced]) -> Response:
    items = "".join(
        f"<item><title>{one.title}</title><pubDate>{formatdate(one.at, usegmt=True)}</pubDate></item>"
        for one in announced
        if one.indicator is not Indicator.OPERATIONAL
    )
    body = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{items}</channel></rss>'
    return text_response(body, content_type="application/rss+xml")


def _aws(_: tuple[str, ...], announced: list[Announced]) -> Response:
    events = [
        {
            "date": str(int(one.at)),
            "service": one.component,
            "service_name": one.component,
            "status": _AWS.get(one.indicator, "1"),
            "summary": one.title,
        }
        for one in announced
    ]
    sent = json_response(events)
    return Response(headers=sent.headers, body=sent.body.decode().encode("utf-16"))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


_PAGES: Mapping[str, Callable[[tuple[str, ...], list[Announced]], Response]] = {
    "statuspage": _statuspage,
    "slack": _slack,
    "google": _google,
    "salesforce_trust": _trust,
    "azure": _azure,
    "aws": _aws,
}
