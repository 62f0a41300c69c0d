"""How often the crash tests strike: a part of it each time, all of it where CRASH_FULL is set."""

import os


def times(usually: int, fully: int) -> int:
    """Return how many times."""
    return fully if os.environ.get("CRASH_FULL") else usually
