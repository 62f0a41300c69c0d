"""How a command ends: the exit codes, and errors of one sentence with what to do next."""

from typing import IO

import click

OK = 0
FAILED = 1
USAGE = 2
NO_SERVER = 3
NOT_ALLOWED = 4

EPILOG = (
    "Exit codes: 0 ok, 1 the outcome is a failure, 2 wrong usage, 3 no server answers, "
    "4 the token is missing, unknown or lacks the scope."
)


class CommandError(click.ClickException):
    """Ends a command with code 1; the message says what went wrong and what to do."""

    exit_code = FAILED

    def show(self, file: IO[str] | None = None) -> None:
        """Print the message to stderr."""
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file=file, err=file is None)


class NoServerError(CommandError):
    """No server answers."""

    exit_code = NO_SERVER


class NotAllowedError(CommandError):
    """The token is missing, unknown, or lacks the scope."""

    exit_code = NOT_ALLOWED


class Ended(click.exceptions.Exit):
    """Ends a command whose answer is already printed."""
