"""The shapes of GitHub's answers, as its OpenAPI description requires them, with values made up."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from integrations.simulator.vendors.generic import Exchange

_PEOPLE = ("mona", "hubot", "rivka", "tomasz", "aiko", "dialtone-bot")
_TITLES = (
    "Checkout times out when the cart holds more than 50 items",
    "Retry the payment webhook after a 502",
    "Upgrade the base image",
    "Flaky test in test_invoices",
    "Document the on-call rotation",
    "Export drops the last row",
    "Dark mode for the status page",
)
_REPOSITORY_URLS = (
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
)
_PULL_FACTS: Mapping[str, object] = {
    "draft": False,
    "merged": False,
    "mergeable": True,
    "mergeable_state": "clean",
    "maintainer_can_modify": False,
    "additions": 12,
    "deletions": 3,
    "changed_files": 2,
    "commits": 1,
    "review_comments": 0,
}
_USER_URLS = (
    "followers",
    "following",
    "gists",
    "starred",
    "subscriptions",
    "organizations",
    "repos",
    "events",
    "received_events",
)


def stamp(seconds: float) -> str:
    """Return UTC seconds as GitHub writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def title(number: int) -> str:
    """Return a title for a seeded issue or pull request."""
    return _TITLES[number % len(_TITLES)]


def user(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a simple-user."""
    login = _PEOPLE[number % len(_PEOPLE)]
    url = exchange.request.url(f"/users/{login}")
    return {
        "login": login,
        "id": 1_000 + number % len(_PEOPLE),
        "node_id": f"U_{login}",
        "avatar_url": f"https://avatars.example/{login}.png",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://github.example/{login}",
        **{f"{name}_url": f"{url}/{name}" for name in _USER_URLS},
        "type": "User",
        "site_admin": False,
    }


def public_user(exchange: Exchange) -> dict[str, object]:
    """Return the public-user that a token belongs to."""
    return {
        **user(exchange, len(_PEOPLE) - 1),
        "name": "Dialtone",
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": 3,
        "public_gists": 0,
        "followers": 1,
        "following": 0,
        "created_at": stamp(1_500_000_000),
        "updated_at": stamp(exchange.now),
    }


def repository(exchange: Exchange, owner: str, name: str) -> dict[str, object]:
    """Return a full-repository."""
    url = exchange.request.url(f"/repos/{owner}/{name}")
    web = f"https://github.example/{owner}/{name}"
    counts = dict.fromkeys(("forks", "forks_count", "network_count", "subscribers_count"), 3)
    return {
        "id": int(sha(f"{owner}/{name}")[:7], 16),
        "node_id": f"R_{name}",
        "name": name,
        "full_name": f"{owner}/{name}",
        "owner": {**user(exchange, 0), "login": owner},
        "private": True,
        "html_url": web,
        "description": "A simulated repository",
        "fork": False,
        "url": url,
        **{f"{part}_url": f"{url}/{part.replace('git_', 'git/')}" for part in _REPOSITORY_URLS},
        "git_url": f"git://github.example/{owner}/{name}.git",
        "ssh_url": f"git@github.example:{owner}/{name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "mirror_url": None,
        "language": "Python",
        "license": None,
        "default_branch": "main",
        **counts,
        **dict.fromkeys(("stargazers_count", "watchers", "watchers_count", "size"), 12),
        **dict.fromkeys(("open_issues", "open_issues_count"), 42),
        **dict.fromkeys(("has_issues", "has_projects", "has_wiki", "has_downloads"), True),
        **dict.fromkeys(("has_pages", "has_discussions", "archived", "disabled"), False),
        **dict.fromkeys(("created_at", "pushed_at", "updated_at"), stamp(exchange.now - 86_400)),
    }


def issue(exchange: Exchange, number: int, given: Mapping[str, object]) -> dict[str, object]:
    """Return an issue of the repository in the path; `given` are the fields a caller set."""
    root = _repository_path(exchange)
    url = exchange.request.url(f"{root}/issues/{number}")
    labels = given.get("labels")
    return {
        "id": 2_000_000 + number,
        "node_id": f"I_{number}",
        "number": number,
        "title": str(given.get("title", title(number))),
        "body": str(given.get("body", "")),
        "state": "open",
        "locked": False,
        "user": user(exchange, number),
        "labels": [_label(exchange, str(name)) for name in labels] if isinstance(labels, list) else [],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": 0,
        "author_association": "MEMBER",
        "created_at": stamp(exchange.now),
        "updated_at": stamp(exchange.now),
        "closed_at": None,
        "url": url,
        "repository_url": exchange.request.url(root),
        "html_url": f"https://github.example{root.removeprefix('/repos')}/issues/{number}",
        **{f"{part}_url": f"{url}/{part}" for part in ("labels", "comments", "events")},
    }


def comment(exchange: Exchange, number: int, *, issue_number: str, text: str) -> dict[str, object]:
    """Return an issue-comment."""
    root = _repository_path(exchange)
    return {
        "id": 3_000_000 + number,
        "node_id": f"IC_{number}",
        "body": text,
        "user": user(exchange, 5),
        "author_association": "MEMBER",
        "created_at": stamp(exchange.now),
        "updated_at": stamp(exchange.now),
        "url": exchange.request.url(f"{root}/issues/comments/{number}"),
        "issue_url": exchange.request.url(f"{root}/issues/{issue_number}"),
        "html_url": f"https://github.example{root.removeprefix('/repos')}/issues/{issue_number}",
    }


def pull(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a pull-request, which has all that a pull-request-simple has."""
    root = _repository_path(exchange)
    url = exchange.request.url(f"{root}/pulls/{number}")
    links = ("self", "html", "issue", "comments", "review_comments", "review_comment", "commits", "statuses")
    _, _, owner, name = root.split("/")
    branch = {"user": user(exchange, number), "repo": repository(exchange, owner, name)}
    plain = issue(exchange, number, {})
    return {
        **{
            key: value
            for key, value in plain.items()
            if key not in {"repository_url", "labels_url", "events_url"}
        },
        "node_id": f"PR_{number}",
        "url": url,
        "issue_url": exchange.request.url(f"{root}/issues/{number}"),
        **{
            f"{part}_url": f"{url}/{part}"
            for part in ("commits", "diff", "patch", "review_comment", "statuses")
        },
        "review_comments_url": f"{url}/comments",
        "head": {
            **branch,
            "label": f"{owner}:fix-{number}",
            "ref": f"fix-{number}",
            "sha": sha(f"head{number}"),
        },
        "base": {**branch, "label": f"{owner}:main", "ref": "main", "sha": sha("base")},
        "_links": {link: {"href": f"{url}/{link}"} for link in links},
        **dict.fromkeys(("merged_at", "merged_by", "merge_commit_sha", "auto_merge"), None),
        **_PULL_FACTS,
    }


def commit(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a commit."""
    root = _repository_path(exchange)
    reference = sha(f"{root}{number}")
    url = exchange.request.url(f"{root}/commits/{reference}")
    who = {"name": "Mona", "email": "mona@example.com", "date": stamp(exchange.now - 3_600 * number)}
    tree = {"sha": sha("tree"), "url": exchange.request.url(f"{root}/git/trees/{sha('tree')}")}
    return {
        "sha": reference,
        "node_id": f"C_{number}",
        "url": url,
        "html_url": f"https://github.example/commit/{reference}",
        "comments_url": f"{url}/comments",
        "commit": {
            "author": who,
            "committer": who,
            "message": title(number),
            "comment_count": 0,
            "tree": tree,
            "url": url,
        },
        "author": user(exchange, 0),
        "committer": user(exchange, 0),
        "parents": [],
    }


def combined_status(exchange: Exchange, ref: str) -> dict[str, object]:
    """Return a combined-commit-status without single statuses."""
    root = _repository_path(exchange)
    _, _, owner, name = root.split("/")
    url = exchange.request.url(f"{root}/commits/{sha(ref)}")
    return {
        "state": "success",
        "statuses": [],
        "sha": sha(ref),
        "total_count": 0,
        "repository": repository(exchange, owner, name),
        "commit_url": url,
        "url": f"{url}/status",
    }


def workflow_run(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a workflow-run."""
    root = _repository_path(exchange)
    _, _, owner, name = root.split("/")
    url = exchange.request.url(f"{root}/actions/runs/{number}")
    parts = ("jobs", "logs", "cancel", "rerun", "artifacts")
    who = {"name": "Mona", "email": "mona@example.com"}
    head = {"id": sha(f"run{number}"), "tree_id": sha("tree"), "message": title(number)}
    return {
        "id": 9_000 + number,
        "node_id": f"WFR_{number}",
        "name": "tests",
        "run_number": number,
        "display_title": title(number),
        "event": "push",
        "status": "completed",
        "conclusion": "failure" if number % 5 == 0 else "success",
        "head_branch": "main",
        "head_sha": sha(f"run{number}"),
        "path": ".github/workflows/tests.yml",
        "workflow_id": 77,
        "url": url,
        "html_url": f"https://github.example{root.removeprefix('/repos')}/actions/runs/{number}",
        **{f"{part}_url": f"{url}/{part}" for part in parts},
        "check_suite_url": exchange.request.url(f"{root}/check-suites/{number}"),
        "workflow_url": exchange.request.url(f"{root}/actions/workflows/77"),
        "created_at": stamp(exchange.now - 600 * number),
        "updated_at": stamp(exchange.now - 600 * number + 240),
        "head_commit": {
            **head,
            "author": who,
            "committer": who,
            "timestamp": stamp(exchange.now - 600 * number),
        },
        "head_repository": repository(exchange, owner, name),
        "repository": repository(exchange, owner, name),
        "pull_requests": [],
    }


def release(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a release."""
    root = _repository_path(exchange)
    url = exchange.request.url(f"{root}/releases/{number}")
    return {
        "id": number,
        "node_id": f"RE_{number}",
        "tag_name": f"v1.{number}.0",
        "target_commitish": "main",
        "name": f"1.{number}",
        "draft": False,
        "prerelease": False,
        "created_at": stamp(exchange.now - 86_400 * number),
        "published_at": stamp(exchange.now - 86_400 * number),
        "author": user(exchange, 0),
        "assets": [],
        "url": url,
        **{f"{part}_url": f"{url}/{part}" for part in ("html", "assets", "upload", "tarball", "zipball")},
    }


def sha(text: str) -> str:
    """Return a plausible commit id."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _label(exchange: Exchange, name: str) -> dict[str, object]:
    url = exchange.request.url(f"{_repository_path(exchange)}/labels/{name}")
    return {
        "id": 5_000 + len(name),
        "node_id": f"LA_{name}",
        "url": url,
        "name": name,
        "description": None,
        "color": "ededed",
        "default": False,
    }


def _repository_path(exchange: Exchange) -> str:
    parts = exchange.request.path.split("/")
    return "/".join(parts[:4]) if parts[1] == "repos" else "/repos/acme/shop"


def label(number: int, name: str, values: Mapping[str, object]) -> dict[str, object]:
    """A label."""
    return {
        "id": number,
        "node_id": f"LA_simulated{number}",
        "url": f"https://api.github.com/repositories/1/labels/{name}",
        "name": name,
        "color": values.get("color", "ededed"),
        "default": False,
        "description": values.get("description"),
    }
