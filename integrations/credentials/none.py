"""No credential."""

import httpx


class NoCredential:
    """Leaves requests as they are."""

    __slots__ = ()

    def apply(self, request: httpx.Request) -> None:
        """Do nothing."""

    async def refresh(self) -> bool:
        """There is nothing to renew."""
        return False
