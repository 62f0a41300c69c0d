"""What the answers of GitLab, Jenkins and a container engine mean, and what they are asked."""

import importlib
import json

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.manifest.templates import Template
from integrations.manifest.values import Values
from integrations.signals import QuotaSample
from tests.contract.examples import params_of
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

UTC = 1_800_000_000
CONNECTIONS = {
    "gitlab": {"secrets": {"token": Secret("glpat-1")}},
    "jenkins": {
        "config": {"base_url": "https://ci.example/jenkins"},
        "secrets": {"user": Secret("dialtone"), "token": Secret("11")},
    },
    "docker": {"config": {"base_url": "http://engine.example:2375", "api_version": "1.44"}},
}
HTML = {"content-type": "text/html", "x-jenkins": "2.462.3"}
ENGINE = {"api-version": "1.41"}


async def asked(
    vendor: str,
    action: str,
    answer: httpx.Response,
    *,
    params: dict[str, object] | None = None,
    publish: RecordingSubscriber | None = None,
) -> tuple[Outcome, httpx.Request]:
    """The outcome of an action that is answered so, and its request."""
    server = RecordingVendor(answer)
    framework = framework_for(server, publish=publish)
    auth = next(iter(CATALOG.manifest(vendor).auth))
    policy = Policy(retry=RetryPolicy(attempts=1))
    framework.register_integration(
        Connection(id="it", vendor=vendor, auth=auth, policy=policy, **CONNECTIONS[vendor])  # type: ignore[arg-type]  # by name
    )
    given = params_of(CATALOG.manifest(vendor).actions[action], whole=False) if params is None else params
    outcome = await framework.execute_integration("it", action, given)
    return outcome, server.requests[0]


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "said", "wait"),
    [
        (429, {"retry-after": "30"}, "Retry later\n", "throttled", "429", 30.0),
        (429, {}, "Retry later\n", "throttled", "429", 60.0),
        (429, {}, {"message": {"error": "Requested too many times."}}, "throttled", "too many times", 60.0),
        (
            429,
            {"ratelimit-remaining": "0", "ratelimit-reset": str(UTC + 90)},
            {"message": "Too many"},
            "throttled",
            "Too many",
            90.0,
        ),
        (401, {}, {"message": "401 Unauthorized"}, "unauthorized", "401 Unauthorized", None),
        (
            401,
            {},
            {"error": "invalid_token", "error_description": "Token is expired."},
            "unauthorized",
            "Token is expired.",
            None,
        ),
        (
            403,
            {},
            {"error": "insufficient_scope", "error_description": "More is needed.", "scope": "api read_api"},
            "forbidden",
            "it needs api read_api",
            None,
        ),
        (403, {}, {"message": "403 Forbidden"}, "forbidden", "it needs read_api", None),
        (404, {}, {"message": "404 Project Not Found"}, "not_found", "404 Project Not Found", None),
        (400, {}, {"error": "title is missing"}, "client_error", "title is missing", None),
        (409, {}, {"message": "Label already exists"}, "client_error", "Label already exists", None),
        (500, {}, {"message": "500 Internal Server Error"}, "server_error", "500 Internal", None),
    ],
)
async def test_gitlabs_answers(
    *, status: int, headers: dict[str, str], body: object, kind: str, said: str, wait: float | None
) -> None:
    content = {"text": body} if isinstance(body, str) else {"json": body}
    answer = httpx.Response(status, headers=headers, **content)  # type: ignore[arg-type]  # by name

    outcome, _ = await asked("gitlab", "projects.get", answer)

    assert (outcome.kind, outcome.retry_after) == (kind, wait)
    assert said in outcome.detail


async def test_gitlabs_quota_ends_at_a_utc_second() -> None:
    seen = RecordingSubscriber()
    headers = {"ratelimit-limit": "600", "ratelimit-observed": "6", "ratelimit-reset": str(UTC + 60)}

    await asked("gitlab", "projects.get", httpx.Response(200, headers=headers, json={}), publish=seen)

    sample = seen.of(QuotaSample)[0]
    assert (sample.bucket, sample.limit, sample.remaining, sample.reset_at) == ("api", 600, 594, UTC + 60)


async def test_gitlab_is_asked_with_the_whole_path_of_a_project_and_its_token() -> None:
    params = {"project": "group/sub/web", "file": "docs/a b.md", "ref": "main"}

    _, request = await asked("gitlab", "files.get", httpx.Response(200, text="x"), params=params)

    path = b"/api/v4/projects/group%2Fsub%2Fweb/repository/files/docs%2Fa%20b.md/raw?ref=main"
    assert request.url.raw_path == path
    assert request.headers["private-token"] == "glpat-1"


async def test_gitlabs_pages_hold_a_hundred() -> None:
    _, request = await asked("gitlab", "issues.list", httpx.Response(200, json=[]), params={"project": "7"})

    assert dict(request.url.params) == {"per_page": "100"}


@pytest.mark.parametrize(
    ("vendor", "unlike_their_method"),
    [
        # A second merge finds the merge request merged, and is refused.
        ("gitlab", {"merge_requests.merge": False}),
        (
            "jenkins",
            dict.fromkeys(
                ["jobs.configure", "jobs.enable", "jobs.disable", "builds.stop", "queue.cancel"], True
            ),
        ),
        (
            "docker",
            dict.fromkeys(
                [
                    *("containers.start", "containers.stop", "containers.wait"),
                    *("images.pull", "images.tag", "volumes.create"),
                ],
                True,
            ),
        ),
    ],
)
def test_what_a_forge_may_be_asked_again(vendor: str, unlike_their_method: dict[str, bool]) -> None:
    actions = CATALOG.manifest(vendor).actions

    stated = {name: one.idempotent for name, one in actions.items() if one.idempotent is not None}

    assert stated == unlike_their_method


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (302, {**HTML, "location": "https://ci.example/jenkins/job/shop/"}, None),
        (302, {**HTML, "location": "https://ci.example/jenkins/login?from=%2F"}, "unauthorized"),
        (302, {"location": "https://sso.example/"}, "client_error"),
        (200, HTML, None),
        (401, HTML, "unauthorized"),
        (403, HTML, "forbidden"),
        (404, HTML, "not_found"),
        (409, HTML, "client_error"),
        (503, HTML, "server_error"),
    ],
)
async def test_jenkins_shows_a_page_after_a_change(
    status: int, headers: dict[str, str], kind: str | None
) -> None:
    outcome, _ = await asked("jenkins", "jobs.disable", httpx.Response(status, headers=headers))

    assert outcome.kind == kind


@pytest.mark.parametrize(
    ("action", "params", "path", "body"),
    [
        ("builds.start", {"job": "shop"}, "/jenkins/job/shop/build", b""),
        ("builds.start", {"job": "shop/a b"}, "/jenkins/job/shop/job/a%20b/build", b""),
        (
            "builds.start_with",
            {"job": "shop/web", "parameters": {"VERSION": "1 2", "DEPLOY": True}},
            "/jenkins/job/shop/job/web/buildWithParameters",
            b"VERSION=1+2&DEPLOY=true",
        ),
    ],
)
async def test_a_build_of_jenkins_is_started_and_where_it_waits_is_told(
    action: str, params: dict[str, object], path: str, body: bytes
) -> None:
    location = "https://ci.example/jenkins/queue/item/39/"
    answer = httpx.Response(201, headers={**HTML, "location": location})

    outcome, request = await asked("jenkins", action, answer, params=params)

    assert outcome.data == {"location": location, "queue": 39}
    assert (request.method, request.url.raw_path.decode(), request.content) == ("POST", path, body)
    assert request.headers["authorization"].startswith("Basic ")


async def test_a_build_that_is_refused_waits_nowhere() -> None:
    outcome, _ = await asked("jenkins", "builds.start", httpx.Response(409, headers=HTML))

    assert (outcome.kind, outcome.data) == (FailureKind.CLIENT_ERROR, None)


async def test_a_log_of_jenkins_says_where_to_go_on() -> None:
    headers = {**HTML, "x-text-size": "120", "x-more-data": "true"}

    outcome, request = await asked("jenkins", "builds.log", httpx.Response(200, headers=headers, text="a\n"))

    assert outcome.data == {"body": "a\n", "next": "120", "more": "true"}
    assert dict(request.url.params) == {"start": "0"}


@pytest.mark.parametrize(
    ("headers", "quieting", "up"),
    [(HTML, False, [True, True]), (HTML, True, [True, False]), ({}, False, [False, True])],
    ids=["well", "about to be shut down", "a proxy's page"],
)
async def test_jenkins_checks_look_for_jenkins_and_whether_it_builds(
    headers: dict[str, str], up: list[bool], *, quieting: bool
) -> None:
    body = {"mode": "NORMAL", "nodeDescription": "", "quietingDown": quieting}
    framework = framework_for(
        RecordingVendor(handler=lambda _: httpx.Response(200, headers=headers, json=body))
    )
    framework.register_integration(Connection(id="it", vendor="jenkins", **CONNECTIONS["jenkins"]))  # type: ignore[arg-type]  # by name

    outcomes = [await framework.run_check(check, timeout=5) for check in framework.checks("it")]

    assert [outcome.ok for outcome in outcomes] == up


@pytest.mark.parametrize(("headers", "kind"), [(ENGINE, None), ({}, "client_error")])
async def test_what_runs_already_is_started_where_the_engine_says_so(
    headers: dict[str, str], kind: str | None
) -> None:
    outcome, _ = await asked("docker", "containers.start", httpx.Response(304, headers=headers))

    assert outcome.kind == kind


PULLED = '{"status":"Pulling"}\n%s\n'
BROKEN = PULLED % '{"errorDetail":{"message":"unknown blob"},"error":"unknown blob"}'
QUOTED = PULLED % json.dumps({"status": '{"errorDetail": 1}'})


@pytest.mark.parametrize(
    ("text", "kind"), [(BROKEN, "vendor_error"), (QUOTED, None), (PULLED % '{"status":"Done"}', None)]
)
async def test_a_pull_that_breaks_after_its_200_has_failed(text: str, kind: str | None) -> None:
    answer = httpx.Response(200, headers={"content-type": "application/json"}, text=text)

    outcome, request = await asked("docker", "images.pull", answer, params={"image": "nginx"})

    assert outcome.kind == kind
    assert str(request.url) == "http://engine.example:2375/v1.44/images/create?fromImage=nginx&tag=latest"


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (frame(1, b"a\n") + frame(2, b"b\n") + frame(1, b"c\n"), {"stdout": "a\nc\n", "stderr": "b\n"}),
        (b"a terminal's text\n", {"stdout": "a terminal's text\n", "stderr": ""}),
        (frame(2, b"whole\n") + frame(1, b"cut off")[:-3], {"stdout": "cut ", "stderr": "whole\n"}),
        (frame(1, b"\xff\n"), {"stdout": "\ufffd\n", "stderr": ""}),
        (frame(1, BROKEN.encode()), {"stdout": BROKEN, "stderr": ""}),
        (b"", {"stdout": "", "stderr": ""}),
    ],
    ids=["frames", "a terminal", "cut", "no text", "words of a broken pull", "nothing"],
)
async def test_a_containers_output_and_errors_are_told_apart(body: bytes, said: dict[str, str]) -> None:
    params = {"id": "a/b", "tail": "5"}

    outcome, request = await asked(
        "docker", "containers.logs", httpx.Response(200, content=body), params=params
    )

    assert outcome.data == said
    assert request.url.raw_path.startswith(b"/v1.44/containers/a%2Fb/logs?")
    assert dict(request.url.params) == {"stdout": "true", "stderr": "true", "tail": "5"}


async def test_events_are_asked_for_until_the_end_of_this_second() -> None:
    lines = '{"Action":"start"}\n{"Action":"die"}\n'

    outcome, request = await asked("docker", "system.events", httpx.Response(200, text=lines))

    assert outcome.data == [{"Action": "start"}, {"Action": "die"}]
    assert request.url.params["until"] == f"{UTC}.999999999"


def test_what_was_typed_into_a_container_is_kept_apart() -> None:
    streams_of = importlib.import_module("integrations.catalog.docker.actions").streams_of

    assert streams_of(frame(0, b"in")) == {"stdout": "", "stderr": "", "stdin": "in"}


@pytest.mark.parametrize(
    ("base_url", "socket", "origin"),
    [
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock", "http://localhost"),
        ("https://engine.example:2376", "", "https://engine.example:2376"),
    ],
)
def test_an_engine_is_reached_over_its_socket_or_over_tcp(base_url: str, socket: str, origin: str) -> None:
    manifest = CATALOG.manifest("docker")
    values = Values({"base_url": base_url}, clock=FakeClock(), secrets={})

    filled = [Template(text).fill(values) for text in (manifest.socket, manifest.base_url, *manifest.hosts)]

    assert filled == [socket, origin, origin]
