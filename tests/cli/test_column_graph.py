"""The graph of columns: every column, all columns, numbers of rows, and how they are drawn together."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.cli.column_graph import ColumnGraph, Groups
from headrace.cli.tree import Link, edges, tree_lines
from headrace.errors import UnknownName
from headrace.lineage.column_lineage import Lineage
from headrace.lineage.graph import Graph

source = hr.Source("s", path="s.csv")
middle = hr.FeatureView("m", entity=None, source=source, features=["a"])
last = hr.FeatureView("l", entity=None, source=middle, features=["a"])
TABLES = {
    "sources/s": (["a", "b", "k"], Lineage()),
    "features/m": (
        ["k", "a", "n"],
        Lineage(
            {"k": ["sources/s.k"], "a": ["sources/s.a", "sources/s.b"], "n": []},
            {"k": ["sources/s.b"], "a": ["sources/s.k"], "n": ["sources/s.b"]},
        ),
    ),
    "features/l": (["all", "count"], Lineage({"all": ["features/m.*"], "count": []}, {"count": ["features/m"]})),
}


@pytest.fixture
def graph() -> ColumnGraph:
    return ColumnGraph(Graph([last]), TABLES.get)


def test_up(graph):
    assert graph.made_from("features/m.a") == [
        Link("sources/s.a"),
        Link("sources/s.b"),
        Link("sources/s.k", "rows"),
    ]
    assert graph.made_from("features/l.all") == [Link("features/m.*")]
    assert {link.node for link in graph.made_from("features/m.*")} == {"sources/s.a", "sources/s.b", "sources/s.k"}
    assert graph.made_from("sources/s.a") == [Link("file s.csv")]
    assert graph.made_from("file s.csv") == []


def test_the_number_of_rows_hangs_on_what_every_column_hangs_on(graph):
    assert graph.made_from("features/l.count") == [Link("features/m", "rows")]
    assert graph.made_from("features/m") == [Link("sources/s.b", "rows")]
    assert graph.made_from("sources/s") == [Link("file s.csv")]


def test_down(graph):
    assert graph.used_by("sources/s.a") == [Link("features/m.a")]
    assert graph.used_by("sources/s.b") == [Link("features/m.*"), Link("features/m", "rows")]
    assert graph.used_by("features/m") == [Link("features/l.count", "rows")]
    assert graph.used_by("features/m.a") == [Link("features/l.all")]


def test_all_columns_spelled(graph):
    down = {link.node for _, link in edges("sources/s.b", graph.spelled(graph.used_by))}
    named = {"features/m.k", "features/m.a", "features/m.n", "features/m", "features/l.all", "features/l.count"}
    assert down == named
    up = [link.node for link in graph.spelled(graph.made_from)("features/l.all")]
    assert up == ["features/m.k", "features/m.a", "features/m.n"]


def test_neighbours_in_one_table_are_drawn_together(graph):
    groups = Groups(graph, graph.made_from)
    lines = tree_lines("features/l.all", groups.children, parts=groups.parts)
    assert lines == [
        "└── features/m.*",
        "    └── sources/s.*",
        "        └── file s.csv",
    ]


def test_what_was_shown_is_not_unfolded_again(graph):
    found = {"root": [Link("x"), Link("y")], "x": [Link("z")], "y": [Link("z")], "z": [Link("end")]}
    lines = tree_lines("root", lambda node: found.get(node, []))
    assert lines[-1] == "    └── z  (see above)"


def test_an_unknown_column(graph):
    with pytest.raises(UnknownName, match="unknown column 'c'"):
        graph.require("features/m", "c")


def test_an_asset_that_was_never_built_has_no_columns():
    graph = ColumnGraph(Graph([last]), {**TABLES, "features/m": None}.get)
    assert graph.made_from("features/m.a") == []
    assert graph.spelled(graph.made_from)("features/l.all") == [Link("features/m.*")]
