"""The double itself: one ASGI app in which every vendor of the catalogue is mounted by its id.

`/github/...` is GitHub's API, `/slack/api/...` Slack's: a connection's `config.base_url` is what `base_url`
gives.
An answer shows only that a request is what our manifest and lock say. It is never proof on its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from integrations.clock import Clock
from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest
from integrations.simulator.accounts import TOKEN_LIFE, Account, secrets_for
from integrations.simulator.control import CONTROL, Control
from integrations.simulator.faults import FaultBoard, FaultKind
from integrations.simulator.messages import (
    Receive,
    Request,
    Scope,
    Send,
    read_request,
    send_response,
    text_response,
)
from integrations.simulator.misbehaviour import Line, first
from integrations.simulator.mount import Mount
from integrations.simulator.status_pages import STATUS, StatusPages
from integrations.simulator.vendors import double_of

MAIN = "main"
"""The account that every vendor has from the start."""

DROPPED = 0
"""The status under which a request without an answer is counted."""


class Manifests(Protocol):
    """Where the vendors come from: the catalogue."""

    def vendors(self) -> Iterable[str]:
        """Return the ids of all vendors."""
        ...

    def manifest(self, vendor: str) -> Manifest:
        """Return a vendor's manifest."""
        ...

    def lock(self, vendor: str) -> Lock:
        """Return what is known of its contract."""
        ...


class Simulator:
    """An ASGI app that doubles every vendor. `faults` is the board of what goes wrong; `seen` counts requests
    by vendor, account, action and status.
    """

    def __init__(self, manifests: Manifests, *, clock: Clock, faults: FaultBoard | None = None) -> None:
        self.faults = faults or FaultBoard(clock=clock)
        self.seen: Counter[tuple[str, str, str, int]] = Counter()
        self._clock = clock
        self._mounts = {
            name: Mount(double_of(manifests.manifest(name), manifests.lock(name)))
            for name in manifests.vendors()
        }
        self._status_pages = StatusPages(manifests, self.faults, clock=clock)
        self._control = Control(self.faults, self.overview, self.expire_tokens)
        for name in self._mounts:
            self.add_account(name, MAIN)

    def add_account(
        self,
        vendor: str,
        name: str,
        *,
        auth: str = "",
        limit: int | None = None,
        window: float | None = None,
        token_life: float = TOKEN_LIFE,
        ends_at: float | None = None,
    ) -> Mapping[str, str]:
        """Make an account, or replace it, and return its secrets.

        `auth` is the only authentication kind it may use (empty: any of the manifest's); `limit` requests in
        `window` seconds are its main quota. Access tokens are sold for `token_life` seconds; `ends_at` is the
        UTC second at which the credential itself is said to end (GitLab's double tells it).

        Raises:
            KeyError: for a vendor that the catalogue does not have.
        """
        mount = self._mounts[vendor]
        limits = dict(mount.vendor.limits)
        bucket = next(iter(limits))
        limits[bucket] = (limit or limits[bucket][0], window or limits[bucket][1])
        secrets = secrets_for(mount.vendor.manifest, name)
        account = Account(name, secrets=secrets, limits=limits, auth=auth)
        account.token_life, account.ends_at = token_life, ends_at
        mount.vendor.settle(account)
        mount.accounts[name] = account
        return secrets

    def expire_tokens(self, vendor: str, account: str = MAIN) -> None:
        """End all access tokens that the account was sold.

        Raises:
            KeyError: for an unknown vendor or account.
        """
        self._mounts[vendor].accounts[account].expire_tokens()

    def secrets(self, vendor: str, account: str = MAIN, *, auth: str = "") -> Mapping[str, str]:
        """Return what a connection needs to be let in, by the authentication kind `auth` (empty: by any).

        Raises:
            KeyError: for an unknown vendor, account or kind.
        """
        mount = self._mounts[vendor]
        secrets = mount.accounts[account].secrets
        if not auth:
            return secrets
        return {name: secrets[name] for name in mount.vendor.manifest.auth[auth].secrets}

    def base_url(self, vendor: str, origin: str) -> str:
        """Return what a connection's `config.base_url` must be; `origin` is the server's, without a path.

        Raises:
            KeyError: for a vendor that the catalogue does not have.
        """
        return f"{origin.rstrip('/')}{self._mounts[vendor].path}"

    def addresses(self, vendor: str, origin: str) -> dict[str, object]:
        """Return the config of a connection by which all of a vendor's addresses are the simulator's: its
        `base_url`, and every other address that the manifest has a default for, such as an intake's.

        Raises:
            KeyError: for a vendor that the catalogue does not have.
        """
        fields = self._mounts[vendor].vendor.manifest.config
        given = (n for n, one in fields.items() if one.type == "url" and one.default is not msgspec.UNSET)
        named = ["base_url"] if "base_url" in fields else []
        return dict.fromkeys([*named, *given], self.base_url(vendor, origin))

    def overview(self) -> Mapping[str, object]:
        """Return the vendors, their mounts and accounts, and how many requests each has had."""
        return {
            name: {
                "path": mount.path,
                "accounts": sorted(mount.accounts),
                "requests": sum(count for (vendor, *_), count in self.seen.items() if vendor == name),
            }
            for name, mount in sorted(self._mounts.items())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3); `lifespan` and `websocket` are not spoken.

        Raises:
            RuntimeError: for a scope that is not http.
        """
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator speaks http, not {scope['type']}")
        request = await read_request(scope, receive)
        mount = self._mounts.get(request.path.split("/")[1])
        if request.path.startswith(STATUS):
            await send_response(send, self._status_pages.answer(request))
        elif request.path.startswith(CONTROL):
            await send_response(send, self._control.answer(request))
        elif mount is None or not request.path.startswith(mount.path):
            await send_response(send, text_response("no such vendor is mounted here", status=404))
        else:
            await self._serve(mount, request, Line(scope, receive, send, clock=self._clock))

    async def _serve(self, mount: Mount, request: Request, line: Line) -> None:
        mount.expire_tokens(now=self._clock.time())
        visit = mount.visit(request)
        key = (mount.vendor.manifest.id, visit.who, visit.action)
        faults = self.faults.struck(*key)
        await line.delay(faults)
        drop = first(faults, FaultKind.RESET, FaultKind.HANG)
        if drop:
            self.seen[*key, DROPPED] += 1
            await line.drop(drop)
            return
        now = self._clock.time()
        response = mount.sell(visit, faults, now=now) or mount.respond(visit, faults, now=now)
        self.seen[*key, response.status] += 1
        await line.answer(response, faults)
