"""Names of incidents: short enough to type, rising with time, never used twice."""

import random

from integrations.clock import Clock

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no two of them look alike."""

_TIME_DIGITS = 7
_CHANCE_DIGITS = 4


class IncidentIDs:
    """Makes ids such as `inc-1h2k3m4-x7qz`: seconds since 1970, and chance."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._given: set[str] = set()
        self._second = 0

    def __call__(self) -> str:
        """A new one."""
        second = int(self._clock.time())
        if second != self._second:
            self._second, self._given = second, set()
        while (made := self._made(second)) in self._given:
            pass
        self._given.add(made)
        return made

    def _made(self, second: int) -> str:
        chance = self._chance.randrange(32**_CHANCE_DIGITS)
        return f"inc-{_written(second, _TIME_DIGITS)}-{_written(chance, _CHANCE_DIGITS)}"


def _written(number: int, digits: int) -> str:
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(digits)))
