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
    asset: str
    version: str
    fingerprint: str
    digest: str
    parts: dict
    inputs: dict
    column_digests: dict
    rows: int = 1
    seconds: float = 2.0
    content: str = "data.parquet"
    definitions: dict = field(default_factory=dict)
    hash_probe: str = "1"
    partitions: dict = field(default_factory=dict)
    outdated: list = field(default_factory=list)

    @property
    def columns(self):
        return [[name, "INTEGER"] for name in self.column_digests]


@dataclass
class World:
    """Everything built once, until a test changes something. Tables have the columns a, b and c."""

    parts_now: dict = field(default_factory=lambda: {key: {"code": "1"} for key in INPUTS})
    refs: dict = field(default_factory=dict)
    objects: list = field(default_factory=list)
    broken: set = field(default_factory=set)
    unreadable: set = field(default_factory=set)
    reads: dict = field(default_factory=dict)
    depends: dict = field(default_factory=dict)

    def build(self, **digests) -> World:
        for key in INPUTS:
            self.store(key, digests.get(key.rpartition("/")[2], f"{key} 1"))
        return self

    def store(self, key, digest, **columns):
        """A new current version whose columns are those of the last one, but for what is given."""
        reads = {one: self.reads.get((key, one)) for one in INPUTS[key]}
        inputs = {
            one: {"version": self.refs[one].version, "reads": how, "digest": self.edge(one, self.refs[one], how)}
            for one, how in reads.items()
        }
        before = self.refs[key].column_digests if key in self.refs else dict.fromkeys("abc", "1")
        mark = fingerprint(self.parts_now[key], {one: read["digest"] for one, read in inputs.items()})
        version = f"{mark[:12]}.{len(self.objects)}"
        self.refs[key] = Stored(key, version, mark, digest, dict(self.parts_now[key]), inputs, before | columns)
        self.objects.append(self.refs[key])

    def parts(self, declaration):
        if declaration.key in self.unreadable:
            raise SourceError(declaration.name, "raw.csv", "no such file.", "Put it there.")
        return self.parts_now[declaration.key]

    def current(self, asset):
        if asset in self.broken:
            raise CorruptObject(f"{asset} is damaged")
        return self.refs.get(asset)

    def find(self, asset, mark):
        found = (one for one in self.objects if one.asset == asset and one.fingerprint == mark)
        return next((one for one in found if asset not in self.broken), None)

    def version(self, asset, name):
        return next((one for one in self.objects if one.asset == asset and one.version == name), None)

    def reading(self, declaration, inputs):
        return {one: self.reads.get((declaration.key, one)) for one in INPUTS[declaration.key]}

    def dependencies(self, declaration, inputs):
        return self.depends.get(declaration.key)

    def edge(self, asset, version, reads):
        return version.digest if reads is None else str([version.column_digests.get(name) for name in sorted(reads)])

    def recorded(self, asset, reader, reads):
        before = self.version(asset, reader.inputs[asset]["version"])
        return None if before is None else self.edge(asset, before, reads)


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
    del world.refs["features/last"].inputs["sources/side"]
    world.refs["features/last"].fingerprint = "older"
    world.objects.clear()
    assert plan_of(world)["last"] == ("build", [("input_changed", "sources/side is a new input")])


def test_an_input_no_longer_read_is_a_reason():
    world = World().build()
    world.refs["features/middle"].inputs["sources/side"] = {"version": "1", "digest": "1", "reads": None}
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


MIDDLE_READS_A = {("features/middle", "sources/raw"): ("a",)}
MIDDLE_DEPENDS = {"features/middle": {"a": {"sources/raw": ("a",)}, "b": {"sources/raw": ("b",)}, "c": {}}}


def changed_column(name, **world):
    """Everything built; then one column of the raw table changed."""
    found = World(**world).build()
    found.parts_now["sources/raw"] = {"file raw.csv": "2"}
    found.store("sources/raw", "another content", **{name: "2"})
    return found


def test_a_column_that_nobody_reads_changes_nothing_downstream():
    assert set(states(changed_column("b", reads=MIDDLE_READS_A)).values()) == {"fresh"}


def test_a_column_that_is_read_is_named():
    found = plan_of(changed_column("a", reads=MIDDLE_READS_A))
    assert found["middle"] == ("build", [("input_changed", "sources/raw.a changed")])


def test_columns_paired_otherwise_are_a_change_too():
    world = World(reads={("features/middle", "sources/raw"): ("a", "b")}).build()
    world.store("sources/raw", "another content")
    world.edge = lambda asset, version, reads: version.digest
    assert plan_of(world)["middle"] == ("build", [("input_changed", "sources/raw changed")])


def test_other_numbers_of_rows_are_told():
    world = World().build()
    world.store("sources/raw", "another content")
    world.refs["sources/raw"].rows = 1234
    assert plan_of(world)["middle"][1] == [("input_changed", "sources/raw has 1,234 rows instead of 1")]


def test_pending_says_on_which_columns_it_hangs():
    world = changed_column("a", depends=MIDDLE_DEPENDS, reads={("features/last", "features/middle"): ("a", "b")})
    found = plan_of(world)
    assert found["middle"][0] == "build"
    assert found["last"] == ("pending", [("upstream", "only if features/middle.a comes out different")])


def test_what_reads_none_of_the_columns_that_may_change_is_fresh():
    world = changed_column("a", depends=MIDDLE_DEPENDS, reads={("features/last", "features/middle"): ("b", "c")})
    assert states(world) == {"raw": "fresh", "side": "fresh", "middle": "build", "last": "fresh"}


def test_after_an_edit_any_column_may_change():
    world = World(depends=MIDDLE_DEPENDS, reads={("features/last", "features/middle"): ("c",)}).build()
    world.parts_now["features/middle"] = {"code": "2"}
    assert plan_of(world)["last"] == ("pending", [("upstream", "only if features/middle.c comes out different")])


def test_digests_of_another_kind_are_not_compared():
    """The current version was made with digests that nobody makes any more: its inputs are digested again."""
    world = World(reads=MIDDLE_READS_A).build()
    world.store("sources/raw", "sources/raw 1")
    world.refs["features/middle"].inputs["sources/raw"]["digest"] = "of an older algorithm"
    assert states(world)["middle"] == "fresh"
    world.store("sources/raw", "sources/raw 2", a="2")
    assert states(world)["middle"] == "build"


def test_a_step_knows_how_long_it_took():
    world = changed_column("a")
    steps = make_plan(GRAPH, world, "dev", GRAPH.keys).steps
    assert steps["features/middle"].seconds == 2.0
    assert make_plan(GRAPH, World(), "dev", GRAPH.keys).steps["features/middle"].seconds is None
