"""Selections that Dagster accepts as well mean the same here, down to its own resolution of them."""

from __future__ import annotations

import random
import warnings

import dagster as dg
import pytest

import headrace as hr
from headrace.lineage.graph import Graph
from headrace.lineage.kinds import kinds
from headrace.lineage.selection import select

a = hr.Source("a", path="a.csv", tags={"when": "nightly"})
b = hr.Source("b", path="b.parquet", owners=["team:raw"])
c = hr.FeatureView("c", entity=None, source=a, features=["x"], owners=["ann@shop.org"])
d = hr.FeatureView("d", entity=None, source=c, features=["x"], tags={"when": "weekly", "plain": ""})


@hr.feature_view(entity=None, tags={"when": "nightly"})
def e(b=b, c=c):
    return f"select 1 as x from {b}, {c}"


@hr.feature_view(entity=None)
def f(d=d, e=e):
    return f"select 1 as x from {d}, {e}"


GRAPH = Graph([f])
ATOMS = (
    [f"key:{key}" for key in GRAPH.keys]
    + [
        "key:features/*",
        'key:"*c"',
        "key:*s*",
        "group:sources",
        'group:"f*"',
        "kind:sql",
        "kind:duckdb",
        "kind:csv",
        "*",
    ]
    + ["tag:when=nightly", 'tag:"when"="weekly"', "tag:plain", 'owner:"ann@shop.org"', 'owner:"team:raw"']
)


@pytest.fixture(scope="module")
def assets() -> list[dg.AssetsDefinition]:
    return [twin(one) for one in GRAPH.nodes.values()]


def twin(declaration) -> dg.AssetsDefinition:
    def compute() -> None: ...

    return dg.asset(
        key=declaration.key.split("/"),
        deps=[dg.AssetKey(one.key.split("/")) for one in declaration.inputs],
        group_name=declaration.kind,
        kinds=kinds(declaration),
        tags=dict(declaration.tags),
        owners=list(declaration.owners),
    )(compute)


def resolve(text: str, assets: list[dg.AssetsDefinition]) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return {key.to_user_string() for key in dg.AssetSelection.from_string(text).resolve(assets)}


def expression(made: random.Random, depth: int) -> str:
    """A random selection in the grammar that both have."""
    if depth == 0 or made.random() < 0.2:
        return around(made, made.choice([one for one in ATOMS if one != "*"]))
    first, second = expression(made, depth - 1), expression(made, depth - 1)
    return made.choice(
        [
            f"{first} and {second}",
            f"{first} or {second}",
            f"not {first}",
            f"{first} AND NOT ({second})",
            around(made, f"({first} or {second})"),
            around(made, f"roots({first})"),
            around(made, f"sinks({second})"),
        ]
    )


def around(made: random.Random, text: str) -> str:
    return made.choice(["", "", "+", "1+", "2+"]) + text + made.choice(["", "", "+", "+1", "+2"])


@pytest.mark.parametrize("text", ATOMS)
def test_attributes_mean_the_same(assets, text):
    assert set(select(GRAPH, [text])) == resolve(text, assets)


@pytest.mark.parametrize("seed", range(50))
def test_expressions_mean_the_same(assets, seed):
    text = expression(random.Random(seed), 3)
    theirs = resolve(text, assets)
    if theirs:
        assert set(select(GRAPH, [text])) == theirs, text
    else:
        with pytest.raises(hr.HeadraceError, match="No asset"):
            select(GRAPH, [text])


def test_a_bare_name_with_a_plus_goes_one_level_there_and_all_the_way_here(assets):
    assert resolve("sources/a+", assets) == {"sources/a", "features/c"}
    assert set(select(GRAPH, ["sources/a+"])) == resolve("key:sources/a+", assets)
