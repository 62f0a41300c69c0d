"""What deploy/ ships fits together: paths, users, ports, secrets; and its configurations are valid."""

import configparser
import hashlib
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from app.api.gate import OPEN_PATHS
from app.configuration.vendors import rules_of
from app.demo import certificates
from app.server import DRAIN_SECONDS
from app.settings import load_settings
from integrations.clock import SystemClock
from integrations.manifest.loading import Catalog
from tests.dashboards.promtool import promtool

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PORT = 4350
STATE = "/var/lib/dialtone"


STATEFUL_SET = yaml.safe_load((KUBERNETES / "statefulset.yaml").read_text())["spec"]
POD = STATEFUL_SET["template"]["spec"]
(CONTAINER,) = POD["containers"]


def prepared(folder: Path) -> Path:
    """A copy of prepare.sh that was run: its folder of secrets."""
    shutil.copy(DEPLOY / "prepare.sh", folder)
    subprocess.run(["sh", folder / "prepare.sh"], check=True, capture_output=True)
    return folder / "secrets"


def test_preparing_makes_secrets_once_that_only_their_owner_finds(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert prepared(tmp_path) == folder

    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "admin.token").stat().st_mode & 0o777 == 0o600
    for name in ("read", "admin"):
        token = first[f"{name}.token"]
        assert re.fullmatch(r"dt_[0-9a-f]{64}", token)
        assert first[f"{name}.sha256"].strip() == hashlib.sha256(token.encode()).hexdigest()
    assert first["read.token"] != first["admin.token"]


def test_the_secrets_stay_out_of_git_and_of_the_image() -> None:
    assert "/deploy/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()
    allowed = [
        line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    assert "!deploy" not in allowed


@pytest.mark.parametrize("path", ["dialtone.yaml", "kubernetes/dialtone.yaml"])
def test_the_configurations_are_valid(path: str, tmp_path: Path) -> None:
    (tmp_path / "dialtone.yaml").write_text(with_secrets_of(prepared(tmp_path), (DEPLOY / path).read_text()))

    settings = load_settings(tmp_path / "dialtone.yaml", environment={}, validate=rules_of(Catalog.bundled()))

    assert (settings.listen.host, settings.listen.port) == ("0.0.0.0", PORT)
    assert str(settings.state_dir) == STATE
    assert [token.name for token in settings.tokens] == ["scraper", "admin"]
    assert settings.warnings == ()


def with_secrets_of(secrets: Path, configuration: str) -> str:
    """The configuration with these files in place of those that are mounted."""
    (secrets / "storage.key").write_text("tN0dPvlTFOBbtmVbjD7B1Om0DIxVBWSn9FjA1Y1B5Zs=")
    authority = certificates.issue(secrets, days=9, now=SystemClock().time()).authority
    for mounted, file in (
        ("/run/secrets/read_sha256", secrets / "read.sha256"),
        ("/run/secrets/admin_sha256", secrets / "admin.sha256"),
        ("/run/secrets/cluster/ca.crt", authority),
        ("/run/secrets/dialtone", secrets),
    ):
        configuration = configuration.replace(mounted, str(file))
    return configuration


def test_the_image_gets_all_that_it_is_built_from() -> None:
    allowed = {
        line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    wheel = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = wheel["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*packages["packages"], *(name.split("/")[0] for name in packages.get("force-include", {}))}
    copied = set(re.findall(r"[\w-]+\.lock", DOCKERFILE)) - {"postgresql.lock"}
    assert needed | copied | {"pyproject.toml", "README.md", "LICENSE"} <= allowed


def test_the_image_takes_postgresql_from_the_locked_versions() -> None:
    (program,) = re.findall(r"awk '(.+?)'", DOCKERFILE)
    told = subprocess.run(
        ["awk", program, REPOSITORY / "requirements-dev.lock"], capture_output=True, text=True, check=True
    )
    assert re.findall(r"^[a-z][\w.\[\]-]*==", told.stdout, re.MULTILINE) == ["psycopg==", "psycopg-binary=="]
    assert "--hash=sha256:" in told.stdout


def test_image_compose_and_kubernetes_agree() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert POD["securityContext"]["runAsUser"] == POD["securityContext"]["fsGroup"] == 10001
    assert f"EXPOSE {PORT}" in DOCKERFILE
    assert CONTAINER["ports"] == [{"name": "http", "containerPort": PORT}]
    assert f"VOLUME {STATE}" in DOCKERFILE
    assert {mount["mountPath"] for mount in CONTAINER["volumeMounts"]} >= {STATE, "/etc/dialtone", "/tmp"}
    assert any(volume.endswith(f":{STATE}") for volume in COMPOSE["services"]["dialtone"]["volumes"])
    assert f"127.0.0.1:{PORT}/healthz" in DOCKERFILE
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] in OPEN_PATHS
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] in OPEN_PATHS


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "build" in service or re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_a_container_is_given_is_there(name: str) -> None:
    service = COMPOSE["services"][name]
    made = {f"./secrets/{file}" for file in ("read.token", "read.sha256", "admin.sha256", "grafana.password")}
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == made
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume


def test_grafana_is_given_sources_and_boards_that_exist() -> None:
    service = COMPOSE["services"]["grafana"]
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    folders = {inside: (DEPLOY / outside).resolve() for outside, inside in mounted.items()}
    (provider,) = yaml.safe_load((DEPLOY / "grafana" / "boards" / "dialtone.yaml").read_text())["providers"]
    assert list(folders[provider["options"]["path"]].rglob("*.json"))
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    inside = next(one for one in folders if home.startswith(f"{one}/"))
    assert (folders[inside] / home.removeprefix(f"{inside}/")).is_file()
    sources = yaml.safe_load((DEPLOY / "grafana" / "datasources" / "dialtone.yaml").read_text())[
        "datasources"
    ]
    assert [source["url"] for source in sources] == ["http://prometheus:9090", f"http://dialtone:{PORT}"]


def test_prometheus_reads_the_rules_and_scrapes_by_the_token() -> None:
    configuration = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert configuration["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert any(
        one.endswith(":/etc/prometheus/rules:ro") for one in COMPOSE["services"]["prometheus"]["volumes"]
    )
    (scrape,) = (one for one in configuration["scrape_configs"] if one["job_name"] == "dialtone")
    assert scrape["static_configs"] == [{"targets": [f"dialtone:{PORT}"]}]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/read_token"
    assert "read_token" in COMPOSE["services"]["prometheus"]["secrets"]


def test_promtool_takes_the_configuration_of_prometheus(tmp_path: Path) -> None:
    text = (DEPLOY / "prometheus.yml").read_text()
    (tmp_path / "token").touch()
    text = text.replace("/run/secrets/read_token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(
        text.replace("/etc/prometheus/rules", str(REPOSITORY / "dashboards" / "rules"))
    )
    command = [promtool(), "check", "config", "--lint=all", tmp_path / "prometheus.yml"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "2 rule files found" in told.stdout


def test_kustomize_takes_in_every_resource_but_the_example() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    there = {path.name for path in KUBERNETES.iterdir()}
    generated = {file for one in kustomization["configMapGenerator"] for file in one["files"]}
    apart = {"kustomization.yaml", "secret.example.yaml"}
    assert there == {*kustomization["resources"], *generated, *apart}


def test_kubernetes_mounts_and_asks_for_the_secrets_of_the_example() -> None:
    example = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())
    read = set(re.findall(r"/run/secrets/dialtone/([\w.]+)", (KUBERNETES / "dialtone.yaml").read_text()))
    (monitor,) = yaml.safe_load_all((KUBERNETES / "servicemonitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["endpoints"]
    assert read | {endpoint["authorization"]["credentials"]["key"]} == set(example["stringData"])
    assert all(value.startswith("replace: ") for value in example["stringData"].values())
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert volumes["secrets"]["secret"]["secretName"] == example["metadata"]["name"]


def test_service_monitor_and_policy_select_the_pods() -> None:
    ours = {"app.kubernetes.io/name": "dialtone"}
    service, policy, monitor = (
        yaml.safe_load((KUBERNETES / f"{name}.yaml").read_text())["spec"]
        for name in ("service", "networkpolicy", "servicemonitor")
    )
    assert STATEFUL_SET["template"]["metadata"]["labels"] == STATEFUL_SET["selector"]["matchLabels"] == ours
    assert service["selector"] == policy["podSelector"]["matchLabels"] == ours
    assert monitor["selector"]["matchLabels"] == ours
    assert STATEFUL_SET["replicas"] == 1, "a second one would have a state of its own"
    assert service["ports"][0]["name"] == monitor["endpoints"][0]["port"]


def test_the_pod_fits_the_restricted_standard() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_whoever_stops_it_waits_until_it_has_drained() -> None:
    drains = DRAIN_SECONDS + 20
    assert POD["terminationGracePeriodSeconds"] >= drains
    assert int(COMPOSE["services"]["dialtone"]["stop_grace_period"].removesuffix("s")) >= drains
    assert int(unit()["TimeoutStopSec"]) >= drains


def test_the_unit_is_checked_reloaded_and_kept_apart() -> None:
    service = unit()
    assert service["ExecStartPre"].endswith("dialtone check-config /etc/dialtone/dialtone.yaml")
    assert service["ExecStart"].endswith("dialtone serve --config /etc/dialtone/dialtone.yaml")
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert f"/var/lib/{service['StateDirectory']}" == STATE
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "DynamicUser"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    # The process' own start is told from /proc/stat.
    assert "ProcSubset" not in service


def unit() -> Mapping[str, str]:
    """The section of the service; of keys that come twice the last one."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as configparser documents it
    parser.read_string((DEPLOY / "dialtone.service").read_text())
    return parser["Service"]
