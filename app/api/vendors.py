"""/v2/vendors: the catalogue of third parties and what they can do."""

from litestar import Router, get

from app.api.access import READ, GivenParts
from app.api.bodies import VendorAction, VendorBody, VendorInput, VendorList
from app.api.responses import GUARDED
from app.api.summaries import capabilities_of
from integrations.manifest.schema import Action, Manifest


@get(
    "/v2/vendors",
    operation_id="list_vendors",
    summary="The catalogue of vendors",
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_vendors(parts: GivenParts) -> VendorList:
    """Every vendor Dialtone can call, with its actions and their inputs."""
    return VendorList(
        vendors=tuple(describe(parts.catalog.manifest(vendor)) for vendor in sorted(parts.catalog.vendors()))
    )


def describe(manifest: Manifest) -> VendorBody:
    """Return a vendor as clients see it."""
    return VendorBody(
        id=manifest.id,
        name=manifest.vendor.name,
        docs=manifest.vendor.docs,
        lifecycle=manifest.vendor.lifecycle,
        auth=tuple(manifest.auth),
        config=tuple(manifest.config),
        webhooks=manifest.webhooks is not None,
        actions=tuple(_action(manifest, name, one) for name, one in sorted(manifest.actions.items())),
    )


def _action(manifest: Manifest, name: str, action: Action) -> VendorAction:
    inputs = (
        VendorInput(
            name=key,
            type=one.type,
            required=one.required,
            description=one.description,
            enum=one.enum,
        )
        for key, one in action.input.items()
    )
    return VendorAction(
        name=name,
        title=action.title,
        effect=action.effect,
        capabilities=capabilities_of(manifest, name),
        inputs=tuple(inputs),
    )


router = Router(path="/", tags=["Catalogue"], route_handlers=[list_vendors])
