from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import UnknownAsset
from headrace.lineage.graph import Graph
from headrace.lineage.selection import select

a = hr.Source("a", path="a.csv")
b = hr.FeatureView("b", entity=None, source=a, features=["x"])
c = hr.FeatureView("c", entity=None, source=b, features=["x"])
z = hr.Source("z", path="z.csv")
GRAPH = Graph([c, z])


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ([], "abcz"),
        (["features/b"], "b"),
        (["b"], "b"),
        (["key:features/b"], "b"),
        (["features/*"], "bc"),
        (["group:sources"], "az"),
        (["features/b+"], "bc"),
        (["+features/b"], "ab"),
        (["+b+"], "abc"),
        (["+c"], "abc"),
        (["a+", "z"], "abcz"),
        (["c,a"], "ac"),
        (["c a", "z"], "acz"),
        (["*/?"], "abcz"),
        (["sources/[z]"], "z"),
    ],
)
def test_selects(selection, names):
    found = select(GRAPH, selection)
    assert {key.rpartition("/")[2] for key in found} == set(names)
    assert list(found) == [key for key in GRAPH.keys if key in found]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("featurs/b", "No asset 'featurs/b' in this project. Did you mean 'features/b'"),
        ("+x", "No asset 'x' .*Assets: features/b, features/c, sources/a, sources/z"),
        ("models/*", r"No asset 'models/\*'"),
        ("a nope", "No asset 'nope'"),
    ],
)
def test_refuses_what_matches_nothing(selection, message):
    with pytest.raises(UnknownAsset, match=message):
        select(GRAPH, [selection])
