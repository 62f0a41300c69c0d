"""Writes the boards: `python -m dashboards.build`."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.build import overview

FOLDER = Path(__file__).parent.parent


def boards() -> dict[str, str]:
    """Return the JSON of each board by its file's name; the same bytes each time."""
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {"overview.json": encoder.encode(overview.board().build()) + "\n"}


def main() -> None:
    """Write every board beside this package."""
    for name, text in boards().items():
        (FOLDER / name).write_text(text)
        print(f"dashboards/{name}")


if __name__ == "__main__":
    main()
