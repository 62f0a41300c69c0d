"""The house rules that a program can check; exemptions stand in one list that may only shrink."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "exporters", "monitors", "integrations", "dashboards")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def functions(path: Path) -> tuple[Function, ...]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return tuple(node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: Function) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    docstring = 0
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        docstring = (first.end_lineno or 0) - first.lineno + 1
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def offending(offences: Callable[[Path], object]) -> dict[str, object]:
    """Return what each module offends a rule with; a test a module and rule would take a minute to report."""
    found = {named(path): offences(path) for path in MODULES}
    return {name: what for name, what in found.items() if what}


def test_no_module_is_longer_than_the_ceiling() -> None:
    def lines(path: Path) -> int:
        count = len(path.read_text().splitlines())
        return count if count > LONGEST_MODULE else 0

    assert offending(lines) == {}


def test_no_function_is_longer_than_the_ceiling() -> None:
    def long(path: Path) -> list[str]:
        return [f"{node.name}: {length(node)}" for node in functions(path) if length(node) > LONGEST_FUNCTION]

    assert offending(long) == {}


def test_no_module_is_named_after_nothing() -> None:
    assert offending(lambda path: FORBIDDEN_NAMES & {path.stem, *path.relative_to(ROOT).parts[:-1]}) == {}


def test_more_than_three_parameters_are_keyword_only_after_the_first() -> None:
    def positional(node: Function) -> int:
        names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        return len(names) - (names[:1] in (["self"], ["cls"]))

    assert offending(lambda path: [node.name for node in functions(path) if positional(node) > 3]) == {}


def test_bool_parameters_are_keyword_only() -> None:
    def positional_bools(node: Function) -> list[str]:
        return [
            f"{node.name}({a.arg})"
            for a in node.args.args
            if isinstance(a.annotation, ast.Name) and a.annotation.id == "bool"
        ]

    assert offending(lambda path: [one for node in functions(path) for one in positional_bools(node)]) == {}


def test_no_module_defers_its_annotations() -> None:
    assert offending(lambda path: "TYPE_CHECKING" in path.read_text()) == {}


def test_every_vendor_folder_has_its_files() -> None:
    catalog = ROOT / "integrations" / "catalog"
    folders = [path for path in sorted(catalog.iterdir()) if path.is_dir() and path.name != "__pycache__"]
    missing = [
        f"{folder.name}/{name}"
        for folder in folders
        for name in ("manifest.yaml", "contract.lock", "README.md")
        if not (folder / name).is_file()
    ]
    assert MODULES
    assert folders
    assert missing == []


def test_lock_files_hold_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("integrations/catalog/*/README.md")]
    broken = [
        f"{named(page)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert pages
    assert broken == []
