"""One vendor in the simulator: where it stands, who its accounts are, and how a request is judged.

The order is a vendor's own: faults that refuse, authentication, quota, path, body, answer.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.manifest.schema import Manifest
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.checking import problems_of
from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.messages import Request, Response
from integrations.simulator.misbehaviour import first, refusal_of
from integrations.simulator.operations import Operation, values_of
from integrations.simulator.tokens import TokenDesk
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal


class Visit(NamedTuple):
    """A request and what is known of it: `account` and `operation` are None where there is no such."""

    request: Request
    account: Account | None
    operation: Operation | None

    @property
    def who(self) -> str:
        """The account's name, empty for none."""
        return self.account.name if self.account else ""

    @property
    def action(self) -> str:
        """The action's name, empty for none."""
        return self.operation.name if self.operation else ""


class Mount:
    """A vendor's double with its accounts, under `path`."""

    def __init__(self, vendor: GenericVendor) -> None:
        self.vendor = vendor
        self.accounts: dict[str, Account] = {}
        self._desk = TokenDesk(vendor.manifest)
        self.path = f"/{vendor.manifest.id}{_base_path(vendor.manifest)}"

    def visit(self, request: Request) -> Visit:
        """Say whose request this is and what it means."""
        below = msgspec.structs.replace(
            request,
            path=request.path.removeprefix(self.path) or "/",
            encoded=request.encoded.removeprefix(self.path),
            mount=self.path,
        )
        account = self.vendor.account(below, tuple(self.accounts.values()))
        return Visit(below, account, self.vendor.operation(below))

    def expire_tokens(self, *, now: float) -> None:
        """End the access tokens whose time is over."""
        for account in self.accounts.values():
            account.expire_tokens(now)

    def sell(self, visit: Visit, faults: Sequence[Fault], *, now: float) -> Response | None:
        """Answer a token request, or refuse it in the vendor's form; None for any other request."""
        response = self._desk.sell(visit.request, tuple(self.accounts.values()), now=now)
        if response is None:
            return None
        refusal = refusal_of(faults)
        return self.vendor.refuse(refusal) if refusal else response

    def respond(self, visit: Visit, faults: Sequence[Fault], *, now: float) -> Response:
        """Answer a request, or refuse it in the vendor's form; `now` is UTC seconds."""
        accounts = tuple(self.accounts.values())
        refusal = refusal_of(faults)
        if visit.account is None:
            return self.vendor.refuse(refusal or self.vendor.stranger(visit.request, accounts))
        kept = visit.account.quota(self.vendor.bucket(visit.operation), now)
        quota = _read(kept, faults)
        cost = self.vendor.cost(visit.operation)
        if quota.remaining < cost:
            refusal = refusal or self.vendor.exhausted(quota.reset_at - now)
        if not refusal:
            kept.used += cost
            quota.used += cost
        response = self.vendor.refuse(refusal) if refusal else self._answer(visit, visit.account, now)
        return response.with_headers(self.vendor.headers(visit.operation, quota))

    def _answer(self, visit: Visit, account: Account, now: float) -> Response:
        request, operation = visit.request, visit.operation
        if operation is None:
            return self.vendor.unknown(request)
        try:
            wrong = tuple(problems_of(operation, request, self.vendor.lock))
            values = values_of(operation, request)
        except (ValueError, msgspec.DecodeError):
            return self.vendor.refuse(Refusal(kind=FailureKind.CLIENT_ERROR, code="malformed_body"))
        if wrong:
            return self.vendor.refuse(Refusal(kind=FailureKind.CLIENT_ERROR, problems=wrong))
        return self.vendor.answer(
            Exchange(request=request, operation=operation, account=account, values=values, now=now)
        )


def _read(quota: Quota, faults: Sequence[Fault]) -> Quota:
    low = first(faults, FaultKind.QUOTA_LOW, FaultKind.QUOTA_OUT)
    if low is None:
        return msgspec.structs.replace(quota)
    left = 0 if low.kind is FaultKind.QUOTA_OUT else low.remaining
    # The fault is what the vendor says, not what was used: it is gone when the fault is.
    return msgspec.structs.replace(quota, used=max(quota.used, quota.limit - left))


def _base_path(manifest: Manifest) -> str:
    field = manifest.config.get("base_url")
    default = field.default if field else None
    url = str(default or "") if manifest.base_url.startswith("{") else manifest.base_url
    return "" if "{" in url else urlsplit(url).path.rstrip("/")
