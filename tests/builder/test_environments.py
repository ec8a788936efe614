"""Promotion: everything that belongs together moves, or nothing does."""

from __future__ import annotations

import threading

import pytest

from headrace.builder.build import build
from headrace.builder.environments import promote
from headrace.builder.project import project_from
from headrace.errors import CorruptObject, HeadraceError, NotBuilt, ProjectError, StoreError, UnknownAsset
from headrace.store.refs import Refs
from tests.builder.shop import orders, rows, shop, view
from tests.builder.stored import point, project_of, publish

CHAIN = {"sources/a": [], "features/b": ["sources/a"], "features/d": ["sources/a"], "features/c": ["features/b"]}
CASCADE = {
    "matrices/m": [],
    "cascades/r/one": ["matrices/m"],
    "cascades/r/two": ["cascades/r/one"],
    "cascades/r": ["cascades/r/one", "cascades/r/two"],
}


def make(project, graph, mark):
    """A version of every asset, made from those of its inputs."""
    made = {}
    for key, inputs in graph.items():
        made[key] = publish(project.store, key, f"{mark}{len(made)}", {one: made[one] for one in inputs})
    return made


@pytest.fixture
def chain(tmp_path):
    """Everything rebuilt in dev since prod was last promoted."""
    project = project_of(tmp_path, CHAIN)
    before, now = make(project, CHAIN, "a"), make(project, CHAIN, "b")
    point(project.store, "prod", *before.values(), run="first")
    point(project.store, "dev", *now.values(), run="build")
    return project, before, now


def current(project, environment="prod"):
    return project.store.refs(environment).current()


def versions(made):
    return {key: one.version for key, one in made.items()}


def test_everything_at_once(chain):
    project, before, now = chain
    found = promote(project, "dev", "prod")
    assert [one.asset for one in found.changes] == list(CHAIN)
    assert (found.changes[0].before, found.changes[0].after) == (before["sources/a"].version, now["sources/a"].version)
    assert current(project) == versions(now)
    history = project.store.refs("prod").history()[-4:]
    assert {one["state"] for one in history} == {"promoted"}
    assert len({one["run_id"] for one in history}) == 1


def test_a_dry_run_moves_nothing(chain):
    project, before, _ = chain
    assert len(promote(project, "dev", "prod", dry_run=True).changes) == 4
    assert current(project) == versions(before)


def test_into_a_new_environment(chain):
    project, _, now = chain
    found = promote(project, "dev", "staging")
    assert {one.before for one in found.changes} == {None}
    assert current(project, "staging") == versions(now)


def test_a_second_time_there_is_nothing_to_do(chain):
    project = chain[0]
    promote(project, "dev", "prod")
    found = promote(project, "dev", "prod")
    assert (found.changes, found.unchanged) == ((), tuple(CHAIN))


def test_what_a_version_was_made_from_comes_along(chain):
    project, before, now = chain
    found = promote(project, "dev", "prod", ["c"])
    assert {one.asset: one.because for one in found.changes} == {
        "sources/a": "features/b is made from it",
        "features/b": "features/c is made from it",
        "features/c": "",
    }
    assert current(project) == {**versions(now), "features/d": before["features/d"].version}
    assert [(one.asset, one.input, one.has) for one in found.behind] == [
        ("features/d", "sources/a", now["sources/a"].version)
    ]


def test_an_input_with_equal_content_stays(chain):
    project, before, _ = chain
    equal = publish(project.store, "sources/a", "c", digest=before["sources/a"].digest)
    made = publish(project.store, "features/b", "d", {"sources/a": equal})
    point(project.store, "dev", equal, made)
    found = promote(project, "dev", "prod", ["b"])
    assert [one.asset for one in found.changes] == ["features/b"]
    assert current(project)["sources/a"] == before["sources/a"].version


def test_what_has_equal_content_comes_along_rather_than_be_out_of_date(chain):
    project, before, now = chain
    equal = publish(
        project.store, "features/d", "c", {"sources/a": now["sources/a"]}, digest=before["features/d"].digest
    )
    point(project.store, "dev", equal)
    found = promote(project, "dev", "prod", ["b"])
    assert [one.asset for one in found.changes] == ["sources/a", "features/b", "features/d"]
    assert found.changes[2].because == "sources/a moves; its content is the same"
    assert [one.asset for one in found.behind] == ["features/c"]


def test_what_is_out_of_date_where_it_comes_from_is_refused(chain):
    project, before, _ = chain
    point(project.store, "dev", publish(project.store, "sources/a", "c"))
    with pytest.raises(HeadraceError, match=r"features/b is out of date in dev: made from sources/a b0.* --env dev`"):
        promote(project, "dev", "prod", ["b"])
    assert current(project) == versions(before)
    assert len(promote(project, "dev", "prod", ["sources/a"]).changes) == 1


def test_an_input_that_is_gone_is_refused(chain):
    project = chain[0]
    project.store.refs("dev").move({"sources/a": None})
    with pytest.raises(HeadraceError, match=r"features/b is out of date .* dev no longer has it"):
        promote(project, "dev", "prod", ["features/b"])


def test_two_that_do_not_fit_each_other_are_refused(chain):
    """b fits what prod has of a; d brings another a along."""
    project, before, _ = chain
    old = publish(project.store, "features/b", "c", {"sources/a": before["sources/a"]})
    point(project.store, "dev", old)
    with pytest.raises(HeadraceError, match=r"features/b is out of date in dev"):
        promote(project, "dev", "prod", ["b", "d"])
    assert current(project) == versions(before)


@pytest.fixture
def cascade(tmp_path):
    project = project_of(tmp_path, CASCADE)
    before, now = make(project, CASCADE, "a"), make(project, CASCADE, "b")
    point(project.store, "prod", *before.values())
    point(project.store, "dev", *now.values())
    return project, before, now


@pytest.mark.parametrize("chosen", ["cascades/r/one", "cascades/r/two", "cascades/r"])
def test_a_cascade_moves_whole(cascade, chosen):
    project, _, now = cascade
    promote(project, "dev", "prod", [chosen])
    assert current(project) == versions(now)


def test_a_cascade_that_is_half_built_stays(cascade):
    project, before, _ = cascade
    point(project.store, "dev", publish(project.store, "cascades/r/one", "c", {"matrices/m": before["matrices/m"]}))
    with pytest.raises(HeadraceError, match=r"out of date in dev.*Nothing was promoted"):
        promote(project, "dev", "prod", ["cascades/r"])
    project.store.refs("dev").move({"cascades/r": None})
    with pytest.raises(HeadraceError, match=r"cascades/r has no version in dev, only some of its stages have"):
        promote(project, "dev", "prod", ["cascades/r/two"])
    assert current(project) == versions(before)


def test_a_stage_that_is_no_more_leaves(cascade):
    project, _, now = cascade
    smaller = publish(project.store, "cascades/r", "c", {"cascades/r/one": now["cascades/r/one"]})
    point(project.store, "dev", smaller)
    project = project_of(project.root, {key: [] for key in CASCADE if key != "cascades/r/two"})
    found = promote(project, "dev", "prod")
    assert found.undeclared == ("cascades/r/two",)
    assert [(one.asset, one.because) for one in found.changes if one.after is None] == [
        ("cascades/r/two", "no longer a stage of cascades/r")
    ]
    assert "cascades/r/two" not in current(project)


def test_what_is_no_longer_declared_is_left_alone(chain):
    project, before, _ = chain
    smaller = project_of(project.root, {key: [] for key in CHAIN if key != "features/d"} | {"features/e": []})
    found = promote(smaller, "dev", "prod")
    assert (found.undeclared, found.unbuilt) == (("features/d",), ("features/e",))
    assert current(project)["features/d"] == before["features/d"].version


def test_a_damaged_version_is_refused(chain):
    project, before, now = chain
    (project.store.folder("features/c", now["features/c"].version) / "data.txt").write_text("sows")
    with pytest.raises(CorruptObject, match=r"data.txt was changed since it was built"):
        promote(project, "dev", "prod")
    assert current(project) == versions(before)


def test_a_pointer_that_moves_meanwhile_stops_it(chain, monkeypatch):
    project, _, now = chain
    move = Refs.move

    def late(self, *given, **options):
        monkeypatch.setattr(Refs, "move", move)
        Refs(self._path.parent, "prod").move({"features/b": now["features/b"].version})
        move(self, *given, **options)

    monkeypatch.setattr(Refs, "move", late)
    with pytest.raises(StoreError, match=r"features/b moved in prod meanwhile"):
        promote(project, "dev", "prod")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("dev", "dev"), ProjectError, "dev cannot be promoted to itself"),
        (("test", "prod"), ProjectError, "No environment 'test' in this project's store. Environments: dev, prod"),
        (("dev", "pro d"), ProjectError, "'pro d' cannot be used as a name"),
        (("dev", "prod", ["features/x"]), UnknownAsset, "No asset 'features/x'"),
        (("dev", "prod", ["features/d"]), NotBuilt, "features/d has no version in environment 'dev'"),
    ],
)
def test_what_cannot_be_promoted(chain, given, error, message):
    project, before, _ = chain
    project.store.refs("dev").move({"features/d": None})
    with pytest.raises(error, match=message):
        promote(project, *given)
    assert current(project) == versions(before)


def test_readers_see_all_of_it_or_nothing(chain):
    project, before, now = chain
    seen, done = [], threading.Event()

    def read():
        while not done.is_set():
            seen.append(tuple(sorted(current(project).items())))

    reader = threading.Thread(target=read)
    reader.start()
    promote(project, "dev", "prod")
    done.set()
    reader.join()
    whole = {tuple(sorted(versions(one).items())) for one in (before, now)}
    assert {*seen, tuple(sorted(current(project).items()))} <= whole


def test_a_real_project_and_its_views(tmp_path):
    """Columns that a view does not read do not bring its source along."""
    total = view("select customer_id, sum(amount) as total from {orders} group by all", "total")
    project = shop(tmp_path, total)
    assert not build(project).failed
    promote(project, "dev", "prod")
    data = project.data_folder / "orders.csv"
    data.write_text(data.read_text().replace("2024-01-03", "2024-01-04"))
    doubled = view("select customer_id, 2 * sum(amount) as total from {orders} group by all", "total")
    project = project_from([doubled, orders], tmp_path)
    assert not build(project).failed
    found = promote(project, "dev", "prod", ["total"])
    assert [one.asset for one in found.changes] == ["features/total"]
    prod = project_from([doubled], tmp_path, "prod")
    assert sorted(rows(prod, "features/total")) == [(1, 61.0), (2, 10.0)]
    assert prod.views_file.exists()
