"""The analyst's afternoon, docs/analyst-afternoon.md: its shop, and what its commands answer.

The shop is the configuration that stands in the document, with the weeks of tests/fakes/history.py in its
DuckDB, on the Monday after. `python -m tests.afternoon` (`make afternoon`) writes the answers into it
anew; tests/app/cli/test_analyst_afternoon.py fails while they are other ones.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from click.testing import CliRunner
from msgspec.structs import replace

from app.cli import main
from app.declaring import declaration_of
from app.settings import Settings, load_settings
from app.wiring import Dialtone
from exporters.analytics.rollups.declared import declare
from integrations.clock import SystemClock
from integrations.manifest.loading import Catalog
from tests.exporters.analytics.generated import started
from tests.fakes.history import DAY, HOUR, MONDAY, WEEK, history

DOCUMENT = Path(__file__).parents[1] / "docs" / "analyst-afternoon.md"
NOW = MONDAY + WEEK + 9 * HOUR
WEEKS = 3
TOKEN = "an analyst's token"
SECRETS = {"GITHUB_TOKEN": "ghp_x", "SLACK_TOKEN": "xoxb-x", "SALESFORCE_TOKEN": "x"}

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_CONFIGURATION = re.compile(r"(?<=^```yaml\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(r"head -n (\d+)")
_GREP = re.compile(r"grep '([^']+)'")


class Standing(SystemClock):
    """On the wall it is Monday morning, and stays so."""

    def time(self) -> float:
        return NOW


class Shop:
    """Answers commands; files that they write go into `folder`."""

    def __init__(self, portal: BlockingPortal, app: object, *, folder: Path) -> None:
        self._portal = portal
        self._transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # an ASGI application
        self._folder = folder
        self._answers: dict[str, list[str]] = {}

    def answer(self, line: str) -> str:
        """Run a line such as `dialtone query …`, or one piped into head or grep; what a person sees."""
        command, _, filtered = line.partition(" | ")
        if command not in self._answers:
            self._answers[command] = self._run(command)
        lines = self._answers[command]
        if found := _HEAD.fullmatch(filtered):
            lines = lines[: int(found[1])]
        elif found := _GREP.fullmatch(filtered):
            lines = [one for one in lines if found[1] in one]
        else:
            assert not filtered, line
        return "\n".join(lines) + "\n"

    def _run(self, line: str) -> list[str]:
        command, *arguments = shlex.split(line)
        assert command == "dialtone", line
        environment = {"DIALTONE_TOKEN": TOKEN, "DIALTONE_URL": "http://127.0.0.1:4350"}
        arguments = [str(self._folder / one) if one.endswith(".html") else one for one in arguments]
        result = CliRunner().invoke(
            main, arguments, obj=self._client, env=environment, catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return [one.rstrip() for one in result.output.replace(f"{self._folder}/", "").splitlines()]

    def _client(self, url: str) -> httpx.Client:
        return httpx.Client(base_url=url, transport=_Through(self._portal, self._transport))


class _Through(httpx.BaseTransport):
    def __init__(self, portal: BlockingPortal, transport: httpx.ASGITransport) -> None:
        self._portal = portal
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._portal.call(self._ask, request)

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@contextmanager
def open_shop(document: str) -> Iterator[Shop]:
    """Open the document's shop."""
    with TemporaryDirectory() as made, start_blocking_portal() as portal:
        folder = Path(made)
        (folder / "dialtone.yaml").write_text(_CONFIGURATION.findall(document)[0])
        settings = load_settings(folder / "dialtone.yaml", environment=SECRETS)
        settings = replace(settings, state_dir=folder / "state")
        _remember(settings)
        dialtone, stack = portal.call(_open, settings)
        try:
            yield Shop(portal, dialtone.app, folder=folder)
        finally:
            portal.call(stack.aclose)


def _remember(settings: Settings) -> None:
    """Put the weeks that have passed into DuckDB, under the configuration that held."""
    pair = started(settings.state_dir / "analytics")
    assert pair.writer.database is not None
    catalog = Catalog.bundled()
    began = MONDAY - WEEKS * WEEK - DAY
    declare(pair.writer.database.connection, declaration_of(settings, catalog=catalog, at=began))
    pair.load(history(weeks=WEEKS))
    pair.close()


async def _open(settings: Settings) -> tuple[Dialtone, AsyncExitStack]:
    """Everything but the tasks that check, seal and send: what was recorded stays as it is."""
    dialtone = Dialtone(settings, clock=Standing())
    stack = AsyncExitStack()
    await dialtone._start()
    stack.push_async_callback(dialtone.storage.aclose)
    stack.push_async_callback(dialtone.executor.aclose)
    stack.push_async_callback(dialtone.analytics.aclose)
    return dialtone, stack


def commands(document: str) -> list[str]:
    """The commands of the document, in order."""
    return [
        line.removeprefix("$ ")
        for block in _BLOCK.findall(document)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def answered(document: str, answer: Callable[[str], str]) -> str:
    """The document with every command answered anew."""

    def again(block: re.Match[str]) -> str:
        lines = [line for line in block[0].splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{answer(line.removeprefix('$ '))}" for line in lines)

    return _BLOCK.sub(again, document)


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    with open_shop(text) as shop:
        DOCUMENT.write_text(answered(text, shop.answer), encoding="utf-8")
