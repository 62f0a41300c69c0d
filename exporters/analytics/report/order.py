"""What a report is asked for, and what it must know of the configuration."""

from collections.abc import Mapping

import msgspec

from exporters.analytics.report.period import Period
from monitors.alerts.settings import MaintenancePlan
from monitors.slo_settings import SLOSettings


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of maintenance, for which an integration does not count (UTC seconds)."""

    integration: str
    start: float
    end: float


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The period; the objectives, the labels of all integrations by id (with `integration` and `vendor`), and
    planned maintenance as they are configured now; `maintenance` is what is known beside the plans.
    """

    period: Period
    slos: tuple[SLOSettings, ...] = ()
    labels: Mapping[str, Mapping[str, str]] = {}
    plans: tuple[MaintenancePlan, ...] = ()
    maintenance: tuple[LeftOut, ...] = ()
