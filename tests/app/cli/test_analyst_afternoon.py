"""docs/analyst-afternoon.md says what its commands answer, figure by figure."""

import difflib
import re

import pytest

from tests.afternoon import DOCUMENT, answered, commands, open_shop

_FIGURE = re.compile(r"\d[\d,.:]*\d|\d")


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def test_every_command_answers_what_the_document_says(document: str):
    with open_shop(document) as shop:
        again = answered(document, shop.answer)
    changed = difflib.unified_diff(
        document.splitlines(), again.splitlines(), "document", "now", lineterm="", n=1
    )
    assert document == again, "run `make afternoon` and read what changed:\n" + "\n".join(changed)


def test_the_afternoon_asks_what_an_analyst_asks(document: str):
    asked = {line.split()[1] for line in commands(document)}
    assert asked == {"query", "backtest", "report"}
    assert sum(line.startswith('dialtone query "SELECT') for line in commands(document)) >= 3


def test_the_prose_holds_no_figure_that_its_answers_do_not(document: str):
    """But for the date, which is not asked of anybody."""
    blocks = re.findall(r"^```.*?^```", document, re.MULTILINE | re.DOTALL)
    prose = document.replace("9 November 2026", "")
    for block in blocks:
        prose = prose.replace(block, "")
    figures = set(_FIGURE.findall(prose))
    assert {figure for figure in figures if not any(figure in block for block in blocks)} == set()
