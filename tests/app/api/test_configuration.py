"""Reloading over HTTP."""

import hashlib

import pytest
from litestar.testing import TestClient

from app.asgi import create_app
from app.configuration.difference import ChangedIntegration, Difference, ReloadError
from app.settings import SettingsError
from integrations.errors import UnknownIntegration
from integrations.manifest.source import Problem
from tests.fakes.parts import Token

RELOAD = "/v2/configuration/reload"
PROBLEM = Problem(
    file="/etc/d.yaml",
    line=7,
    key="integrations[0].vendor",
    found="'githb'",
    expected="a vendor",
    nearest="github",
)


def test_a_reload_answers_with_what_is_different(client, dialtone):
    changed = (ChangedIntegration(id="b", keys=("policy.timeout",)),)
    dialtone.difference = Difference(added=("a",), changed=changed, needs_restart=("listen",))
    answer = client.post(RELOAD, json={})
    assert answer.status_code == 200
    assert answer.json()["applied"] is True
    assert answer.json()["changes"]["changed"] == [{"id": "b", "keys": ["policy.timeout"]}]
    assert answer.json()["changes"]["needs_restart"] == ["listen"]
    assert dialtone.reloads == [("local", False)]


def test_a_dry_run_is_passed_on(client, dialtone):
    assert client.post(RELOAD, json={"mode": "dry_run"}).json()["applied"] is False
    assert dialtone.reloads == [("local", True)]


def test_an_invalid_file_is_a_problem_that_names_every_place(client, dialtone):
    dialtone.reload_error = SettingsError([PROBLEM])
    answer = client.post(RELOAD, json={})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dialtone:problem:invalid-configuration")
    assert answer.json()["errors"] == [
        {
            "message": "found 'githb', expected a vendor; did you mean github?",
            "key": "integrations[0].vendor",
            "source": "configuration",
            "file": "/etc/d.yaml",
            "line": 7,
        }
    ]


def test_a_reload_that_fails_says_that_nothing_has_changed(client, dialtone):
    dialtone.reload_error = ReloadError("the reload did not end within 60 s")
    answer = client.post(RELOAD, json={})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:dialtone:problem:reload-failed")
    assert answer.json()["detail"].startswith("Nothing has changed: the reload did not end within 60 s.")


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("operate", 403), ("admin", 200)])
def test_only_admin_may_reload(dialtone, scope, status):
    token = Token(name="t", sha256=hashlib.sha256(b"t").hexdigest(), scopes=(scope,))
    with TestClient(create_app(dialtone.parts(tokens=(token,)))) as client:
        answer = client.post(RELOAD, json={}, headers={"Authorization": "Bearer t"})
    assert answer.status_code == status


def test_an_integration_that_a_reload_removes_meanwhile_is_not_found(client, dialtone):
    dialtone.fail_with = UnknownIntegration("slack-prod", known=[])
    answer = client.post("/v2/integrations/slack-prod/actions/issues.list", json={})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:dialtone:problem:unknown-integration")
