"""The intakes that are configured: those of metrics and those of events."""

import msgspec

from exporters.datadog.dogstatsd import DogStatsD, DogStatsDEvents
from exporters.datadog.events import DatadogEvents
from exporters.datadog.metrics import Datadog
from exporters.events import Events
from exporters.newrelic.events import NewRelicEvents
from exporters.newrelic.metrics import NewRelic
from exporters.otlp.metrics import OTLPMetrics
from exporters.otlp.points import PlaceOf, nowhere
from exporters.push.exporter import Intake
from exporters.push.window import Window
from exporters.settings import DatadogEventChoice, DatadogSettings, ExporterSettings


def metric_intakes(
    settings: ExporterSettings, *, version: str, instance: str, place: PlaceOf = nowhere
) -> list[Intake[Window]]:
    """Those of metrics. `instance` names this process to them, `place` tells where an action asks."""
    found: list[Intake[Window]] = []
    if settings.otlp is not None and settings.otlp.metrics.enabled:
        found.append(OTLPMetrics(settings.otlp, version=version, instance=instance, place=place))
    if settings.datadog is not None:
        found.append(_datadog(settings.datadog, instance))
    if settings.newrelic is not None:
        found.append(NewRelic(settings.newrelic, version=version))
    return found


def event_intakes(settings: ExporterSettings, *, version: str, instance: str) -> list[Intake[Events]]:
    """Those of events. `instance` names this process to them."""
    found: list[Intake[Events]] = []
    if settings.datadog is not None and settings.datadog.events is not DatadogEventChoice.NONE:
        found.append(_datadog_events(settings.datadog, instance))
    if settings.newrelic is not None and settings.newrelic.account:
        found.append(NewRelicEvents(settings.newrelic, version=version))
    return found


def agent_of(settings: ExporterSettings, exporter: str) -> str:
    """The address of the DogStatsD server that an exporter sends to; empty when it sends over HTTP."""
    if settings.datadog is None or not exporter.startswith("datadog"):
        return ""
    return settings.datadog.dogstatsd


def _datadog(settings: DatadogSettings, instance: str) -> Intake[Window]:
    return DogStatsD(settings) if settings.dogstatsd else Datadog(_hosted(settings, instance))


def _datadog_events(settings: DatadogSettings, instance: str) -> Intake[Events]:
    return DogStatsDEvents(settings) if settings.dogstatsd else DatadogEvents(_hosted(settings, instance))


def _hosted(settings: DatadogSettings, instance: str) -> DatadogSettings:
    """Settings with a host: Datadog knows a series by it."""
    return settings if settings.host else msgspec.structs.replace(settings, host=instance)
