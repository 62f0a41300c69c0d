"""What the API asks of the push exporters."""

from collections.abc import Sequence
from typing import Protocol

from exporters.push.exporter import ExporterStatus
from exporters.push.trials import Preview, Trial


class Pushing(Protocol):
    """Push exporters; UnknownExporterError for a name that is not configured."""

    def status(self) -> Sequence[ExporterStatus]:
        """How each is."""
        ...

    async def preview(self, name: str, /) -> Sequence[Preview]:
        """What would be sent now."""
        ...

    async def test(self, name: str, /) -> Trial:
        """Send one gauge, and tell what the intake said."""
        ...
