"""A parent: the one root cause that explains why several integrations fail."""

from enum import StrEnum

import msgspec

from monitors.alerts.alert import Alert


class ParentKind(StrEnum):
    """What failed; the earlier kinds explain the later ones."""

    EGRESS = "egress"
    MASS_FAILURE = "mass_failure"
    REGION = "region"
    VENDOR = "vendor"
    DEPENDENCY = "dependency"


class Certainty(StrEnum):
    """How sure it is. While uncertain (45 s at most) nothing is known but the suspicion; recovered lasts, for
    each child, until that child was checked afresh.
    """

    UNCERTAIN = "uncertain"
    CONFIRMED = "confirmed"
    RECOVERED = "recovered"


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """One root cause. `key` names it for as long as it lasts: `egress`, `mass-failure`, `region:REGION`,
    `vendor:VENDOR`, `integration:ID`. `name` is for people. `vendor`, `region` and `integration` are filled
    where it is one. `children` are the integrations it explains, first failed first. Times are UTC seconds.
    """

    key: str
    kind: ParentKind
    certainty: Certainty
    name: str
    reason: str
    since: float
    confirmed_at: float | None = None
    recovered_at: float | None = None
    children: tuple[str, ...] = ()
    vendor: str = ""
    region: str = ""
    integration: str = ""


_ALERTS = {
    ParentKind.EGRESS: "EgressDown",
    ParentKind.MASS_FAILURE: "MassFailure",
    ParentKind.REGION: "RegionDown",
    ParentKind.VENDOR: "VendorDown",
}
_ADVICE = {
    ParentKind.EGRESS: "Look at our own network, proxy and name resolution first; the vendors are well.",
    ParentKind.MASS_FAILURE: "Look at our own network, proxy, clock and secrets first: independent vendors "
    "hardly ever fail together.",
    ParentKind.REGION: "Look at the way to this region first.",
    ParentKind.VENDOR: "Look at the vendor's status page; there is probably nothing to mend on our side.",
}


def labels_of(parent: Parent) -> dict[str, str]:
    """The labels of the alert that tells of a parent; the same for as long as it lasts."""
    labels = {"alertname": _ALERTS[parent.kind], "severity": "critical", "parent": parent.key}
    named = {"vendor": parent.vendor, "region": parent.region}
    return labels | {name: value for name, value in named.items() if value}


def alert_of(parent: Parent, *, now: float) -> Alert:
    """The alert that tells of a confirmed parent. A declared dependency is an integration and has its own."""
    return Alert(
        labels=labels_of(parent),
        annotations={
            "summary": f"{parent.name}: {len(parent.children)} integrations fail together",
            "description": parent.reason,
            "advice": _ADVICE[parent.kind],
            "children": ", ".join(parent.children),
        },
        starts_at=parent.since,
        ends_at=parent.recovered_at,
        updated_at=now,
    )
