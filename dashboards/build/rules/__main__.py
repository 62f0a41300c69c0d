"""Writes the rules: `python -m dashboards.build.rules [--runbooks URL] [--output FOLDER]`."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from dashboards.build.rules import integrations, itself, objectives, recording
from dashboards.build.rules.model import Group, rendered, rendered_resource

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "dashboards" / "rules"
RUNBOOKS = "https://dialtone.example/runbooks"
"""Stands for wherever you publish docs/runbooks."""

ALERTS = (
    Group(name="dialtone-alerts-integrations", rules=tuple(integrations.alerts())),
    Group(name="dialtone-alerts-objectives", rules=tuple(objectives.alerts())),
    Group(name="dialtone-alerts-itself", rules=tuple(itself.alerts())),
)


def files(runbooks: str = RUNBOOKS) -> Mapping[str, str]:
    """Return the YAML of each file by its path in the repository; the same bytes each time."""
    recorded = recording.groups()
    return {
        "dashboards/rules/recording.yml": rendered(recorded, runbooks=runbooks),
        "dashboards/rules/alerts.yml": rendered(ALERTS, runbooks=runbooks),
        "deploy/kubernetes/prometheusrule.yaml": rendered_resource(
            "dialtone", (*recorded, *ALERTS), runbooks=runbooks
        ),
    }


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description="Write the Prometheus rules.")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="where docs/runbooks is published (%(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT, help="write below this folder (%(default)s)")
    chosen = parser.parse_args()
    for name, text in files(chosen.runbooks).items():
        path = chosen.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(name)


if __name__ == "__main__":
    main()
