"""SAP's double: OData V2 with `d`, `__metadata` and `__next`, CSRF tokens that belong to a session's cookies.

Every service and entity set is there, empty but for a few business partners; what is created can be read,
changed and deleted. Forms: odata.org, "OData Version 2.0"; help.sap.com, "Cross-Site Request Forgery
Protection".
"""

import re
from collections.abc import Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

PAGE = 100
"""Entities that one answer holds at most; `__next` leads to the others."""

TOKEN = "x-csrf-token"  # noqa: S105 - a header's name, no secret

_SERVICE = "API_BUSINESS_PARTNER"
_PLACE = re.compile(
    r".*/sap/opu/odata/sap/(?P<service>[^/]+)/(?P<set>[^/(]+)(?:\((?P<key>.*?)\))?(?:/(?P<then>[^/]+))?"
)
_LEADS = {
    "to_BusinessPartnerAddress": "A_BusinessPartnerAddress",
    "to_BusinessPartnerRole": "A_BusinessPartnerRole",
}
"""Where navigations lead to."""

_OWN = {"A_BusinessPartnerAddress": "AddressID"}
"""The fields that a new entity's number goes into, where it is not the set's own name."""

_FIRST = 1_000_000
_SEEDED = 120

_ERRORS: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "401", "Logon failed"),
    FailureKind.FORBIDDEN: (403, "/IWFND/CM_BEC/026", "No authorization to access the service"),
    FailureKind.NOT_FOUND: (404, "/IWBEP/CM_MGW_RT/020", "Resource not found"),
    FailureKind.CLIENT_ERROR: (400, "/IWBEP/CM_MGW_RT/176", "The request is not valid"),
    FailureKind.THROTTLED: (429, "429", "Too many requests"),
    FailureKind.SERVER_ERROR: (500, "/IWBEP/CM_MGW_RT/004", "Internal error"),
    FailureKind.VENDOR_ERROR: (423, "R1/230", "The business partner is locked by another user"),
}

Entity = dict[str, object]


class SAP(GenericVendor):
    """A system of S/4HANA."""

    def settle(self, account: Account) -> None:
        """Give the account business partners, of which the first is much, and a sales order."""
        for number in range(_FIRST, _FIRST + _SEEDED):
            key = {"BusinessPartner": str(number), "BusinessPartnerCategory": "2"}
            account.keep(
                f"{_SERVICE} A_BusinessPartner", {**key, "OrganizationBPName1": f"Simulated {number}"}
            )
        first: Entity = {"BusinessPartner": str(_FIRST)}
        account.keep(f"{_SERVICE} A_BusinessPartnerAddress", {**first, "AddressID": "22955", "Country": "DE"})
        account.keep(f"{_SERVICE} A_BusinessPartnerRole", {**first, "BusinessPartnerRole": "FLCU01"})
        account.keep(f"{_SERVICE} A_Customer", {"Customer": str(_FIRST)})
        account.keep(f"{_SERVICE} A_Supplier", {"Supplier": str(_FIRST)})
        account.keep("API_SALES_ORDER_SRV A_SalesOrder", {"SalesOrder": "1", "SalesOrderType": "OR"})

    def operation(self, request: Request) -> Operation | None:
        """Return the action of a request; a key in brackets is no part of a set's name."""
        found = super().operation(request)
        if found is None or found.name != "entities.list" or "(" not in found.path_values["set"]:
            return found
        name, _, key = found.path_values["set"].partition("(")
        values = {**found.path_values, "set": name, "key": key.removesuffix(")")}
        get = self.manifest.actions["entities.get"]
        return Operation(name="entities.get", action=get, shape=found.shape, path_values=values)

    def refuse(self, refusal: Refusal) -> Response:
        """Say no as OData V2 does: a code, and a message with its language."""
        status, code, message = _ERRORS[refusal.kind]
        wrong = ", ".join(f"{problem.field} is {problem.reason}" for problem in refusal.problems)
        said = {"code": refusal.code or code, "message": {"lang": "en", "value": wrong or message}}
        headers = (
            {"retry-after": f"{refusal.retry_after:.0f}"} if refusal.kind is FailureKind.THROTTLED else {}
        )
        return json_response({"error": said}, status=refusal.status or status, headers=headers)

    def answer(self, exchange: Exchange) -> Response:
        """Read or write; a write without its session's token is refused."""
        if exchange.request.method == "GET":
            return self._read(exchange).with_headers(_fetched(exchange))
        if not _is_protected(exchange):
            return self.refuse(Refusal(kind=FailureKind.FORBIDDEN, code="403")).with_headers(
                {TOKEN: "Required"}
            )
        return self._write(exchange)

    def _read(self, exchange: Exchange) -> Response:
        if exchange.operation.name == "service.get":
            return json_response({"d": {"EntitySets": ["A_BusinessPartner", "A_BusinessPartnerAddress"]}})
        if exchange.request.path.endswith("/$count"):
            return text_response(str(len(_meant(exchange))))
        if exchange.operation.action.paginate:
            return _page(exchange)
        if not (found := _meant(exchange)):
            return self.refuse(Refusal(kind=FailureKind.NOT_FOUND))
        return json_response({"d": _selected(exchange, found[0])}, headers={"etag": 'W/"simulated"'})

    def _write(self, exchange: Exchange) -> Response:
        if exchange.request.method == "POST":
            return json_response({"d": _made(exchange)}, status=201)
        if not (found := _meant(exchange)):
            return self.refuse(Refusal(kind=FailureKind.NOT_FOUND))
        if exchange.request.method == "DELETE":
            exchange.account.kept(_kind(exchange)).remove(found[0])
        else:
            found[0].update(_fields(exchange))
        return Response(status=204)


def end_session(account: Account) -> None:
    """Forget the account's session, as a system does after a while."""
    account.kept("session").clear()


def _fetched(exchange: Exchange) -> Mapping[str, str]:
    """The token and its cookie, where a request asks for them."""
    if exchange.request.headers.get(TOKEN, "").lower() != "fetch":
        return {}
    number = exchange.account.number("session")
    end_session(exchange.account)
    exchange.account.keep("session", {"token": f"simulated-csrf-{number}", "cookie": f"simulated-{number}"})
    return {
        TOKEN: f"simulated-csrf-{number}",
        "set-cookie": f"SAP_SESSIONID_SIM_100=simulated-{number}; path=/; secure; HttpOnly",
    }


def _is_protected(exchange: Exchange) -> bool:
    headers = exchange.request.headers
    return any(
        headers.get(TOKEN) == session["token"]
        and f"SAP_SESSIONID_SIM_100={session['cookie']}" in headers.get("cookie", "")
        for session in exchange.account.kept("session")
    )


def _place(exchange: Exchange) -> re.Match[str]:
    match = _PLACE.fullmatch(exchange.request.path)
    if match is None:
        raise ValueError("no entity set is named here")
    return match


def _set(exchange: Exchange) -> str:
    """The set that a request ends at, also by a navigation."""
    place = _place(exchange)
    return _LEADS.get(place["then"] or "", place["set"])


def _kind(exchange: Exchange) -> str:
    return f"{_place(exchange)['service']} {_set(exchange)}"


def _key(exchange: Exchange) -> dict[str, str]:
    """The key's values by name; a value without a name is that of the set's own field."""
    place = _place(exchange)
    found: dict[str, str] = {}
    for part in filter(None, (place["key"] or "").split(",")):
        name, _, value = part.rpartition("=")
        found[name or place["set"].removeprefix("A_")] = value.strip("'")
    return found


def _meant(exchange: Exchange) -> list[Entity]:
    """The entities that a request's key, if it names one, is about."""
    key = _key(exchange)
    return [one for one in exchange.account.kept(_kind(exchange)) if key.items() <= one.items()]


def _fields(exchange: Exchange) -> Entity:
    path = exchange.operation.path_values
    return {name: value for name, value in exchange.values.items() if name not in path}


def _made(exchange: Exchange) -> Entity:
    """What a request creates, with a number of its own where it brings none."""
    kind, name = _kind(exchange), _OWN.get(_set(exchange), _set(exchange).removeprefix("A_"))
    number = str(_FIRST + _SEEDED + exchange.account.number(kind))
    return exchange.account.keep(kind, {name: number, **_key(exchange), **_fields(exchange)})


def _page(exchange: Exchange) -> Response:
    things = _meant(exchange)
    start, size = exchange.integer("$skip", 0), exchange.integer("$top", PAGE)
    shown = things[start : start + min(size, PAGE)]
    body: dict[str, object] = {"results": [_selected(exchange, one) for one in shown]}
    if len(shown) < size and start + len(shown) < len(things):
        path = f"{exchange.request.path}?$skiptoken={start + len(shown)}"
        body["__next"] = exchange.request.url(path)
    return json_response({"d": body})


def _selected(exchange: Exchange, entity: Entity) -> Entity:
    wanted = exchange.text("$select")
    chosen = {name: entity[name] for name in wanted.split(",") if name in entity} if wanted else entity
    return {"__metadata": {"type": f"{_place(exchange)['service']}.{_set(exchange)}Type"}, **chosen}
