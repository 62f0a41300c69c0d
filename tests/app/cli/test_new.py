"""`dialtone new integration` writes a folder that passes the contract suite."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from app.cli import main
from integrations.manifest.grades import assess
from integrations.manifest.loading import Catalog

REPOSITORY = Path(__file__).parents[3]
SUITE = ("tests/integrations/catalog/test_every_vendor.py",)
SPEC = {
    "openapi": "3.0.3",
    "info": {"title": "Acme Cloud"},
    "servers": [{"url": "https://{region}.acme.example/v2", "variables": {"region": {"default": "eu"}}}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Acme-Key"}},
        "schemas": {
            "Item": {
                "type": "object",
                "required": ["itemName"],
                "properties": {
                    "itemName": {"type": "string", "description": "its name | short"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "id": {"type": "integer", "readOnly": True},
                },
            }
        },
    },
    "paths": {
        "/items/{itemId}": {
            "get": {"operationId": "getItem", "responses": {"200": {}, "404": {}}},
        },
        "/items": {
            "parameters": [
                {"name": "page size", "in": "query", "schema": {"type": "integer", "default": 20}}
            ],
            "get": {"operationId": "listItems", "summary": "List items", "responses": {"200": {}}},
            "post": {
                "operationId": "createItem",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
                },
                "responses": {"201": {}},
            },
        },
    },
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["new", "integration", *map(str, arguments)])


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(SPEC), "utf-8")
    return file


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    folder = tmp_path / "catalog"
    folder.mkdir()
    return folder


def test_what_is_written_passes_the_whole_contract_suite(tmp_path: Path, spec: Path) -> None:
    """The suite runs as it is, in a copy of the packages whose catalogue holds the new folders alone."""
    ignored = shutil.ignore_patterns("__pycache__", "catalog", ".*")
    shutil.copytree(REPOSITORY / "integrations", tmp_path / "integrations", ignore=ignored)
    for name in ("tests", "app", "exporters", "monitors", "pyproject.toml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    folder = tmp_path / "integrations" / "catalog"
    folder.mkdir()
    shutil.copy(REPOSITORY / "integrations" / "catalog" / "__init__.py", folder)
    assert run("blank", "--into", folder).exit_code == 0
    assert run("acme", "--from-openapi", spec, "--into", folder).exit_code == 0
    chosen = ("--operation", "createItem", "--operation", "GET /items")
    assert run("acme_two", "--from-openapi", spec, *chosen, "--into", folder).exit_code == 0

    suite = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITE],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert suite.returncode == 0, suite.stdout[-3000:]
    assert "passed" in suite.stdout


def test_a_description_gives_address_credential_and_the_operations_asked_for(
    spec: Path, catalog: Path
) -> None:
    run("acme", "--from-openapi", spec, "--operation", "createItem", "--into", catalog)

    manifest = yaml.safe_load((catalog / "acme" / "manifest.yaml").read_text("utf-8"))
    assert manifest["config"]["base_url"]["default"] == "https://eu.acme.example/v2"
    assert manifest["auth"]["key"]["apply"] == {"headers": {"X-Acme-Key": "{secret.token}"}}
    assert list(manifest["actions"]) == ["create_item"]
    inputs = manifest["actions"]["create_item"]["input"]
    assert inputs["item_name"] == {
        "in": "body", "type": "string", "name": "itemName", "required": True,
        "description": "its name | short", "example": "example",
    }  # fmt: skip
    assert "id" not in inputs


def test_without_names_a_few_reads_are_taken(spec: Path, catalog: Path) -> None:
    run("acme", "--from-openapi", spec, "--into", catalog)

    loaded = Catalog.of(catalog)
    assert list(loaded.manifest("acme").actions) == ["list_items", "get_item"]
    assert assess(loaded.manifest("acme"), loaded.lock("acme")).grade == "silver"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Acme",), "small letters"),
        (("../acme",), "small letters"),
        (("acme", "--operation", "x"), "give --from-openapi too"),
        (("acme", "--from-openapi", "SPEC", "--operation", "nothing"), "no operation nothing"),
        (("acme", "--from-openapi", "BROKEN"), "neither JSON nor YAML"),
        (("acme", "--from-openapi", "OTHER"), "no OpenAPI description"),
        (("taken",), "there already"),
    ],
)
def test_what_cannot_be_made_is_told(
    arguments: tuple[str, ...], said: str, spec: Path, catalog: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text("{a: [", "utf-8")
    (tmp_path / "other.yaml").write_text("a: 1", "utf-8")
    (catalog / "taken").mkdir()
    files = {"SPEC": spec, "BROKEN": tmp_path / "broken.yaml", "OTHER": tmp_path / "other.yaml"}

    result = run(*(files.get(word, word) for word in arguments), "--into", catalog)

    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"
    assert [one.name for one in catalog.iterdir()] == ["taken"]
