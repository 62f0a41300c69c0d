"""A manifest's canaries that do not hold together are refused with their line."""

from pathlib import Path

import pytest

from integrations.manifest.loading import load_manifest
from integrations.manifest.source import SourceError
from tests.fakes.framework import CATALOG

SLACK = Path(__file__).parents[3] / "integrations" / "catalog" / "slack"


def test_the_bundled_canaries_hold_together() -> None:
    assert [canary.capability for canary in CATALOG.manifest("slack").canaries] == ["write"]
    assert [canary.capability for canary in CATALOG.manifest("github").canaries] == ["write"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("capability: write\n    given", "capability: wirte\n    given", "canaries[0].capability"),
        ("{action: chat.delete, params", "{action: chat.delte, params", "canaries[0].cleanup[0].action"),
        ('ts: "{taken.ts}"', 'ts: "{taken.id}"', "canaries[0].cleanup[0].params"),
        ('ts: "{taken.ts}"', 'stamp: "{taken.ts}"', "canaries[0].cleanup[0].params.stamp"),
        (', ts: "{taken.ts}"', "", "canaries[0].cleanup[0].params"),
        ("{marker}: Dialtone", "Dialtone", "canaries[0]"),
        ("take: {ts: /ts}", "take: {ts: ts}", "canaries[0].steps[0].take.ts"),
    ],
    ids=["capability", "action", "name", "input", "required", "marker", "pointer"],
)
def test_what_does_not_hold_together_is_named(old: str, new: str, key: str) -> None:
    text = (SLACK / "manifest.yaml").read_text()
    assert old in text

    with pytest.raises(SourceError) as caught:
        load_manifest(text.replace(old, new), name="slack")

    assert key in {problem.key for problem in caught.value.problems}
