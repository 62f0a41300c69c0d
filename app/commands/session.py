"""What every command that asks a server has: the server, and the way it prints."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.text import Text

from app.commands import exits
from app.commands.server import ClientFactory, Reply, Server

T = TypeVar("T")

_PLAIN_WIDTH = 240


class Session:
    """One run of the command line: asks `server`, prints to `console` for people or plainly for programs.
    `open_client` opens the clients to whatever else a command speaks to; None is the command's own choice.
    """

    def __init__(self, server: Server, *, open_client: ClientFactory | None = None) -> None:
        self.server = server
        self.open_client = open_client
        terminal = sys.stdout.isatty()
        self.console = Console(
            file=sys.stdout, highlight=False, markup=False, width=None if terminal else _PLAIN_WIDTH
        )
        self.errors = Console(stderr=True, highlight=False, markup=False)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is going on, where a person looks."""
        if not self.errors.is_terminal:
            yield
            return
        with self.errors.status(Text(what)):
            yield

    def read(
        self,
        reply: Reply,
        shape: type[T],
        *,
        as_json: bool,
        is_good: Callable[[T], bool] | None = None,
    ) -> T | None:
        """Return a good answer in its shape, or None when it was already printed as JSON.

        A problem ends the command as Reply.exit_code says. An answer that tells of a failure, which is one
        that `is_good` says no to, ends it with 1 where it was printed as JSON, as it does elsewhere.
        """
        if as_json:
            click.echo(reply.text)
            if not reply.ok:
                raise exits.Ended(reply.exit_code)
            if is_good is not None and not is_good(msgspec.convert(reply.body, shape)):
                raise exits.Ended(exits.FAILED)
            return None
        if not reply.ok:
            raise _problem(reply)
        return msgspec.convert(reply.body, shape)


def _problem(reply: Reply) -> exits.CommandError:
    text = problem_text(reply.body)
    if reply.exit_code == exits.NOT_ALLOWED:
        is_unknown = reply.status == HTTPStatus.UNAUTHORIZED
        hint = " Set DIALTONE_TOKEN, or --token, to such a token." if is_unknown else ""
        return exits.NotAllowedError(f"{text}{hint}")
    return (exits.WrongUsageError if reply.exit_code == exits.USAGE else exits.CommandError)(text)


def problem_text(body: object) -> str:
    """Return a problem as a person reads it: the sentence, then each wrong value that is not in it."""
    if not isinstance(body, dict):
        return "The server answered with something else than a problem."
    sentence = str(body.get("detail") or body.get("title") or "The request failed.")
    lines = [
        f"  {_where(one)}: {one.get('message', '')}"
        for one in body.get("errors", ())
        if isinstance(one, dict) and str(one.get("message", "")) not in sentence
    ]
    return "\n".join((click.unstyle(sentence), *lines))


def _where(wrong: Mapping[str, object]) -> str:
    """Where a wrong value stands: its key, and before it file and line, where it has them."""
    key = str(wrong.get("key") or "")
    if wrong.get("file"):
        return f"{wrong['file']}:{wrong['line']}" + (f": {key}" if key else "")
    return key or str(wrong.get("source", ""))


def pairs(given: tuple[str, ...]) -> dict[str, object]:
    """Read `key=text` and `key:=json` arguments.

    Raises:
        click.UsageError: when one is neither.
    """
    values: dict[str, object] = {}
    for one in given:
        key, separator, text = one.partition("=")
        if not separator or not key.strip(":"):
            raise click.UsageError(f"{one!r} is no key=value (or key:=json, such as limit:=5)")
        values[key.removesuffix(":")] = _json(key, text) if key.endswith(":") else text
    return values


def _json(key: str, text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{key}={text}: not JSON; for plain text write {key[:-1]}={text}") from error
