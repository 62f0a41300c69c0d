"""What injects faults, as the API needs it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from integrations.execution.injection import Fault, Injection


class FaultDesk(Protocol):
    """Takes orders to inject faults; app/faults.py says what is raised."""

    @property
    def is_allowed(self) -> bool:
        """Whether the configuration allows faults."""
        ...

    def standing(self) -> Mapping[str, Injection]:
        """What is injected now, by integration."""
        ...

    async def begin(
        self, integration: str, faults: Sequence[Fault], /, *, actor: str, reason: str, seconds: float
    ) -> None:
        """Inject faults into an integration for some seconds."""
        ...

    async def end(self, integration: str, /, *, actor: str, reason: str) -> bool:
        """Inject nothing any longer; whether there was something."""
        ...
