"""Finds the samples that the packages name in their code."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def named_samples() -> Iterator[tuple[str, str, int | None]]:
    """Each `Sample("dialtone_…", …)`: where it stands, its metric, and how many label values it has.

    The number is None where the code does not show it.
    """
    for package in ("app", "exporters", "monitors", "integrations"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == "Sample"
                ):
                    name, labels = [*node.args, None, None][:2]
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", name.value, _given(labels)


def _given(labels: ast.expr | None) -> int | None:
    if not isinstance(labels, ast.Tuple) or any(isinstance(item, ast.Starred) for item in labels.elts):
        return None
    return len(labels.elts)
