"""The writes of SAP, which data cannot say: each carries a CSRF token and the cookies of its session.

A token is fetched by a GET with `X-CSRF-Token: Fetch` and kept, with all cookies that came with it, for the
integration. A write that is answered 403 with `X-CSRF-Token: Required` fetches another one and is sent once
more (help.sap.com, "Cross-Site Request Forgery Protection"; SAP Note 3048103 on cookies).
"""

import re
from collections.abc import Mapping

import httpx
import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.credentials.secret import Secret
from integrations.execution.call import Answer
from integrations.execution.outcome import Outcome
from integrations.execution.transport import Reply

TOKEN = "x-csrf-token"  # noqa: S105 - a header's name, no secret

_SESSION = "session"
_SERVICE = re.compile(r".*?/sap/opu/odata/sap/[^/]+/")
_NEXT_COOKIE = re.compile(r",\s*(?=[^\s;,=]+=)")
_REPEATABLE = frozenset({"PATCH", "DELETE"})
"""Methods whose repeat leaves the entity as the first one did."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A token and the cookies that it counts with; neither shows in its repr."""

    token: Secret
    cookies: Mapping[str, Secret] = {}

    def put(self, request: httpx.Request) -> None:
        """Put both into a request; a system without this protection gave none."""
        if self.token.reveal():
            request.headers[TOKEN] = self.token.reveal()
        if self.cookies:
            pairs = (f"{name}={value.reveal()}" for name, value in self.cookies.items())
            request.headers["cookie"] = "; ".join(pairs)

    def after(self, reply: Reply) -> "Session":
        """The session with the cookies that an answer sets anew."""
        cookies = {**self.cookies, **cookies_of(reply.headers.get("set-cookie", ""))}
        return msgspec.structs.replace(self, cookies=cookies)


class Write:
    """Sends the request that the manifest describes, within the integration's session."""

    async def run(self, context: ActionContext) -> Outcome:
        """Send it; a session that is over is opened anew, once."""
        session = context.kept.get(_SESSION)
        if isinstance(session, Session):
            answer = await _write(context, session, step="request")
            if not _is_over(answer):
                return context.finish(answer)
        opened = await _open(context)
        if isinstance(opened, Outcome):
            return opened
        return context.finish(await _write(context, opened, step="request-in-new-session"))


async def _open(context: ActionContext) -> Session | Outcome:
    """A new session, kept from now on; the outcome of asking for it where there is none."""
    planned = context.request()
    headers = {
        name: planned.headers[name]
        for name in ("user-agent", "accept", "sap-client")
        if name in planned.headers
    }
    request = httpx.Request("GET", service_of(planned.url), headers={**headers, TOKEN: "Fetch"})
    answer = await context.send(request, step="csrf", idempotent=True)
    if not answer.outcome.ok or answer.reply is None:
        return context.finish(answer)
    session = Session(token=Secret(answer.reply.headers.get(TOKEN, ""))).after(answer.reply)
    context.kept[_SESSION] = session
    return session


async def _write(context: ActionContext, session: Session, *, step: str) -> Answer:
    request = context.request()
    session.put(request)
    answer = await context.send(request, step=step, idempotent=request.method in _REPEATABLE)
    if answer.outcome.ok and answer.reply is not None and "set-cookie" in answer.reply.headers:
        context.kept[_SESSION] = session.after(answer.reply)
    return answer


def _is_over(answer: Answer) -> bool:
    reply = answer.reply
    return reply is not None and reply.status == 403 and reply.headers.get(TOKEN, "").lower() == "required"


def service_of(url: httpx.URL) -> httpx.URL:
    """The root of the service that an address belongs to."""
    match = _SERVICE.match(url.path)
    return url.copy_with(raw_path=(match[0] if match else "/").encode())


def cookies_of(header: str) -> dict[str, Secret]:
    """The cookies of joined `Set-Cookie` headers by name; those that are taken back are left out."""
    parts = (part.partition(";")[0].partition("=") for part in _NEXT_COOKIE.split(header))
    return {name.strip(): Secret(value.strip()) for name, _, value in parts if name.strip() and value.strip()}


ACTIONS: Mapping[str, type[CodeAction]] = dict.fromkeys(
    (
        "partners.create",
        "partners.update",
        "addresses.create",
        "addresses.update",
        "addresses.delete",
        "entities.create",
        "entities.update",
        "entities.delete",
    ),
    Write,
)
