"""What is made at the simulated GitLab, Jenkins and container engine is there, changes and goes."""

import pytest

from integrations.execution.outcome import FailureKind
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.simulated import WAYS, World


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def at(world: World, vendor: str) -> str:
    return world.register(next(way for way in WAYS if way.vendor == vendor))


async def data(world: World, vendor: str, action: str, **params: object) -> object:
    outcome = await world.framework.execute_integration(vendor, action, params)
    assert outcome.ok, outcome
    return outcome.data


async def fields(world: World, vendor: str, action: str, **params: object) -> dict[str, object]:
    found = await data(world, vendor, action, **params)
    assert isinstance(found, dict)
    return found


async def kind(world: World, vendor: str, action: str, **params: object) -> FailureKind | None:
    return (await world.framework.execute_integration(vendor, action, params)).kind


async def test_an_issue_at_gitlab_is_opened_commented_and_closed() -> None:
    world = World()
    gitlab, project = at(world, "gitlab"), {"project": "shop/web"}
    made = await fields(world, gitlab, "issues.create", **project, title="Down", labels=["bug"])
    issue = {**project, "issue": made["iid"]}

    await data(world, gitlab, "issues.comment", **issue, body="Seen.")
    closed = await fields(world, gitlab, "issues.update", **issue, state_event="close")
    comments = await fields(world, gitlab, "issues.comments", **issue)
    still_open = await fields(world, gitlab, "issues.list", **project, state="opened")

    assert (closed["state"], closed["title"]) == ("closed", "Down")
    assert [note["body"] for note in comments["items"]] == ["Seen."]  # type: ignore[attr-defined]  # a list
    assert still_open["items"] == []


async def test_gitlabs_pages_are_followed_by_their_links() -> None:
    world = World()
    gitlab = at(world, "gitlab")

    first = await fields(world, gitlab, "issues.list", project="278964", per_page=2)
    outcome = await world.framework.execute_integration(
        gitlab, "issues.list", {"project": "278964", "per_page": 2, "_pages": 5}
    )

    assert (len(first["items"]), first["more"]) == (2, True)  # type: ignore[arg-type]  # a list
    assert isinstance(outcome.data, dict)
    assert [issue["iid"] for issue in outcome.data["items"]] == [43, 42, 41]


async def test_a_path_with_slashes_is_one_value_at_gitlab() -> None:
    world = World()
    gitlab = at(world, "gitlab")

    await data(world, gitlab, "branches.create", project="group/sub/web", branch="mend", ref="main")

    assert await kind(world, gitlab, "branches.delete", project="web", branch="mend") is FailureKind.NOT_FOUND
    assert await kind(world, gitlab, "branches.delete", project="group/sub/web", branch="mend") is None


@pytest.mark.parametrize("action", ["builds.start", "builds.start_with"])
async def test_a_started_build_of_jenkins_waits_and_is_built(action: str) -> None:
    world = World()
    jenkins = at(world, "jenkins")
    params = {"parameters": {"VERSION": "1.2"}} if action == "builds.start_with" else {}

    queued = await fields(world, jenkins, action, job="shop", **params)
    waiting = await fields(world, jenkins, "queue.get", number=queued["queue"])
    became = waiting["executable"]
    assert isinstance(became, dict)
    build = await fields(world, jenkins, "builds.get", job="shop", number=became["number"])

    assert str(queued["location"]).endswith(f"/queue/item/{queued['queue']}/")
    assert (build["result"], build["displayName"]) == ("SUCCESS", f"#{became['number']}")


async def test_a_job_in_folders_is_made_disabled_and_deleted_at_jenkins() -> None:
    world = World()
    jenkins = at(world, "jenkins")
    await data(world, jenkins, "jobs.create", name="shop/web main", config="<project/>")

    await data(world, jenkins, "jobs.disable", job="shop/web main")
    refused = await kind(world, jenkins, "builds.start", job="shop/web main")
    await data(world, jenkins, "jobs.delete", job="shop/web main")

    assert refused is FailureKind.CLIENT_ERROR
    assert await kind(world, jenkins, "jobs.get", job="shop/web main") is FailureKind.NOT_FOUND


async def test_a_container_is_made_started_twice_and_removed() -> None:
    world = World()
    docker = at(world, "docker")
    await data(world, docker, "containers.create", name="web", image="nginx")

    starts = [await kind(world, docker, "containers.start", id="web") for _ in range(2)]
    said = await fields(world, docker, "containers.logs", id="web")
    await data(world, docker, "containers.remove", id="web")

    assert starts == [None, None]
    assert said == {"stdout": "simulated\n", "stderr": "simulated error\n"}
    assert await kind(world, docker, "containers.get", id="web") is FailureKind.NOT_FOUND
