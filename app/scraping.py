"""What the API asks of the metrics that are scraped."""

from collections.abc import Collection, Sequence
from typing import Protocol


class Scrape(Protocol):
    """The rendered metrics."""

    @property
    def pieces(self) -> Sequence[bytes]:
        """The rendering, to be sent in this order."""
        ...

    @property
    def content_type(self) -> str:
        """Its type, with version and charset."""
        ...

    @property
    def content_encoding(self) -> str | None:
        """gzip, or None for a body as it is."""
        ...


class MetricsExporter(Protocol):
    """Renders the metrics as the client asks for them."""

    async def scrape(self, *, accept: str, accept_encoding: str, names: Collection[str] = ()) -> Scrape:
        """Render, of all metrics or of those named; ScrapeTimeoutError when it takes too long."""
        ...
