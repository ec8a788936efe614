from __future__ import annotations

import importlib
import sys

import pytest

import headrace as hr
from headrace.errors import DeclarationError
from headrace.lineage.graph import Graph, declarations_in

a = hr.Source("a", path="a.csv")
b = hr.FeatureView("b", entity=None, source=a, features=["x"])
c = hr.FeatureView("c", entity=None, source=b, features=["x"])
d = hr.FeatureView("d", entity=None, source=b, features=["x"])
lonely = hr.Source("lonely", path="l.csv")


def test_inputs_come_along_and_stand_upstream():
    graph = Graph([c, lonely, d])
    assert graph.keys.index("sources/a") < graph.keys.index("features/b") < graph.keys.index("features/c")
    assert set(graph.keys) == {"sources/a", "features/b", "features/c", "features/d", "sources/lonely"}


def test_order_does_not_hang_on_the_order_of_writing():
    assert Graph([c, d, lonely]).keys == Graph([lonely, d, c]).keys


@pytest.mark.parametrize(
    ("key", "above", "below"),
    [
        ("sources/a", set(), {"features/b", "features/c", "features/d"}),
        ("features/b", {"sources/a"}, {"features/c", "features/d"}),
        ("features/d", {"sources/a", "features/b"}, set()),
        ("sources/lonely", set(), set()),
    ],
)
def test_reach(key, above, below):
    graph = Graph([c, d, lonely])
    assert graph.ancestors(key) == above
    assert graph.descendants(key) == below


def test_equal_declarations_are_one():
    assert len(Graph([a, hr.Source("a", path="a.csv", description="the same")]).keys) == 1


def test_different_declarations_of_one_name_are_refused():
    with pytest.raises(DeclarationError, match=r"two different declarations are called sources/a. Rename one"):
        Graph([c, hr.Source("a", path="other.csv")])


def test_a_circle_is_named():
    first = hr.FeatureView("first", entity=None, source=a, features=["x"])
    second = hr.FeatureView("second", entity=None, source=first, features=["x"])
    object.__setattr__(first, "source", second)  # nobody can write this down
    with pytest.raises(DeclarationError, match=r"reads itself: .*features/(first|second) -> features/"):
        Graph([second])


def test_declarations_of_a_package_are_found_in_all_its_modules(tmp_path, monkeypatch):
    package = tmp_path / "found_assets"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep" / "__init__.py").write_text("")
    (package / "raw.py").write_text("import headrace as hr\nraw = hr.Source('raw', path='r.csv')\nother = 3\n")
    text = "import headrace as hr\nfrom found_assets.raw import raw\nwho = hr.Entity('who', keys='id')\n"
    (package / "deep" / "views.py").write_text(
        f"{text}view = hr.FeatureView('v', entity=who, source=raw, features='x')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = declarations_in(importlib.import_module("found_assets"))
    assert Graph(found).keys == ("sources/raw", "features/v")
    for name in [name for name in sys.modules if name.startswith("found_assets")]:
        del sys.modules[name]
