"""How a command ends: the exit codes, and errors of one sentence with what to do next."""

from typing import IO

import click
import msgspec

OK = 0
FAILED = 1
USAGE = 2
NO_SERVER = 3
NOT_ALLOWED = 4

EPILOG = (
    "Exit codes: 0 ok, 1 the outcome is a failure, 2 wrong usage, values or names, 3 no server answers, "
    "4 the token is missing, unknown or lacks the scope."
)


class CommandError(click.ClickException):
    """Ends a command with code 1; the message says what went wrong and what to do.

    Where the command was given --json, stdout gets a problem as the API would answer it, so that a program
    always finds one JSON document there.
    """

    exit_code = FAILED
    kind = "failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        context = click.get_current_context(silent=True)
        self._as_json = bool(context and context.params.get("as_json"))

    def show(self, file: IO[str] | None = None) -> None:
        """Print the message to stderr."""
        if self._as_json:
            problem = {
                "type": f"urn:dialtone:problem:{self.kind}",
                "title": "Command failed",
                "detail": self.message,
            }
            click.echo(msgspec.json.encode(problem).decode())
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file=file, err=file is None)


class WrongUsageError(CommandError):
    """What was typed is wrong: a value, a name that there is not, a file that is not what it should be."""

    exit_code = USAGE
    kind = "wrong-usage"


class NoServerError(CommandError):
    """No server answers."""

    exit_code = NO_SERVER
    kind = "no-server"


class NotAllowedError(CommandError):
    """The token is missing, unknown, or lacks the scope."""

    exit_code = NOT_ALLOWED
    kind = "not-allowed"


class Ended(click.exceptions.Exit):
    """Ends a command whose answer is already printed."""
