from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.errors import SelectionError, UnknownAsset
from headrace.lineage.graph import Graph
from headrace.lineage.selection import select

a = hr.Source("a", path="a.csv", tags={"when": "nightly"}, owners=["team:raw"])
b = hr.FeatureView("b", entity=None, source=a, features=["x"], owners=["ann@shop.org"])
c = hr.FeatureView("c", entity=None, source=b, features=["x"], tags={"when": "weekly", "own": ""})
z = hr.Source("z", path="z.csv")


@hr.feature_view(entity=None)
def d(c=c):
    return f"select 1 as x from {c}"


@hr.feature_view(entity=None)
def e(d: pl.DataFrame = d):
    return d


GRAPH = Graph([c, z])
LONG = Graph([e, z])


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
    ("selection", "names"),
    [
        ("*", "abcdez"),
        ("a+", "abcde"),
        ("a+1", "ab"),
        ("key:a+2", "abc"),
        ("2+e", "cde"),
        ("1+key:c+1", "bcd"),
        ("0+c", "c"),
        ("1 + c", "bc"),
        ("c +", "cde"),
        ("c + 1", "cd"),
        ("b +c", "abc"),
        ("b+ z", "bcdez"),
        ("c+1 2+e", "cde"),
        ("not features/*", "az"),
        ("not b and not c", "adez"),
        ("b or c and z", "b"),
        ("(b or c) and +c", "bc"),
        ("NOT (b OR c) AND features/*", "de"),
        ("not a z", "bcdez"),
        ("(b, c)+ and not (d e)", "bc"),
        ("kind:csv", "az"),
        ("kind:sql", "d"),
        ("kind:p*", "bce"),
        ("tag:when=nightly", "a"),
        ('tag:"when"="weekly"', "c"),
        ("tag:own", "c"),
        ("owner:team:raw", "a"),
        ('owner:"ann@shop.org"', "b"),
        ("owner:*@shop.org", "b"),
        ('key:"features/b"+1', "bc"),
        ("roots(+c or z)", "az"),
        ("sinks(features/*) or a", "ae"),
        ("sinks(*)", "ez"),
    ],
)
def test_dagsters_syntax(selection, names):
    assert {key.rpartition("/")[2] for key in select(LONG, [selection])} == set(names)
    assert select(LONG, selection.split(" ")) == select(LONG, [selection]), "a shell may split it"


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("featurs/b", "No asset 'featurs/b' in this project. Did you mean 'features/b'"),
        ("+x", "No asset 'x' .*Assets: features/b, features/c, sources/a, sources/z"),
        ("models/*", r"No asset 'models/\*'"),
        ("a nope", "No asset 'nope'"),
        ('"a" and key:nope', "No asset 'nope'"),
    ],
)
def test_refuses_names_that_no_asset_has(selection, message):
    with pytest.raises(UnknownAsset, match=message):
        select(GRAPH, [selection])


@pytest.mark.parametrize(
    ("selection", "position", "problem"),
    [
        ("", 0, "This selection is empty"),
        ("  ", 0, "This selection is empty"),
        ("a and", 5, "Expected an asset, but the selection ends here"),
        ("a and or b", 6, "Expected an asset, but got 'or'"),
        ("(a or b", 7, r"Expected '\)', but the selection ends here"),
        ("a)", 1, r"Expected `and`, `or`, a blank or the end, but got '\)'"),
        ("a+b", 2, "Expected `and`, `or`, a comma or a blank, but got 'b'"),
        ("++a", 1, r"two levels; expected no other, but got '\+'"),
        ("a++", 2, r"two levels; expected no other, but got '\+'"),
        ("+not a", 1, "No asset|Expected"),
        ('key:"a', 4, "This quote is not closed"),
        ("key:", 4, "Expected a value"),
        ("status:STALE", 0, "in Dagster's webserver only. There are key:, group:, kind:, tag:, owner:"),
        ("colour:red or a", 0, "No selection by colour: here. There are key:"),
        ("a or kind:spark", 5, "No asset has the kind 'spark'. There are: csv, duckdb, parquet"),
        ("tag:when=nihtly", 0, "No asset has the tag 'when=nihtly'. Did you mean 'when=nightly'"),
        ("b and z", 0, "No asset is in this selection"),
    ],
)
def test_says_where_it_cannot_be_read(selection, position, problem):
    with pytest.raises((SelectionError, UnknownAsset), match=problem) as caught:
        select(GRAPH, [selection])
    if isinstance(caught.value, SelectionError):
        assert caught.value.position == position
        assert str(caught.value).endswith(f"\n    {selection}\n    {' ' * position}^")


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        ("kept", ["features/kept"]),
        ("kept+", ["features/kept", "indexes/kept", "online/kept"]),
        ("online/kept", ["online/kept"]),
        ("*/kept", ["features/kept", "indexes/kept", "online/kept"]),
    ],
)
def test_a_name_is_the_view_and_not_what_it_keeps_beside_it(selection, keys):
    source = hr.Source("rows", path="rows.csv", timestamp="at")
    entity = hr.Entity("one", keys=["id"])
    view = hr.FeatureView("kept", entity=entity, source=source, features=["x"], index=True, online=True)
    assert sorted(select(Graph([view]), [selection])) == keys
