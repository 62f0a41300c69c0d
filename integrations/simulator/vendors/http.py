"""Web sites for the `http` vendor: `/http/NAME/...` is the site NAME, an account of its own.

Any path and method is answered: a path that ends in `health` with a small health document, what was sent with
an echo, and anything else with a page.
"""

from collections.abc import Sequence

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.operations import Operation, body_of
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal


class Site(GenericVendor):
    """Web sites that let everybody in. Simulator.add_account makes one; `main` is there from the start."""

    def account(self, request: Request, accounts: Sequence[Account]) -> Account | None:
        """Return the site that the path begins with, if the request may enter it."""
        return super().account(request, _site(request, accounts))

    def stranger(self, request: Request, accounts: Sequence[Account]) -> Refusal:
        """Tell a site that is not there from one that asks for a credential."""
        known = _site(request, accounts)
        return Refusal(kind=FailureKind.UNAUTHORIZED if known else FailureKind.NOT_FOUND)

    def operation(self, request: Request) -> Operation:
        """Return the one operation there is: a site answers any request."""
        name, action = next(iter(self.manifest.actions.items()))
        return Operation(name=name, action=action, shape=request.method, path_values={})

    def refuse(self, refusal: Refusal) -> Response:
        """Say no; a 200 that says no is a health document with another status."""
        if refusal.kind is FailureKind.UNAUTHORIZED and not refusal.code:
            return text_response("unauthorized", status=401).with_headers({"www-authenticate": "Basic"})
        if refusal.kind is FailureKind.VENDOR_ERROR:
            return json_response({"status": refusal.code or "degraded", "database": "unreachable"})
        return super().refuse(refusal)

    def answer(self, exchange: Exchange) -> Response:
        """Answer as a site."""
        request = exchange.request
        if request.body:
            return json_response({"method": request.method, "received": body_of(request)})
        if request.path.endswith("health"):
            body = {
                "status": "ok",
                "service": exchange.account.name,
                "version": "1.4.2",
                "queue": {"depth": 3},
            }
            return json_response(body)
        return text_response(
            f"<!doctype html><title>{exchange.account.name}</title><p>All systems operational",
            content_type="text/html",
        )


def _site(request: Request, accounts: Sequence[Account]) -> Sequence[Account]:
    name = request.path.split("/")[1]
    return [account for account in accounts if account.name == name]
