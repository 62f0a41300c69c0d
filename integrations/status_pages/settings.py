"""What an operator may say about the reading of vendors' status pages."""

from typing import Literal

import msgspec

PageKind = Literal["statuspage", "slack", "google", "azure", "aws", "salesforce_trust"]


class VendorPageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One vendor's page: whether it is read, and another one in place of the manifest's. Another `url` counts
    for all integrations of the vendor; `kind` is needed where the manifest names no page.
    """

    enabled: bool = True
    url: str = ""
    kind: PageKind | None = None

    def __post_init__(self) -> None:
        """Refuse an address that cannot be asked.

        Raises:
            ValueError: saying what was expected.
        """
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("status_pages url must begin with https:// or http://")


class StatusPageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether status pages are read, how often while all is well, and how often while something is wrong with
    an integration of that vendor (`urgent_interval`); in seconds.
    """

    enabled: bool = True
    interval: float = 300.0
    urgent_interval: float = 60.0
    vendors: dict[str, VendorPageSettings] = {}

    def __post_init__(self) -> None:
        """Refuse intervals that would burden a vendor, or make no sense.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 10 <= self.urgent_interval <= self.interval:
            raise ValueError(
                "status_pages.urgent_interval must be at least 10 and at most status_pages.interval"
            )
