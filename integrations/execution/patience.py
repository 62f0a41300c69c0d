"""How long an exchange may take, for transports that keep the time themselves."""

import msgspec

from integrations.deadlines import Cancellable

PATIENCE = "dialtone_patience"
"""The extension of an httpx.Request that holds a Patience; the exchange then ends as OutOfTime."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """So many seconds; what waits meanwhile stands in `under_way`, so that it can be cancelled."""

    seconds: float
    under_way: list[Cancellable]
