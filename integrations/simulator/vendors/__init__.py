"""What the manifest does not say of a vendor: the shape of its answers and its way to say no."""

from collections.abc import Mapping

from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from integrations.simulator.vendors.alertmanager import Alertmanager
from integrations.simulator.vendors.datadog import Datadog
from integrations.simulator.vendors.discord import Discord
from integrations.simulator.vendors.docker import Docker
from integrations.simulator.vendors.generic import GenericVendor
from integrations.simulator.vendors.github import GitHub
from integrations.simulator.vendors.gitlab import GitLab
from integrations.simulator.vendors.grafana import Grafana
from integrations.simulator.vendors.http import Site
from integrations.simulator.vendors.jenkins import Jenkins
from integrations.simulator.vendors.matrix import Matrix
from integrations.simulator.vendors.msteams import MSTeams
from integrations.simulator.vendors.newrelic import NewRelic
from integrations.simulator.vendors.pagerduty import PagerDuty
from integrations.simulator.vendors.prometheus import Prometheus
from integrations.simulator.vendors.salesforce import Salesforce
from integrations.simulator.vendors.sap import SAP
from integrations.simulator.vendors.servicenow import ServiceNow
from integrations.simulator.vendors.slack import Slack

_DOUBLES: Mapping[str, type[GenericVendor]] = {
    "alertmanager": Alertmanager,
    "datadog": Datadog,
    "discord": Discord,
    "github": GitHub,
    "grafana": Grafana,
    "http": Site,
    "matrix": Matrix,
    "pagerduty": PagerDuty,
    "msteams": MSTeams,
    "newrelic": NewRelic,
    "prometheus": Prometheus,
    "salesforce": Salesforce,
    "sap": SAP,
    "servicenow": ServiceNow,
    "docker": Docker,
    "gitlab": GitLab,
    "jenkins": Jenkins,
    "slack": Slack,
}


def double_of(manifest: Manifest, lock: Lock) -> GenericVendor:
    """Return the double of a vendor: its own, or the generic one."""
    return _DOUBLES.get(manifest.id, GenericVendor)(manifest, lock)
