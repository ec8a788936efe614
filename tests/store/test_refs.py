from __future__ import annotations

import errno
import json
import multiprocessing

import pytest

from headrace.errors import CorruptObject, StoreError
from headrace.store import refs as refs_module
from headrace.store.refs import Refs, environments

SPAWN = multiprocessing.get_context("spawn")


def test_nothing_before_the_first_move(tmp_path):
    refs = Refs(tmp_path, "dev")
    assert refs.current() == {}
    assert refs.history() == []


def test_moves_several_at_once_and_takes_out(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1", "b": "1"}, run_id="r", state="built")
    refs.move({"a": "2", "b": None})
    assert refs.current() == {"a": "2"}
    assert [(one["asset"], one["from"], one["to"]) for one in refs.history()] == [
        ("a", None, "1"),
        ("b", None, "1"),
        ("a", "1", "2"),
        ("b", "1", None),
    ]
    assert [one["run_id"] for one in refs.history("a")] == ["r", ""]


def test_a_move_to_where_it_stands_is_none(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"})
    refs.move({"a": "1"})
    assert len(refs.history()) == 1


def test_environments_are_apart(tmp_path):
    Refs(tmp_path, "dev").move({"a": "1"})
    assert Refs(tmp_path, "prod").current() == {}


def _move_many(folder, worker, barrier, moves):
    barrier.wait()
    refs = Refs(folder, "dev")
    for number in range(moves):
        refs.move({f"asset {worker}": str(number), f"asset {worker} {number}": "x"})


def test_concurrent_writers_lose_nothing_and_readers_see_whole_states(tmp_path):
    workers, moves = 3, 15
    barrier = SPAWN.Barrier(workers + 1)
    started = [SPAWN.Process(target=_move_many, args=(tmp_path, n, barrier, moves)) for n in range(workers)]
    for process in started:
        process.start()
    barrier.wait()
    refs = Refs(tmp_path, "dev")
    while any(process.is_alive() for process in started):
        for worker in range(workers):  # both refs of a move, or neither
            seen = refs.current()
            last = seen.get(f"asset {worker}")
            assert last is None or f"asset {worker} {last}" in seen
    assert [process.exitcode for process in started] == [0] * workers
    assert len(refs.current()) == workers * (moves + 1)
    assert len(refs.history()) == 2 * workers * moves


@pytest.mark.parametrize("text", ["", "{", "[]", '{"assets": 3}', "{}"])
def test_a_broken_ref_file_is_named(tmp_path, text):
    (tmp_path / "dev.json").write_text(text)
    with pytest.raises(CorruptObject, match=r"dev.json is no ref file: .* Restore it, or delete it and build"):
        Refs(tmp_path, "dev").current()


def test_a_torn_last_line_hides_neither_earlier_nor_later_moves(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"})
    refs.move({"a": "2"})
    log = tmp_path / "dev.log.jsonl"
    log.write_text(log.read_text()[:-20])
    assert [one["to"] for one in refs.history()] == ["1"]
    refs.move({"a": "3"})
    assert [one["to"] for one in refs.history()] == ["1", "3"]


def test_a_full_disk_moves_nothing(tmp_path, monkeypatch):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"})

    def fail(path, text):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(refs_module, "write_atomically", fail)
    with pytest.raises(StoreError, match=r"dev.json: the disk is full.*current versions stay as they are"):
        refs.move({"a": "2"})
    assert refs.current() == {"a": "1"}


def test_the_file_is_for_people_too(tmp_path):
    Refs(tmp_path, "dev").move({"b": "1", "a": "2"})
    content = json.loads((tmp_path / "dev.json").read_text())
    assert list(content["assets"]) == ["a", "b"]
    assert content["environment"] == "dev"


def test_what_is_expected_must_be_current(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1"}, expected={"a": None})
    with pytest.raises(StoreError, match=r"a moved in dev meanwhile, from 0 to 1. Nothing was moved"):
        refs.move({"a": "2", "b": "2"}, expected={"a": "0"})
    assert refs.current() == {"a": "1"}
    refs.move({"a": "2"}, expected={"a": "1", "b": None})
    assert refs.current() == {"a": "2"}


def test_what_a_move_undoes_is_written_down(tmp_path):
    refs = Refs(tmp_path, "dev")
    refs.move({"a": "1", "b": "1"}, run_id="one")
    refs.move({"a": None, "b": "1"}, run_id="two", undoes={"a": ["one"], "b": []})
    assert [one.get("undoes") for one in refs.history()] == [None, None, ["one"]]


def test_environments_by_name(tmp_path):
    assert environments(tmp_path / "none") == []
    for name in ("prod", "dev"):
        Refs(tmp_path, name).move({"a": "1"})
    (tmp_path / ".dev.json.ab12").write_text("a killed process")
    assert environments(tmp_path) == ["dev", "prod"]
