"""Which format a receiver has: one line a pipeline."""

from collections.abc import Callable, Mapping

import msgspec

from monitors.alerts import receivers
from monitors.alerts.formats.alertmanager import AlertmanagerFormat
from monitors.alerts.formats.alertmanager_webhook import AlertmanagerWebhookFormat
from monitors.alerts.formats.cloudevents import CloudEventsFormat
from monitors.alerts.formats.discord import DiscordFormat
from monitors.alerts.formats.drawing import Format
from monitors.alerts.formats.grafana import GrafanaFormat
from monitors.alerts.formats.opsgenie import OpsgenieFormat
from monitors.alerts.formats.pagerduty import PagerDutyFormat
from monitors.alerts.formats.servicenow import ServiceNowFormat
from monitors.alerts.formats.slack import SlackFormat
from monitors.alerts.formats.standard_webhooks import StandardWebhookFormat
from monitors.alerts.formats.teams import TeamsFormat

FORMATS: Mapping[type[msgspec.Struct], Callable[..., Format]] = {
    receivers.WebhookReceiver: StandardWebhookFormat,
    receivers.CloudEventsReceiver: CloudEventsFormat,
    receivers.AlertmanagerWebhookReceiver: AlertmanagerWebhookFormat,
    receivers.AlertmanagerReceiver: AlertmanagerFormat,
    receivers.GrafanaReceiver: GrafanaFormat,
    receivers.PagerDutyReceiver: PagerDutyFormat,
    receivers.OpsgenieReceiver: OpsgenieFormat,
    receivers.ServiceNowReceiver: ServiceNowFormat,
    receivers.SlackReceiver: SlackFormat,
    receivers.DiscordReceiver: DiscordFormat,
    receivers.TeamsReceiver: TeamsFormat,
}


def format_for(receiver: receivers.HTTPReceiver) -> Format:
    """The format of a receiver that is reached over HTTP."""
    return FORMATS[type(receiver)](receiver)
