"""The options that commands share."""

import re
from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*([smhd]?)$")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def json_option(command: F) -> F:
    """Add --json: the API's answer on stdout as it is, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's JSON answer, for programs.")(
        command
    )


class Duration(click.ParamType[float]):
    """A length of time such as 90, 15m, 2h or 1d; becomes seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        match = _DURATION.match(str(value).strip().lower())
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no length of time; write 90s, 15m, 2h or 1d", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


def reason_option(command: F) -> F:
    """Add --reason, which is kept on record."""
    return click.option("--reason", "-r", required=True, help="Why; kept on record.")(command)


def expiry_option(command: F) -> F:
    """Add --for, after which an operation undoes itself."""
    return click.option(
        "--for", "expires_in", type=Duration(), help="Undo it by itself after 90s, 15m, 2h, 1d …"
    )(command)
