"""What an integration is, as it is told: to the API, the page, the command line."""

import msgspec

from integrations.connection import Labels
from integrations.drift import DriftStatus
from integrations.endings import Ending
from integrations.execution.certificate import Certificate
from integrations.execution.outcome import Effect
from integrations.execution.status import LineStatus
from integrations.integration import Integration
from integrations.manifest.contract import Evidence, Lock, evidence
from integrations.manifest.evidence import Deprecation
from integrations.manifest.schema import Action


class InputSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One param of an action."""

    name: str
    type: str
    required: bool
    description: str
    enum: tuple[str, ...]


class ActionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One action that can be executed. `scopes` are the permissions it needs, `missing_scopes` those of them
    that the credential is known to lack; `paged` ones take `_pages`.
    """

    name: str
    title: str
    effect: Effect
    capability: str
    inputs: tuple[InputSummary, ...]
    scopes: tuple[str, ...]
    paged: bool
    deprecated: str = ""
    missing_scopes: tuple[str, ...] = ()


class AuthSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How an integration authenticates; nothing secret. `granted` are the scopes the credential has, None
    while the vendor has not told.
    """

    name: str
    kind: str
    title: str
    scopes: tuple[str, ...]
    granted: tuple[str, ...] | None = None


class IntegrationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An integration's facts and the state of its limits. `evidence` says what its manifest rests on,
    `certificate` what its server showed last, over TLS. `endings` are what the vendor is about to end, and
    `drift` is where its answers no longer fit its contract.
    """

    id: str
    vendor: str
    vendor_name: str
    manifest_version: str
    docs: str
    lifecycle: str
    sunset: str
    status_page: str
    labels: Labels
    auth: AuthSummary
    capabilities: tuple[str, ...]
    actions: tuple[ActionSummary, ...]
    line: LineStatus
    evidence: tuple[Evidence, ...]
    certificate: Certificate | None = None
    endings: tuple[Ending, ...] = ()
    drift: tuple[DriftStatus, ...] = ()

    @property
    def granted(self) -> tuple[str, ...] | None:
        """The scopes that the credential has; None while the vendor has not told."""
        return self.auth.granted

    @property
    def missing_scopes(self) -> dict[str, tuple[str, ...]]:
        """What the credential is known to lack, by action."""
        return {one.name: one.missing_scopes for one in self.actions if one.missing_scopes}


def standing(integration: Integration, line: LineStatus, *, lock: Lock) -> IntegrationStatus:
    """Put an integration's status together."""
    manifest = integration.manifest
    return IntegrationStatus(
        id=integration.id,
        vendor=manifest.id,
        vendor_name=manifest.vendor.name,
        manifest_version=manifest.version,
        docs=manifest.vendor.docs,
        lifecycle=manifest.vendor.lifecycle,
        sunset=manifest.vendor.sunset,
        status_page=manifest.status_page.url if manifest.status_page else "",
        labels=integration.connection.labels,
        auth=AuthSummary(
            name=integration.auth_name,
            kind=str(integration.auth.__struct_config__.tag),
            title=integration.auth.title,
            scopes=integration.auth.scopes,
            granted=integration.access.granted,
        ),
        capabilities=integration.capabilities,
        actions=tuple(_action(integration, name, action) for name, action in manifest.actions.items()),
        line=line,
        evidence=evidence(manifest, lock),
        certificate=integration.certificate,
        endings=integration.remarks.known_endings if integration.has_remarks else (),
        drift=integration.remarks.known_drift if integration.has_remarks else (),
    )


def _action(integration: Integration, name: str, action: Action) -> ActionSummary:
    return ActionSummary(
        name=name,
        title=action.title,
        effect=action.effect,
        capability=integration.capability(name),
        inputs=tuple(
            InputSummary(
                name=key,
                type=one.type,
                required=one.required,
                description=one.description,
                enum=one.enum,
            )
            for key, one in action.input.items()
        ),
        scopes=action.scopes,
        missing_scopes=integration.missing_scopes(action),
        paged=bool(action.paginate),
        deprecated=next(
            (_deprecated(one) for one in integration.manifest.deprecations if name in one.actions), ""
        ),
    )


def _deprecated(deprecation: Deprecation) -> str:
    page = f"; see {deprecation.docs}" if deprecation.docs else ""
    return f"{deprecation.what}, ends on {deprecation.sunset}{page}"
