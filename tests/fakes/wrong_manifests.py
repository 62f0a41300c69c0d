"""A bundled manifest made wrong: refused with its place, or registered and used."""

import random
import time
from importlib import resources

import yaml

from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError, InvalidParams, UnknownAction
from integrations.execution.executor import Executor
from integrations.execution.transport import Reply
from integrations.framework import IntegrationFramework
from integrations.manifest.answers import AnswerReader
from integrations.manifest.loading import Catalog, load_manifest
from integrations.manifest.schema import Manifest
from integrations.manifest.source import SourceError
from tests.fakes.mutations import HOSTILE, mutated_bytes, mutated_tree

TOKENS = {"github": "ghp_a", "slack": "xoxb-a"}
ANSWERS = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"[[[",
    b'{"ok": false, "error": ["x"], "message": {"a": 1}, "data": 5}',
    b'{"ok": true, "items": {}, "response_metadata": 7, "status": "success"}',
    b"1" * 5_000,
    b"[" * 100_000,
    b'"\\ud800"',
    "é".encode("utf-16"),
)
HEADERS = (
    {},
    {
        "retry-after": "1e308",
        "x-ratelimit-remaining": "nan",
        "x-ratelimit-reset": "-1",
        "link": "<>;" * 5_000,
    },
    {"retry-after": "x" * 5_000, "x-ratelimit-limit": "9" * 5_000, "content-type": "a/b; charset=\x00"},
)


class Tried:
    """How many came to what."""

    def __init__(self) -> None:
        self.refused = self.unregistered = self.built = self.unbuilt = self.judged = 0
        self.slowest = 0.0

    def __str__(self) -> str:
        return (
            f"{self.refused} refused, {self.unregistered} loaded and not registered, {self.built} requests "
            f"built and {self.unbuilt} refused, {self.judged} answers judged; slowest {self.slowest:.2f} s"
        )


def try_one(vendor: str, rng: random.Random, tried: Tried) -> None:
    """Make the manifest wrong once, and use what can be used. Raises whatever is no clear refusal."""
    text = (resources.files("integrations") / "catalog" / vendor / "manifest.yaml").read_text("utf-8")
    if rng.random() < 0.2:
        text = mutated_bytes(rng, text.encode()).decode("utf-8", "replace")
    else:
        tree = mutated_tree(rng, yaml.load(text, Loader=yaml.CSafeLoader))
        text = yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True)
    began = time.perf_counter()
    try:
        manifest = load_manifest(text, name="wrong.yaml")
    except SourceError as error:
        tried.refused += 1
        if not all(problem.line >= 1 and str(problem) for problem in error.problems):
            raise AssertionError(text) from error
    else:
        _use(vendor, manifest, rng, tried)
    tried.slowest = max(tried.slowest, time.perf_counter() - began)


def _use(vendor: str, manifest: Manifest, rng: random.Random, tried: Tried) -> None:
    executor = Executor(clock=SystemClock(), publish=_ignore)
    framework = IntegrationFramework(
        executor=executor, catalog=Catalog({manifest.id: manifest}, {}), clock=SystemClock(), publish=_ignore
    )
    try:
        framework.register_integration(_connection(vendor, manifest, rng))
    except ConfigurationError:
        tried.unregistered += 1
        return
    integration = framework.integration("a")
    for name, action in manifest.actions.items():
        params = {key: rng.choice((*HOSTILE, "a", 5)) for key in action.input}
        try:
            integration.requests(name).build(integration.plan(name).check(params))
            tried.built += 1
        except (InvalidParams, UnknownAction):
            tried.unbuilt += 1
    reader = AnswerReader(manifest, now=lambda: 1_800_000_000.0)
    for action in manifest.actions.values():
        status = rng.choice((200, 201, 204, 302, 401, 403, 429, 500, 999))
        reply = Reply(status=status, headers=rng.choice(HEADERS), body=rng.choice(ANSWERS))
        reader.verdict(reply, action)
        tried.judged += 1


def _connection(vendor: str, manifest: Manifest, rng: random.Random) -> Connection:
    auth = rng.choice(sorted(manifest.auth)) if manifest.auth else ""
    secrets = manifest.auth[auth].secrets if auth else ()
    config: dict[str, object] = {"url": "https://a.invalid/", "base_url": "https://a.invalid"}
    return Connection(
        id="a",
        vendor=manifest.id,
        config={key: value for key, value in config.items() if key in manifest.config},
        auth=auth,
        secrets={name: Secret(TOKENS.get(vendor, "x")) for name in secrets},
    )


def _ignore(_: object) -> None:
    """Nobody listens."""
