"""Pictures for pages that stand on their own, as SVG data: rectangles and words in a box, and the same in a
sentence.
"""

import msgspec


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle; `kind` is its class in the page's style sheet, `title` what it says when pointed at."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """Words at a place: `anchor` is start, middle or end of them."""

    x: float
    y: float
    text: str
    anchor: str = "start"


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of `width` by `height`; `text` is for those who read. `key` explains kinds of bars."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...] = ()
    text: str = ""
    title: str = ""
    key: tuple[tuple[str, str], ...] = ()
