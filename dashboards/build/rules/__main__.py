"""Writes the rules: `python -m dashboards.build.rules [--runbooks URL] [--output FOLDER]`."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from dashboards.build.rules import integrations, itself, objectives, recording
from dashboards.build.rules.model import Group, rendered

FOLDER = Path(__file__).parents[2] / "rules"
RUNBOOKS = "https://dialtone.example/runbooks"
"""Stands for wherever you publish docs/runbooks."""

ALERTS = (
    Group(name="dialtone-alerts-integrations", rules=tuple(integrations.alerts())),
    Group(name="dialtone-alerts-objectives", rules=tuple(objectives.alerts())),
    Group(name="dialtone-alerts-itself", rules=tuple(itself.alerts())),
)


def files(runbooks: str = RUNBOOKS) -> Mapping[str, str]:
    """Return the YAML of each file by its name; the same bytes each time."""
    return {
        "recording.yml": rendered(recording.groups(), runbooks=runbooks),
        "alerts.yml": rendered(ALERTS, runbooks=runbooks),
    }


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description="Write the Prometheus rules.")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="where docs/runbooks is published (%(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="the folder to write to (%(default)s)")
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    for name, text in files(chosen.runbooks).items():
        (chosen.output / name).write_text(text)
        print(chosen.output / name)


if __name__ == "__main__":
    main()
