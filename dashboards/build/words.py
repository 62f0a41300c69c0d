"""What states are called and how they are coloured, the same on every board.

The colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any kind of colour
vision tell apart; no panel says anything by colour alone.
"""

from collections.abc import Mapping

Words = Mapping[float, tuple[str, str]]
"""A word and a colour for a value."""

GOOD = "#009E73"
NOTICE = "#56B4E9"
WARN = "#E69F00"
BAD = "#D55E00"
WORST = "#CC79A7"
COOL = "#0072B2"
PLAIN = "text"
PALETTE = frozenset({GOOD, NOTICE, WARN, BAD, WORST, COOL, PLAIN})

HEALTH_CODES: Mapping[str, int] = {
    "up": 1,
    "paused": 2,
    "unknown": 3,
    "degraded": 4,
    "throttled": 5,
    "unauthorized": 6,
    "down": 7,
}
"""A number for each health, the worst highest; 0 is left for no state at all."""
HEALTH_WORDS: Words = {
    0: ("No state", PLAIN),
    1: ("Up", GOOD),
    2: ("Paused", PLAIN),
    3: ("Unknown", NOTICE),
    4: ("Degraded", WARN),
    5: ("Throttled", WARN),
    6: ("UNAUTHORIZED", WORST),
    7: ("DOWN", BAD),
}
UP_BUT_SLOW, UP_BUT_FAILING = 1.25, 1.5
"""Beside the codes of health: checks go well, and calls are slow, or fail."""
HEALTH_ADVICE: Words = {
    1: ("nothing", PLAIN),
    UP_BUT_SLOW: ("see which calls are slow", PLAIN),
    UP_BUT_FAILING: ("see which calls fail", PLAIN),
    2: ("resume it when the work is done", PLAIN),
    3: ("check it now: dialtone check", PLAIN),
    4: ("see which calls are slow", PLAIN),
    5: ("send less, or ask for more quota", PLAIN),
    6: ("replace its credential", PLAIN),
    7: ("see its checks and errors", PLAIN),
}
"""What to do first about an integration in a state."""
BREAKER_CODES: Mapping[str, int] = {
    "closed": 1,
    "disabled": 2,
    "shadow": 3,
    "half_open": 4,
    "forced_open": 5,
    "open": 6,
}
BREAKER_WORDS: Words = {
    0: ("No state", PLAIN),
    1: ("Closed", GOOD),
    2: ("Disabled", PLAIN),
    3: ("Shadow", NOTICE),
    4: ("Half-open", WARN),
    5: ("FORCED OPEN", WORST),
    6: ("OPEN", BAD),
}
OUTCOME_COLOURS: Mapping[str, str] = {
    "ok": GOOD,
    "throttled": WARN,
    "unauthorized": WORST,
    "forbidden": WORST,
    "timeout": COOL,
    "connection": COOL,
    "dns": COOL,
    "tls": COOL,
    "rejected": NOTICE,
    "skipped": PLAIN,
    "cancelled": PLAIN,
    "server_error": BAD,
    "vendor_error": BAD,
    "expectation": BAD,
    "malformed": BAD,
}
"""Outcomes that keep their colour wherever they are drawn."""
STATE_COLOURS: Mapping[str, str] = {
    "down": BAD,
    "unauthorized": WORST,
    "degraded": WARN,
    "throttled": NOTICE,
    "critical firing": BAD,
    "warning firing": WARN,
    "info firing": NOTICE,
}
"""States and alerts that keep their colour wherever they are drawn."""
NO_TRAFFIC = "no traffic"
NOT_SCRAPED = "not scraped"
NONE_SEEN = -9_999
"""Stands for `nothing seen yet` where a query would otherwise be empty; a value mapping says so in words."""
