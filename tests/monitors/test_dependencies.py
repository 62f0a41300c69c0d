"""What integrations depend on, as declared."""

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.dependencies import Dependency, DependencyError, DependencyGraph


def chain(length: int) -> list[Dependency]:
    return [Dependency(integrations=(f"link-{n + 1}",), depends_on=(f"link-{n}",)) for n in range(length - 1)]


def test_a_circle_is_refused_and_named() -> None:
    with pytest.raises(DependencyError) as caught:
        DependencyGraph(
            [
                Dependency(integrations=("a",), depends_on=("x",)),
                Dependency(integrations=("x",), depends_on=("y",)),
                Dependency(integrations=("y",), depends_on=("x",)),
            ]
        )
    assert "x -> y -> x" in str(caught.value) or "y -> x -> y" in str(caught.value)
    assert caught.value.index in {0, 1, 2}


def test_an_integration_that_depends_on_itself_is_refused() -> None:
    with pytest.raises(DependencyError, match="a -> a"):
        DependencyGraph([Dependency(integrations=("a",), depends_on=("a",))])


def test_a_chain_may_be_sixteen_long_and_no_longer() -> None:
    assert DependencyGraph(chain(16)).descendants("link-0") == {f"link-{n}" for n in range(1, 16)}
    with pytest.raises(DependencyError, match="more than 16"):
        DependencyGraph(chain(17))


def test_an_unknown_id_is_refused_with_the_nearest_and_its_place() -> None:
    dependencies = [
        Dependency(integrations=("shop",), depends_on=("gateway",)),
        Dependency(integrations=("shop",), depends_on=("gatewy",)),
    ]
    with pytest.raises(DependencyError, match="no integration 'gatewy'; did you mean gateway") as caught:
        DependencyGraph(dependencies, known={"shop", "gateway"})
    assert caught.value.index == 1


@pytest.mark.parametrize("given_", [{"integrations": ()}, {"depends_on": ()}])
def test_a_dependency_without_an_end_is_refused(given_: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="at least one id"):
        Dependency(**({"integrations": ("a",), "depends_on": ("b",)} | given_))


def test_dependencies_add_up_and_redundant_ones_stand_in_for_one_another() -> None:
    graph = DependencyGraph(
        [
            Dependency(integrations=("shop", "mail"), depends_on=("dns",)),
            Dependency(integrations=("shop",), depends_on=("left", "right"), redundant=True),
        ]
    )
    assert graph.explained_by("shop", {"dns"}.__contains__) == "dns"
    assert graph.explained_by("shop", {"left"}.__contains__) is None
    assert graph.explained_by("shop", {"left", "right"}.__contains__) == "left"
    assert graph.explained_by("mail", {"left", "right"}.__contains__) is None
    assert set(graph.parents) == {"dns", "left", "right"}
    assert graph.children("dns") == ("shop", "mail")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_edges_that_all_point_up_are_refused_only_for_their_depth(edges: list[tuple[int, int]]) -> None:
    upward = [
        Dependency(integrations=(f"n{max(edge)}",), depends_on=(f"n{min(edge)}",))
        for edge in edges
        if edge[0] != edge[1]
    ]
    depth = {0: 1}
    parents: dict[int, set[int]] = {}
    for low, high in (sorted(edge) for edge in edges if edge[0] != edge[1]):
        parents.setdefault(high, set()).add(low)
    for n in range(31):
        depth[n] = 1 + max((depth[parent] for parent in parents.get(n, ())), default=0)
    with pytest.raises(DependencyError, match="more than 16") if max(depth.values()) > 16 else nullcontext():
        DependencyGraph(upward)
