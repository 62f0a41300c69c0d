"""/v2/vendors: the catalogue of third parties and what they can do."""

from litestar import Router, get
from litestar.params import FromPath

from app.api.access import READ, GivenParts
from app.api.bodies import VendorAction, VendorBody, VendorInput, VendorList
from app.api.problems import not_found
from app.api.responses import GUARDED, ONE
from app.api.summaries import capabilities_of
from integrations.manifest.schema import Action, Manifest
from integrations.manifest.source import nearest
from monitors.vendor_watch import VendorStatus


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


@get(
    "/v2/vendors/{vendor_id:str}/status",
    operation_id="get_vendor_status",
    summary="What a vendor says of itself",
    description="The vendor's public status page as it was read last: what it says of the components that "
    "the integrations here depend on, and all its open incidents. `indicator` is null while no page is read.",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_vendor_status(parts: GivenParts, vendor_id: FromPath[str]) -> VendorStatus:
    """Its status pages, and whom what they say concerns."""
    vendors = sorted(parts.catalog.vendors())
    if vendor_id not in vendors:
        near = nearest(vendor_id, vendors)
        hint = f"; did you mean {near}?" if near else f"; there are {', '.join(vendors)}"
        raise not_found("unknown-vendor", LookupError(f"there is no vendor {vendor_id!r}{hint}"))
    return parts.vendor_status(vendor_id)


def describe(manifest: Manifest) -> VendorBody:
    """Return a vendor as clients see it."""
    return VendorBody(
        id=manifest.id,
        name=manifest.vendor.name,
        docs=manifest.vendor.docs,
        lifecycle=manifest.vendor.lifecycle,
        auth=tuple(manifest.auth),
        config=tuple(manifest.config),
        webhooks=manifest.webhooks is not None
        or any(field.type == "webhooks" for field in manifest.config.values()),
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


router = Router(path="/", tags=["Catalogue"], route_handlers=[list_vendors, get_vendor_status])
