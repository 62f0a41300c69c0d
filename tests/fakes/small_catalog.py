"""Vendors of our own making, for tests that must not hang on the real catalogue."""

from collections.abc import Iterable

import msgspec

from integrations.manifest.contract import Lock
from integrations.manifest.schema import Manifest

_BEARER = {"token": {"kind": "bearer", "secrets": {"token": {"title": "Token", "prefix": ["sim_"]}}}}
_OWNER = {"owner": {"in": "path", "required": True}, "repo": {"in": "path", "required": True}}
_PAGES = {"page": {"in": "query", "type": "integer"}, "per_page": {"in": "query", "type": "integer"}}


def _manifest(vendor: str, base_url: str, auth: object, actions: object) -> Manifest:
    return msgspec.convert(
        {
            "manifest": 1,
            "id": vendor,
            "version": "1.0.0",
            "vendor": {"name": vendor, "docs": "https://docs.example"},
            "base_url": "{config.base_url}",
            "hosts": ["{config.base_url}"],
            "config": {"base_url": {"type": "url", "title": "Base URL", "default": base_url}},
            "auth": auth,
            "actions": actions,
            "capabilities": {"read": list(actions)},  # type: ignore[call-overload]
        },
        Manifest,
    )


def _read(path: str, **inputs: object) -> dict[str, object]:
    return {"title": path, "effect": "read", "path": path, "input": inputs}


def _write(path: str, kind: str, method: str = "POST", **inputs: object) -> dict[str, object]:
    body = {"kind": kind}
    return {"title": path, "effect": "write", "method": method, "path": path, "body": body, "input": inputs}


_TEXT = {"in": "body", "required": True}
_GITHUB = {
    "rate_limit.get": _read("/rate_limit"),
    "user.get": _read("/user"),
    "repo.get": _read("/repos/{owner}/{repo}", **_OWNER),
    "issues.list": _read("/repos/{owner}/{repo}/issues", **_OWNER, **_PAGES, state={"in": "query"}),
    "issues.create": _write(
        "/repos/{owner}/{repo}/issues",
        "json",
        **_OWNER,
        title=_TEXT,
        labels={"in": "body", "type": "array"},
    ),
    "issues.get": _read("/repos/{owner}/{repo}/issues/{issue_number}", **_OWNER),
    "issues.update": _write(
        "/repos/{owner}/{repo}/issues/{issue_number}", "json", "PATCH", **_OWNER, state={"in": "body"}
    ),
    "comments.create": _write(
        "/repos/{owner}/{repo}/issues/{issue_number}/comments", "json", **_OWNER, body=_TEXT
    ),
    "comments.list": _read("/repos/{owner}/{repo}/issues/{issue_number}/comments", **_OWNER),
    "pulls.list": _read("/repos/{owner}/{repo}/pulls", **_OWNER, **_PAGES),
    "commits.list": _read("/repos/{owner}/{repo}/commits", **_OWNER, **_PAGES),
    "runs.list": _read("/repos/{owner}/{repo}/actions/runs", **_OWNER, **_PAGES),
    "releases.list": _read("/repos/{owner}/{repo}/releases", **_OWNER),
    "search.issues": _read("/search/issues", q={"in": "query", "required": True}, **_PAGES),
}
_SLACK = {
    "auth.test": _write("/auth.test", "form"),
    "chat.post_message": _write(
        "/chat.postMessage", "form", channel=_TEXT, text={"in": "body"}, blocks={"in": "body"}
    ),
    "chat.update": _write("/chat.update", "form", channel=_TEXT, ts=_TEXT, text={"in": "body"}),
    "conversations.list": _read("/conversations.list", limit={"in": "query", "type": "integer"}),
    "conversations.history": _read("/conversations.history", channel={"in": "query", "required": True}),
    "users.info": _read("/users.info", user={"in": "query", "required": True}),
}
_PROMETHEUS = {
    "query": _read("/api/v1/query", query={"in": "query", "required": True}),
    "query_range": _read(
        "/api/v1/query_range", **{key: {"in": "query"} for key in ("query", "start", "end", "step")}
    ),
    "targets": _read("/api/v1/targets"),
    "rules": _read("/api/v1/rules"),
    "build_info": _read("/api/v1/status/buildinfo"),
}
_KEY = {
    "key": {
        "kind": "api_key",
        "secrets": {"token": {"title": "Key"}},
        "apply": {"headers": {"X-Key": "{secret.token}"}},
    },
    "basic": {"kind": "basic", "secrets": {"username": {"title": "U"}, "password": {"title": "P"}}},
}
_PLAIN = {
    "things.list": {**_read("/v2/things"), "items": "/data/things"},
    "things.delete": {
        "title": "Delete",
        "effect": "write",
        "method": "DELETE",
        "path": "/v2/things/{id}",
        "answer": "none",
    },
    "files.get": _read("/v2/files/{path|segments}"),
}


class SmallCatalog:
    """Vendors enough to see what the simulator does, independent of the real catalogue."""

    def __init__(self) -> None:
        self._manifests = {
            "github": _manifest("github", "https://api.github.example", _BEARER, _GITHUB),
            "slack": _manifest("slack", "https://slack.example/api", _BEARER, _SLACK),
            "prometheus": _manifest("prometheus", "", {"none": {"kind": "none"}}, _PROMETHEUS),
            "http": _manifest("http", "", {"none": {"kind": "none"}}, {"request": _read("")}),
            "plain": _manifest("plain", "https://plain.example/api/", _KEY, _PLAIN),
        }
        self.locks: dict[str, Lock] = {}

    def vendors(self) -> Iterable[str]:
        return self._manifests

    def manifest(self, vendor: str) -> Manifest:
        return self._manifests[vendor]

    def lock(self, vendor: str) -> Lock:
        return self.locks.get(vendor, Lock())
