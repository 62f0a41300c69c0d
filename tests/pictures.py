"""Draws the pictures of the boards that the documentation shows: `make pictures`.

A board is drawn without Grafana by a program that is given a board's file and `--prometheus URL --api URL
--from TIME --var NAME=VALUE --scrape-interval 2s --out FILE`; PICTURE names it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.dashboards.shipped import FOLDER
from tests.real.demo import Demo, scraped_demo

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
QUIET = ("discord-fans", "gitlab-shop", "jira-ops", "pagerduty")
"""Integrations of the demo that no fault strikes."""
DRAWN: dict[str, tuple[str, ...]] = {
    "overview": (),
    "overview calm": tuple(f"integration={one}" for one in QUIET),
    "integration": ("integration=legacy-erp",),
    "breakers": (),
    "objectives": (),
    "usage": ("bucket=1m",),
}
"""What is drawn: the board, after it a word to tell pictures of one board apart, and what is chosen on it."""


def draw(name: str, program: str, demo: Demo, *, minutes: int) -> None:
    """Draw one picture."""
    board, *_ = name.split()
    chosen = [f"--var={one}" for one in DRAWN[name]]
    out = PICTURES / f"{name.replace(' ', '-')}.png"
    subprocess.run(
        [
            program, str(FOLDER / f"{board}.json"), "--prometheus", demo.prometheus, "--api", demo.dialtone,
            "--from", f"now-{minutes}m", "--scrape-interval", "2s", "--out", str(out), *chosen,
        ],
        check=True,
    )  # fmt: skip


def main() -> None:
    """Let the demo run for a while, and draw every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="what draws a board")
    parser.add_argument("--minutes", type=int, default=15, help="how long the demo runs before")
    given = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, scraped_demo(Path(folder)) as demo:
        time.sleep(60 * given.minutes)
        for name in DRAWN:
            draw(name, given.program, demo, minutes=given.minutes)


if __name__ == "__main__":
    sys.exit(main())
