"""An ordinary server loads no library that only some configurations need."""

import subprocess
import sys
from pathlib import Path

STARTED = """
import sys
from pathlib import Path
import anyio
from app.serving import serve
from app.settings import load_settings
from app.wiring import Dialtone

async def run():
    async with Dialtone(load_settings(Path(sys.argv[1]))).running():
        pass

anyio.run(run)
print(*sys.modules)
"""
CONFIGURATION = """
state_dir: {folder}
log: {{level: error}}
integrations:
  - {{id: site, vendor: http, config: {{url: "http://127.0.0.1:9/"}}}}
"""
EXAMINED = """
import sys
from app.configuration.vendors import rules_of
from integrations.connection import Connection, NetworkPolicy
from integrations.manifest.loading import Catalog

examine = rules_of(Catalog.bundled())
for proxy in (None, "http://127.0.0.1:9"):
    print("integrations.execution.proxied" in sys.modules)
    shop = {"id": "shop", "vendor": "http", "config": {"url": "http://127.0.0.1:9/"}}
    assert not examine(Connection(**shop, network=NetworkPolicy(proxy=proxy)))
print("integrations.execution.proxied" in sys.modules)
"""
UNNEEDED = {
    "aiohttp": "proxies",
    "aiosmtplib": "mail",
    "alembic": "migrations of an older database",
    "attr": "classes that somebody else makes with it",
    "cryptography": "stored tokens, client certificates, signatures by public keys",
    "app.commands": "the command line",
    "jinja2": "pages",
    "jwt": "tokens that are bought with a signed request",
    "pygments": "colours",
    "rich": "colours, and tables for people",
    "sqlalchemy.dialects.postgresql": "PostgreSQL",
}
"""What is not to be loaded, and what it is for."""


def test_a_server_with_an_ordinary_configuration_loads_nothing_that_others_need(tmp_path: Path) -> None:
    file = tmp_path / "dialtone.yaml"
    file.write_text(CONFIGURATION.format(folder=tmp_path / "state"))

    command = [sys.executable, "-c", STARTED, str(file)]
    loaded = set(
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    )

    assert "app.serving" in loaded
    assert loaded & UNNEEDED.keys() == set()


def test_what_a_proxy_needs_is_loaded_by_the_thread_that_reads_the_configuration() -> None:
    run = subprocess.run(
        [sys.executable, "-c", EXAMINED], check=True, capture_output=True, text=True, timeout=60
    )

    assert run.stdout.split() == ["False", "False", "True"]
