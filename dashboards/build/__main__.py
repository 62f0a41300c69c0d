"""Writes the boards: `python -m dashboards.build`."""

from collections.abc import Mapping
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.build import (
    alerts,
    breakers,
    checks,
    integration,
    itself,
    objectives,
    overview,
    quotas,
    usage,
    webhooks,
)

FOLDER = Path(__file__).parent.parent


def built() -> Mapping[str, dashboard.Dashboard]:
    """Return each board by its file's name."""
    return {
        "overview.json": overview.board(),
        "integration.json": integration.board(),
        "breakers.json": breakers.board(),
        "checks.json": checks.board(),
        "quotas.json": quotas.board(),
        "objectives.json": objectives.board(),
        "alerts.json": alerts.board(),
        "webhooks.json": webhooks.board(),
        "itself.json": itself.board(),
        "usage.json": usage.board(),
    }


def boards() -> dict[str, str]:
    """Return the JSON of each board by its file's name; the same bytes each time."""
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {name: encoder.encode(board.build()) + "\n" for name, board in built().items()}


def main() -> None:
    """Write every board beside this package."""
    for name, text in boards().items():
        (FOLDER / name).write_text(text)
        print(f"dashboards/{name}")


if __name__ == "__main__":
    main()
