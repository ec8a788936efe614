"""What a rollback would undo, from the log of refs."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.store.refs import Refs
from headrace.store.transactions import Log, Target


@pytest.fixture
def refs(tmp_path):
    """Two builds and a promotion: the second build moved b twice over c."""
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"}, run_id="one", state="built")
    refs.move({"b": "1"}, run_id="one", state="built")
    refs.move({"b": "2"}, run_id="two", state="built")
    refs.move({"c": "1"}, run_id="two", state="reused")
    refs.move({"a": "3", "b": "3"}, run_id="three", state="promoted")
    return refs


def undo(refs, count=1, assets=None):
    log = Log(refs)
    targets = log.before(log.transactions(assets)[:count])
    moves = {asset: one.version for asset, one in targets.items()}
    refs.move(moves, run_id=f"undo {len(refs.history())}", undoes={key: one.undoes for key, one in targets.items()})


def names(refs, assets=None):
    return [one.name for one in Log(refs).transactions(assets)]


def test_moves_of_one_run_belong_together(refs):
    three, two, one = Log(refs).transactions()
    assert (three.name, three.assets, three.states) == ("three", ("a", "b"), ("promoted",))
    assert (two.name, two.assets, two.states) == ("two", ("b", "c"), ("built", "reused"))
    assert (one.name, one.assets) == ("one", ("a", "b"))


def test_moves_without_a_run_belong_to_their_moment(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1", "b": "1"})
    assert [one.assets for one in Log(refs).transactions()] == [("a", "b")]


def test_one_undo_after_another_goes_further_back(refs):
    undo(refs)
    assert refs.current() == {"a": "1", "b": "2", "c": "1"}
    undo(refs)
    assert refs.current() == {"a": "1", "b": "1"}
    undo(refs)
    assert (refs.current(), names(refs)) == ({}, [])


def test_several_at_once(refs):
    undo(refs, 2)
    assert (refs.current(), names(refs)) == ({"a": "1", "b": "1"}, ["one"])


def test_of_one_asset_only(refs):
    undo(refs, 1, ["b"])
    assert refs.current() == {"a": "3", "b": "2", "c": "1"}
    assert names(refs) == ["three", "two", "one"]
    assert names(refs, ["b"]) == ["two", "one"]
    undo(refs)  # what is left of the last one
    assert refs.current() == {"a": "1", "b": "2", "c": "1"}


def test_a_build_after_an_undo_is_undone_first(refs):
    undo(refs)
    refs.move({"a": "4"}, run_id="four")
    assert names(refs) == ["four", "two", "one"]
    undo(refs)
    undo(refs)
    assert refs.current() == {"a": "1", "b": "1"}


def test_what_comes_to_nothing_is_undone_as_well(tmp_path):
    refs = Refs(tmp_path, "dev")
    for run, version in enumerate(["1", "2", "1"]):
        refs.move({"a": version}, run_id=f"run {run}")
    undo(refs, 2)
    assert (refs.current(), names(refs)) == ({"a": "1"}, ["run 0"])


def test_entangled_runs(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"}, run_id="long")
    refs.move({"a": "2"}, run_id="short")
    refs.move({"b": "1"}, run_id="long")
    log = Log(refs)
    assert [one.name for one in log.transactions()] == ["long", "short"]
    assert log.before(log.transactions()) == {"a": Target(None, ("short", "long")), "b": Target(None, ("long",))}


def test_as_it_was_at_a_time(refs):
    log = Log(refs)
    assert log.at(2, ["a", "b", "c"]) == {
        "a": Target("1", ("three",)),
        "b": Target("2", ("three",)),
        "c": Target(None, ("two",)),
    }
    assert log.at(5, ["a", "b", "c"]) == {}


def test_forward_again_is_a_move_that_counts(refs):
    undo(refs)
    order = max(move.order for move in Log(refs).moves if move.transaction == "three")
    assert Log(refs).at(order, ["a", "b"]) == {"a": Target("3"), "b": Target("3")}


def test_to_a_version(refs):
    log = Log(refs)
    assert log.to_version("b", "1") == Target("1", ("three", "two"))
    assert log.to_version("b", "9") == Target("9")
    assert log.to_version("never seen", "9") == Target("9")


@pytest.mark.parametrize("undone", [False, True])
def test_a_move_written_down_that_never_came_about_does_not_count(refs, tmp_path, undone):
    line = {"at": "2026-01-01T00:00:00+00:00", "asset": "a", "from": "3", "to": "4", "state": "", "run_id": "lost"}
    with (tmp_path / "dev.log.jsonl").open("a") as log:
        log.write(json.dumps({**line, "to": "1", "undoes": ["three"]} if undone else line) + "\n")
    assert names(refs) == ["three", "two", "one"]
    refs.move({"a": "5"}, run_id="four")
    assert names(refs) == ["four", "three", "two", "one"]
    undo(refs)
    assert refs.current()["a"] == "3"


def test_a_lost_line_hides_no_earlier_move(refs, tmp_path):
    path = tmp_path / "dev.log.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"two"' not in line))
    assert names(refs, ["b"]) == ["three", "one"]
    undo(refs)
    assert refs.current()["b"] == "2"


ASSETS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2).map(str), min_size=1)
STEPS = st.lists(st.one_of(ASSETS, st.integers(1, 2)), max_size=8)


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_as_a_stack_of_whole_states(steps):
    """Each run puts the state before it on a stack, each undo takes one off."""
    with TemporaryDirectory() as folder:
        refs, stack = Refs(Path(folder), "dev"), []
        for number, step in enumerate(steps):
            before = refs.current()
            if isinstance(step, int):
                count = min(step, len(stack))
                undo(refs, step)
                before = stack[len(stack) - count] if count else before
                del stack[len(stack) - count :]
                assert refs.current() == before
            else:
                refs.move(step, run_id=f"run {number}")
                if refs.current() != before:
                    stack.append(before)
        assert len(Log(refs).transactions()) == len(stack)
