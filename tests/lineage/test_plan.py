"""A table of cases: what the world looks like, and the state and reasons that the plan gives each asset."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import headrace as hr
from headrace.errors import CorruptObject, SourceError
from headrace.lineage.fingerprint import fingerprint
from headrace.lineage.graph import Graph
from headrace.lineage.plan import make_plan

raw = hr.Source("raw", path="raw.csv")
side = hr.Source("side", path="side.csv")
middle = hr.FeatureView("middle", entity=None, source=raw, features=["x"])


@hr.feature_view(entity=None)
def last(middle, side):
    return f"select * from {middle}, {side}"


GRAPH = Graph([last])
INPUTS = {
    "sources/raw": [],
    "sources/side": [],
    "features/middle": ["sources/raw"],
    "features/last": ["features/middle", "sources/side"],
}


@dataclass
class Stored:
    version: str
    fingerprint: str
    digest: str
    parts: dict
    input_digests: dict


@dataclass
class World:
    """Everything built once, until a test changes something."""

    parts_now: dict = field(default_factory=lambda: {key: {"code": "1"} for key in INPUTS})
    refs: dict = field(default_factory=dict)
    objects: list = field(default_factory=list)
    broken: set = field(default_factory=set)
    unreadable: set = field(default_factory=set)

    def build(self, **digests) -> World:
        for key in INPUTS:
            self.store(key, digests.get(key.rpartition("/")[2], f"{key} 1"))
        return self

    def store(self, key, digest):
        inputs = {one: self.refs[one].digest for one in INPUTS[key]}
        mark = fingerprint(self.parts_now[key], inputs)
        self.refs[key] = Stored(mark[:16], mark, digest, dict(self.parts_now[key]), inputs)
        self.objects.append((key, self.refs[key]))

    def parts(self, declaration):
        if declaration.key in self.unreadable:
            raise SourceError(declaration.name, "raw.csv", "no such file.", "Put it there.")
        return self.parts_now[declaration.key]

    def current(self, asset):
        if asset in self.broken:
            raise CorruptObject(f"{asset} is damaged")
        return self.refs.get(asset)

    def find(self, asset, mark):
        return next(
            (one for key, one in self.objects if key == asset and one.fingerprint == mark and asset not in self.broken),
            None,
        )


def plan_of(world, forced=()):
    steps = make_plan(GRAPH, world, "dev", GRAPH.keys, forced).steps
    return {
        key.rpartition("/")[2]: (step.state, [(one.kind, one.detail) for one in step.reasons])
        for key, step in steps.items()
    }


def states(world, forced=()):
    return {name: state for name, (state, _) in plan_of(world, forced).items()}


def test_never_built():
    assert set(states(World()).values()) == {"build"}
    assert plan_of(World())["last"] == ("build", [("never_built", "never built")])


def test_nothing_changed():
    assert set(states(World().build()).values()) == {"fresh"}
    plan = make_plan(GRAPH, World().build(), "dev", GRAPH.keys)
    assert plan.work == ()


def test_code_changed():
    world = World().build()
    world.parts_now["features/middle"] = {"code": "2"}
    assert states(world) == {"raw": "fresh", "side": "fresh", "middle": "build", "last": "pending"}
    assert plan_of(world)["middle"][1] == [("declaration_changed", "code changed from 1 to 2")]
    assert plan_of(world)["last"][1] == [("upstream", "only if features/middle comes out different")]


def test_input_came_out_different():
    world = World().build()
    world.parts_now["sources/raw"] = {"file raw.csv": "2"}
    world.store("sources/raw", "another content")
    assert plan_of(world)["raw"] == ("fresh", [])
    assert plan_of(world)["middle"] == ("build", [("input_changed", "sources/raw changed")])


def test_early_cutoff_an_input_rebuilt_with_the_same_content():
    world = World().build()
    world.parts_now["sources/raw"] = {"file raw.csv": "2"}
    world.store("sources/raw", "sources/raw 1")
    assert set(states(world).values()) == {"fresh"}


def test_undone_edit_is_reused_and_what_reads_it_is_fresh_or_reused():
    world = World().build()
    world.parts_now["features/middle"] = {"code": "2"}
    world.store("features/middle", "another")
    world.store("features/last", "another")
    world.parts_now["features/middle"] = {"code": "1"}
    found = plan_of(world)
    assert {name: state for name, (state, _) in found.items()} == {
        "raw": "fresh",
        "side": "fresh",
        "middle": "reuse",
        "last": "reuse",
    }
    assert found["middle"][1][0][0] == "stored"
    assert found["last"][1][1] == ("input_changed", "features/middle changed")


def test_a_known_change_is_not_pending_because_another_input_is():
    world = World().build()
    world.parts_now["features/middle"] = {"code": "2"}
    world.store("sources/side", "another content")
    assert plan_of(world)["last"] == ("build", [("input_changed", "sources/side changed")])


def test_a_new_input_is_a_reason():
    world = World().build()
    del world.refs["features/last"].input_digests["sources/side"]
    world.refs["features/last"].fingerprint = "older"
    world.objects.clear()
    assert plan_of(world)["last"] == ("build", [("input_changed", "sources/side is a new input")])


def test_an_input_no_longer_read_is_a_reason():
    world = World().build()
    world.refs["features/middle"].input_digests["sources/side"] = "1"
    world.refs["features/middle"].fingerprint = "older"
    world.objects.clear()
    assert plan_of(world)["middle"] == ("build", [("input_changed", "sources/side is no longer an input")])


@pytest.mark.parametrize(
    ("forced", "expected"),
    [
        (["sources/raw"], {"raw": "build", "side": "fresh", "middle": "pending", "last": "pending"}),
        (["features/last"], {"raw": "fresh", "side": "fresh", "middle": "fresh", "last": "build"}),
        (["sources/raw", "features/middle"], {"raw": "build", "side": "fresh", "middle": "build", "last": "pending"}),
    ],
)
def test_forced(forced, expected):
    assert states(World().build(), forced) == expected


def test_forced_says_so_even_where_an_input_is_not_known():
    found = plan_of(World(), ["features/last"])
    assert found["last"] == ("build", [("forced", "forced")])


def test_unreadable_source():
    world = World().build()
    world.unreadable = {"sources/raw"}
    found = plan_of(world)
    assert found["raw"][0] == "build"
    assert found["raw"][1] == [("unreadable", "sources/raw: raw.csv: no such file. Put it there.")]
    assert found["middle"][0] == "pending"


def test_a_damaged_version_is_built_anew():
    world = World().build()
    world.broken = {"features/middle"}
    found = plan_of(world)
    assert found["middle"] == ("build", [("damaged", "features/middle is damaged")])
    assert found["last"][0] == "pending"


def test_the_fingerprint_is_only_known_with_all_inputs():
    world = World().build()
    world.parts_now["features/middle"] = {"code": "2"}
    steps = make_plan(GRAPH, world, "dev", GRAPH.keys).steps
    assert steps["features/middle"].fingerprint is not None
    assert steps["features/last"].fingerprint is None
