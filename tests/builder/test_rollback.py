"""Rollback: back to what was current, all at once, and further back each time."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

import pytest

from headrace.builder.environments import promote
from headrace.builder.rollback import rollback
from headrace.errors import CorruptObject, HeadraceError
from headrace.store.transactions import Log
from tests.builder.stored import point, project_of
from tests.builder.test_environments import CASCADE, CHAIN, current, make, versions


@pytest.fixture
def builds(tmp_path):
    """Three builds of everything, one after another."""
    project = project_of(tmp_path, CHAIN)
    made = [make(project, CHAIN, mark) for mark in "abc"]
    for run, one in zip(("first", "second", "third"), made, strict=True):
        for manifest in one.values():
            point(project.store, "dev", manifest, run=f"{run} run")
    return project, made


def test_one_build_after_another(builds):
    project, (first, second, third) = builds
    found = rollback(project)
    assert [(one.asset, one.after) for one in found.changes] == sorted(versions(second).items())
    assert [one.name for one in found.undone] == ["third run"]
    assert current(project, "dev") == versions(second)
    rollback(project)
    assert current(project, "dev") == versions(first)
    rollback(project)
    assert current(project, "dev") == {}
    with pytest.raises(HeadraceError, match=r"Nothing to undo in dev. Nothing was moved"):
        rollback(project)
    assert third["features/b"].version


def test_it_is_logged_at_once_and_a_dry_run_is_not(builds):
    project, (_, _, third) = builds
    assert len(rollback(project, dry_run=True).changes) == 4
    assert current(project, "dev") == versions(third)
    rollback(project)
    moves = project.store.refs("dev").history()[-4:]
    assert {(one["state"], tuple(one["undoes"])) for one in moves} == {("rolled back", ("third run",))}
    assert len({one["run_id"] for one in moves}) == 1


def test_one_asset(builds):
    project, (_, second, third) = builds
    found = rollback(project, ["features/b"])
    assert current(project, "dev") == {**versions(third), "features/b": second["features/b"].version}
    assert [(one.asset, one.input) for one in found.behind] == [
        ("features/b", "sources/a"),
        ("features/c", "features/b"),
    ]


@pytest.mark.parametrize("to", ["2", "first", "time"])
def test_further_back(builds, to):
    project, (first, _, _) = builds
    log = Log(project.store.refs("dev"))
    if to == "time":
        to = next(move.at for move in log.moves if move.transaction == "second run")
        to = (datetime.fromisoformat(to) - timedelta(milliseconds=1)).isoformat()
        expected = log.at(max((m.order for m in log.moves if m.at <= to), default=-1), log.assets)
        rollback(project, to=to)
        assert current(project, "dev") == {key: one.version for key, one in expected.items() if one.version}
        return
    rollback(project, to=to)
    assert current(project, "dev") == versions(first)


def test_forward_again(builds):
    project, (_, second, third) = builds
    rollback(project, to="2")
    rollback(project, to="third run")
    assert current(project, "dev") == versions(third)
    rollback(project)  # the way forward is a move as any other
    rollback(project, to="second run")
    assert current(project, "dev") == versions(second)


def test_to_a_version(builds):
    project, (first, second, third) = builds
    rollback(project, ["features/d"], to=first["features/d"].version[:6])
    assert current(project, "dev") == {**versions(third), "features/d": first["features/d"].version}
    rollback(project, ["features/d"], to=second["features/d"].version)
    assert current(project, "dev")["features/d"] == second["features/d"].version


def test_a_promotion(builds):
    project, (_, second, third) = builds
    point(project.store, "prod", *second.values(), run="before")
    promote(project, "dev", "prod")
    prod = project_of(project.root, CHAIN, "prod")
    assert current(project) == versions(third)
    assert rollback(prod).undone[0].states == ("promoted",)
    assert current(project) == versions(second)


def test_a_cascade_goes_back_whole(tmp_path):
    project = project_of(tmp_path, CASCADE)
    before, now = make(project, CASCADE, "a"), make(project, CASCADE, "b")
    point(project.store, "dev", *before.values(), run="one")
    point(project.store, "dev", *now.values(), run="two")
    rollback(project, ["cascades/r/one"])
    assert current(project, "dev") == {**versions(before), "matrices/m": now["matrices/m"].version}
    with pytest.raises(HeadraceError, match=r"cascades/r/one is part of cascades/r, which is rolled back whole"):
        rollback(project, ["cascades/r/one"], to=now["cascades/r/one"].version)
    rollback(project, ["cascades/r"], to=now["cascades/r"].version)
    assert current(project, "dev") == versions(now)


def test_a_version_that_is_gone(builds):
    project, (_, second, third) = builds
    shutil.rmtree(project.store.folder("features/b", second["features/b"].version))
    with pytest.raises(HeadraceError, match=r"features/b b1\w* is no longer stored: `headrace gc` removed it"):
        rollback(project)
    assert current(project, "dev") == versions(third)
    rollback(project, to="2")


def test_a_version_that_is_damaged(builds):
    project, (_, second, third) = builds
    (project.store.folder("features/b", second["features/b"].version) / "data.txt").write_text("sows")
    with pytest.raises(CorruptObject, match="was changed since it was built"):
        rollback(project)
    assert current(project, "dev") == versions(third)


@pytest.mark.parametrize(
    ("assets", "to", "message"),
    [
        ((), "4", "Only 3 left to undo in dev"),
        ((), "0", "--to 0 would change nothing"),
        ((), "nonsense", r"--to nonsense: no time, no number, no run. The last runs in dev:\n  third run .* built\n"),
        (("features/b",), "ffff", "no time, no number, no run, no version of it"),
        ((), "2999-01-01", "dev is as it was at 2999-01-01 already"),
        ((), "third", "dev is as it was at third already"),
    ],
)
def test_what_cannot_be_done(builds, assets, to, message):
    project, (_, _, third) = builds
    with pytest.raises(HeadraceError, match=message):
        rollback(project, assets, to)
    assert current(project, "dev") == versions(third)
