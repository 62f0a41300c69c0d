"""What GitHub's double says of the work on a change: files, reviews, statuses, check runs and jobs, in the
shapes of GitHub's OpenAPI description.
"""

from integrations.simulator.vendors.generic import Exchange
from integrations.simulator.vendors.github_shapes import sha, stamp, user


def file(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a diff-entry."""
    name = f"line{number}.py"
    url = exchange.request.url(f"/contents/{name}")
    size = {"additions": 3, "deletions": 1, "changes": 4}
    urls = {f"{part}_url": url for part in ("blob", "raw", "contents")}
    return {"sha": sha(name), "filename": name, "status": "modified", **size, **urls}


def review(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a pull-request-review."""
    pull = exchange.request.url(f"/pulls/{exchange.text('pull_number', '1')}")
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    return {
        "id": number,
        "node_id": f"PRR_{number}",
        "user": user(exchange, number),
        "body": exchange.text("body", "Seen."),
        "state": states.get(exchange.text("event"), "APPROVED"),
        "html_url": f"{pull}#review-{number}",
        "pull_request_url": pull,
        "_links": {"html": {"href": pull}, "pull_request": {"href": pull}},
        "commit_id": sha("head"),
        "author_association": "MEMBER",
    }


def status(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a commit status as it was set."""
    return {
        "url": exchange.request.url(f"/statuses/{exchange.text('sha')}"),
        "avatar_url": None,
        "id": number,
        "node_id": f"SC_{number}",
        "state": exchange.text("state", "success"),
        "description": exchange.text("description") or None,
        "target_url": exchange.text("target_url") or None,
        "context": exchange.text("context", "default"),
        "created_at": stamp(exchange.now),
        "updated_at": stamp(exchange.now),
        "creator": user(exchange, number),
    }


def check_run(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a check-run that is over."""
    url = exchange.request.url(f"/check-runs/{number}")
    output = {"title": None, "summary": None, "text": None, "annotations_count": 0}
    return {
        "external_id": None,
        "details_url": None,
        "output": {**output, "annotations_url": f"{url}/annotations"},
        "check_suite": None,
        "app": None,
        "pull_requests": [],
        **_run(exchange, number, url),
    }


def job(exchange: Exchange, number: int) -> dict[str, object]:
    """Return a job of a workflow run."""
    url = exchange.request.url(f"/jobs/{number}")
    run = exchange.integer("run_id", 1)
    runner = dict.fromkeys(("runner_id", "runner_name", "runner_group_id", "runner_group_name"))
    return {
        "run_id": run,
        "run_url": exchange.request.url(f"/runs/{run}"),
        "created_at": stamp(exchange.now - 300),
        "check_run_url": exchange.request.url(f"/check-runs/{number}"),
        "labels": ["ubuntu-latest"],
        "workflow_name": "tests",
        "head_branch": "main",
        **runner,
        **_run(exchange, number, url),
    }


def _run(exchange: Exchange, number: int, url: str) -> dict[str, object]:
    return {
        "id": number,
        "node_id": f"CR_{number}",
        "name": f"build {number}",
        "head_sha": sha("head"),
        "url": url,
        "html_url": url,
        "status": "completed",
        "conclusion": "success",
        "started_at": stamp(exchange.now - 300),
        "completed_at": stamp(exchange.now - 60),
    }
