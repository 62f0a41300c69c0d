"""A line for each goal: what was measured, what was to be, and whether it is."""


def judge(what: str, value: float, goal: float, unit: str, *, least: bool = False) -> bool:
    """Print one line; `least`: the value must not be below the goal instead of not above it."""
    met = value >= goal if least else value <= goal
    sign, word = "≥" if least else "≤", "met" if met else "MISSED"
    print(f"{what:64} {value:10,.2f} {unit:9} goal {sign} {goal:g}: {word}", flush=True)
    return met
