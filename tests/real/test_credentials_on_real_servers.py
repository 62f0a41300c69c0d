"""Tokens from a real OpenID Provider, and a client certificate before a real nginx."""

import datetime as dt
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import jwt
import pytest

from app.demo import certificates
from integrations.clock import SystemClock
from integrations.connection import Connection, NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Origin
from integrations.framework import IntegrationFramework
from integrations.manifest.schema import Manifest
from integrations.signals import CallRecord
from tests.fakes.signals import RecordingSubscriber
from tests.fakes.tokens import OneVendor, certificate, ec_key, manifest, pem, rsa_key
from tests.real.servers import answers, eventually, free_port, program, running

PROVIDER = "oidc-provider@9.13.3"
SCRIPT = Path(__file__).parent / "oidc_provider.mjs"
SECRET = "a secret: of+the client"
AT = {
    "kind": "oauth2",
    "grant": "client_credentials",
    "token_url": "{config.base_url}/token",
    "scope": "read",
}
KINDS = {
    "basic": {**AT, "secrets": {"client_id": {"title": "id"}, "client_secret": {"title": "secret"}}},
    "key-ps256": {
        **AT,
        "client_auth": "private_key_jwt",
        "algorithm": "PS256",
        "secrets": {"client_id": {"title": "id"}, "private_key": {"title": "key"}},
    },
    "key-es256": {
        **AT,
        "client_auth": "private_key_jwt",
        "algorithm": "ES256",
        "secrets": {"client_id": {"title": "id"}, "private_key": {"title": "key"}},
    },
}
SECRETS = {
    "basic": {"client_id": "basic", "client_secret": SECRET},
    "key-ps256": {"client_id": "key-ps256", "private_key": pem(rsa_key())},
    "key-es256": {"client_id": "key-es256", "private_key": pem(ec_key())},
}
NGINX = """
daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log info;
events {{}}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_client_certificate {client}; ssl_verify_client on; default_type application/json;
    location / {{ return 200 '{{"subject":"$ssl_client_s_dn"}}'; }}
  }}
}}
"""


def installed(folder: Path) -> Path:
    """The provider's package in this folder; says plainly why it is not there."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("the OpenID Provider did not start: node and npm are not installed")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", PROVIDER]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"the OpenID Provider did not start: npm cannot install {PROVIDER}: {done.stderr[-200:]}")
    shutil.copy(SCRIPT, folder)
    return folder


def clients() -> list[dict[str, object]]:
    common = {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
        "scope": "read",
    }
    found: list[dict[str, object]] = [{"client_id": "basic", "client_secret": SECRET, **common}]
    for name, key, algorithm in (
        ("key-ps256", jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key().public_key()), "PS256"),
        ("key-es256", jwt.algorithms.ECAlgorithm.to_jwk(ec_key().public_key()), "ES256"),
    ):
        public = {**json.loads(key), "use": "sig", "alg": algorithm}
        public.pop("key_ops", None)
        found.append(
            {
                "client_id": name,
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": algorithm,
                "jwks": {"keys": [public]},
                **common,
            }
        )
    return found


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = installed(tmp_path_factory.mktemp("oidc")), free_port()
    command = [program("node"), "oidc_provider.mjs", str(port), json.dumps(clients())]
    process = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]
    with running(process, log=folder / "provider.log"):
        discovery = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
        eventually("the OpenID Provider answers", lambda: answers(discovery))
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def framework_of(made: Manifest, seen: RecordingSubscriber) -> AsyncIterator[IntegrationFramework]:
    clock = SystemClock()
    executor = Executor(clock=clock, publish=seen)
    framework = IntegrationFramework(
        executor=executor,
        catalog=OneVendor(made),  # type: ignore[arg-type]  # as much of it as is asked here
        clock=clock,
        publish=seen,
    )
    try:
        yield framework
    finally:
        await executor.aclose()


def of_config(auth: Mapping[str, object], path: str) -> Manifest:
    return manifest(
        auth,
        base_url="{config.base_url}",
        hosts=["{config.base_url}"],
        config={"base_url": {"type": "url", "title": "where"}},
        actions={"me": {"title": "me", "effect": "read", "path": path}},
        capabilities={"read": ["me"]},
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_of_a_real_provider_is_bought_and_renewed(provider: str, kind: str) -> None:
    seen = RecordingSubscriber()
    async with framework_of(of_config(KINDS[kind], "/api/me"), seen) as framework:
        secrets = {name: Secret(text) for name, text in SECRETS[kind].items()}
        framework.register_integration(
            Connection(id="v", vendor="vendor", config={"base_url": provider}, secrets=secrets)
        )

        outcomes = [await framework.execute_integration("v", "me", {}) for _ in range(3)]
        await SystemClock.sleep(4.5)
        outcomes.append(await framework.execute_integration("v", "me", {}))

    assert [one.kind for one in outcomes] == [None] * 4, outcomes[0].detail
    assert outcomes[0].data == {"client": kind}
    bought = [one for one in seen.of(CallRecord) if one.origin is Origin.CREDENTIAL]
    assert [one.status for one in bought] == [200, 200]


async def test_a_wrong_secret_is_refused_by_the_real_provider_with_its_word(provider: str) -> None:
    async with framework_of(of_config(KINDS["basic"], "/api/me"), RecordingSubscriber()) as framework:
        secrets = {"client_id": Secret("basic"), "client_secret": Secret("not the client's secret")}
        framework.register_integration(
            Connection(id="v", vendor="vendor", config={"base_url": provider}, secrets=secrets)
        )

        outcome = await framework.execute_integration("v", "me", {})

    assert (outcome.kind, outcome.code) == (FailureKind.UNAUTHORIZED, "invalid_client")
    assert "replace secrets.client_id, secrets.client_secret" in outcome.detail


@pytest.mark.parametrize("is_shown", [True, False])
async def test_a_client_certificate_is_shown_to_a_real_nginx(tmp_path: Path, *, is_shown: bool) -> None:
    server, port = certificates.issue(tmp_path, days=9, now=time.time()), free_port()
    text = certificate(ec_key(), ends=dt.datetime(2090, 1, 1, tzinfo=dt.UTC))
    (tmp_path / "client.pem").write_text(text)
    files = {"chain": server.chain, "key": server.key, "client": tmp_path / "client.pem"}
    (tmp_path / "nginx.conf").write_text(NGINX.format(dir=tmp_path, port=port, **files))
    fields = {"certificate": {"title": "certificate"}, "key": {"title": "key"}}
    auth = {"kind": "client_certificate", "secrets": fields} if is_shown else {"kind": "none"}
    secrets = {"certificate": Secret(text), "key": Secret(pem(ec_key()))} if is_shown else {}
    command = [program("nginx"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with running(command, log=tmp_path / "nginx.log"):
        verify = ssl.create_default_context(cafile=server.authority)
        eventually(
            "nginx answers", lambda: httpx.get(f"https://localhost:{port}/", verify=verify).status_code
        )
        async with framework_of(of_config(auth, "/"), RecordingSubscriber()) as framework:
            framework.register_integration(
                Connection(
                    id="v",
                    vendor="vendor",
                    config={"base_url": f"https://localhost:{port}"},
                    secrets=secrets,
                    network=NetworkPolicy(ca_file=str(server.authority)),
                )
            )
            outcome = await framework.execute_integration("v", "me", {})
            (check,) = framework.checks("v")
            cold = await framework.run_check(check, timeout=5, cold=True)

    if is_shown:
        assert (outcome.data, cold.ok) == ({"subject": "CN=dialtone client"}, True), outcome
        assert cold.phases is not None
    else:
        assert (outcome.status, cold.status) == (400, 400)
