"""What garbage collection deletes, and what it never does."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock

from headrace.errors import CorruptObject, StoreError
from headrace.store import garbage
from headrace.store.garbage import Rules, collect, no_collection
from headrace.store.manifest import FORMAT
from headrace.store.partitions import FACTS
from headrace.store.store import Store
from tests.builder.stored import point, publish
from tests.store.test_manifest import make_manifest

NOTHING_SPARED = Rules(keep=0, unused=timedelta(0), grace=timedelta(0))
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def marks(versions):
    return [(one.asset, one.version.rstrip("0")) for one in versions]


def collected(store, rules=NOTHING_SPARED, **options):
    return marks(collect(store, rules, **options).removed)


def versions(store, asset, count, start=1):
    """Versions a1, a2, ... of an asset, each a day younger than the one before."""
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(start, start + count)]
    return [publish(store, asset, f"a{day.day - 1}", created_at=day.isoformat()) for day in days]


def test_what_no_environment_names_goes(store):
    one, two, three = versions(store, "sources/a", 3)
    point(store, "dev", three)
    found = collect(store, NOTHING_SPARED)
    assert marks(found.removed) == [("sources/a", "a1"), ("sources/a", "a2")]
    assert found.bytes == sum(sum(facts["bytes"] for facts in v.files.values()) for v in (one, two)) + sum(
        len(v.to_json().encode()) for v in (one, two)
    )
    assert [path.name for path in (store.root / "objects" / "sources" / "a").iterdir()] == [three.version]
    assert not [*(store.root / "drafts").iterdir()]


def test_every_environment_counts(store):
    one, two, _ = versions(store, "sources/a", 3)
    point(store, "dev", one)
    point(store, "prod", two)
    assert collected(store) == [("sources/a", "a3")]


def test_what_was_read_is_kept_at_any_distance(store):
    raw = publish(store, "sources/a", "a1")
    publish(store, "sources/a", "a2")
    middle = publish(store, "features/b", "b1", {"sources/a": raw})
    last = publish(store, "features/c", "c1", {"features/b": middle})
    point(store, "dev", last)
    assert collected(store) == [("sources/a", "a2")]


def test_what_a_rollback_would_bring_back_is_kept(store):
    one, two, three = versions(store, "sources/a", 3)
    for run, version in enumerate((one, two, three)):
        point(store, "prod", version, run=f"run {run}")
    assert collected(store) == [("sources/a", "a1")]


def test_the_newest_are_kept(store):
    versions(store, "sources/a", 4)
    versions(store, "sources/b", 1)
    rules = Rules(keep=2, unused=timedelta(0), grace=timedelta(0))
    assert collected(store, rules) == [("sources/a", "a1"), ("sources/a", "a2")]


@pytest.mark.parametrize("rules", [Rules(keep=0), Rules(keep=0, unused=timedelta(0))])
def test_what_was_used_lately_is_kept(store, rules):
    """Made long ago, but current until now: somebody may be reading it."""
    old, new, newest = versions(store, "sources/a", 3)
    for run, one in enumerate((old, new, newest)):
        point(store, "dev", one, run=f"run {run}")
    assert collected(store, rules) == []
    assert collected(store) == [("sources/a", "a1")]


def test_what_was_made_lately_is_kept(store):
    publish(store, "sources/a", "a1", created_at=datetime.now(UTC).isoformat())
    publish(store, "sources/a", "a2")
    assert collected(store, Rules(keep=0)) == [("sources/a", "a2")]
    assert collected(store) == [("sources/a", "a1")]


def test_a_build_in_progress_keeps_what_was_current_when_it_began(store):
    old, new, newest = versions(store, "sources/a", 3)
    with store.draft() as folder:
        long_ago = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
        os.utime(f"{folder}.lock", (long_ago, long_ago))
        for run, one in enumerate((old, new, newest)):
            point(store, "dev", one, run=f"run {run}")
        assert collected(store) == []
    assert collected(store) == [("sources/a", "a1")]


def test_what_is_being_built_is_left_alone(store):
    made = publish(store, "sources/a", "a1")
    with store.building("sources/a", made.fingerprint):
        found = collect(store, NOTHING_SPARED)
    assert (marks(found.removed), marks(found.kept)) == ([], [("sources/a", "a1")])


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_becomes_current_meanwhile_stays(store, monkeypatch, when):
    made = publish(store, "sources/a", "a1")
    discard = garbage._discard

    def discard_while_a_build_reuses_it(*given):
        if when == "before":
            point(store, "dev", made)
        gone = discard(*given)
        point(store, "dev", made)
        return gone

    monkeypatch.setattr(garbage, "_discard", discard_while_a_build_reuses_it)
    assert collected(store) == []
    assert store.current("sources/a", "dev") == made


def test_a_dry_run_deletes_nothing(store):
    publish(store, "sources/a", "a1")
    assert collected(store, dry_run=True) == [("sources/a", "a1")] == collected(store)


def _crash(root):
    garbage._clear_locks = lambda *_: os._exit(1)
    collect(Store(root), NOTHING_SPARED)


def test_a_crash_leaves_a_sound_store(store):
    kept, gone = publish(store, "sources/a", "a1"), publish(store, "sources/a", "a2")
    point(store, "dev", kept)
    process = SPAWN.Process(target=_crash, args=(store.root,))
    process.start()
    process.join()
    assert not store.folder("sources/a", gone.version).exists()
    assert store.current("sources/a", "dev") == kept
    assert collect(store, NOTHING_SPARED).drafts == 1
    assert not [*(store.root / "drafts").iterdir()]


def test_broken_versions_are_listed_and_deleted_only_when_told_to(store):
    whole, torn, empty = versions(store, "sources/a", 3)
    point(store, "dev", whole)
    (store.folder("sources/a", torn.version) / "manifest.json").write_text("{")
    shutil.rmtree(store.folder("sources/a", empty.version))
    store.folder("sources/a", empty.version).mkdir()
    found = collect(store, NOTHING_SPARED)
    assert (marks(found.removed), len(found.broken)) == ([], 2)
    assert all("cannot be read" in one.problem for one in found.broken)
    removed = collected(store, Rules(keep=3, unused=timedelta(0), grace=timedelta(0), broken=True))
    assert sorted(removed) == [("sources/a", "a2"), ("sources/a", "a3")]


def test_a_broken_version_that_is_current_stays(store):
    made = publish(store, "sources/a", "a1")
    point(store, "dev", made)
    (store.folder("sources/a", made.version) / "data.txt").unlink()
    found = collect(store, Rules(keep=0, unused=timedelta(0), grace=timedelta(0), broken=True))
    assert (marks(found.removed), marks(found.broken)) == ([], [("sources/a", "a1")])


def test_versions_of_a_newer_headrace_stop_it(store):
    publish(store, "sources/a", "a1")
    newer = publish(store, "sources/b", "b1")
    path = store.folder("sources/b", newer.version) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": FORMAT + 1}))
    with pytest.raises(StoreError, match=r"newer Headrace .* Nothing was deleted"):
        collected(store)
    assert store.versions("sources/a")


def test_broken_refs_stop_it(store):
    made = publish(store, "sources/a", "a1")
    point(store, "dev", made)
    (store.root / "refs" / "dev.json").write_text("{")
    with pytest.raises(CorruptObject, match=r"dev.json is no ref file"):
        collected(store)
    assert store.load("sources/a", made.version) == made


def test_stages_and_their_cascade_are_told_apart(store):
    publish(store, "cascades/c", "c1")
    publish(store, "cascades/c/abcdef0123456789", "d1")
    assert collected(store) == [("cascades/c", "c1"), ("cascades/c/abcdef0123456789", "d1")]


def partitioned(store, mark, *objects):
    """A version that consists of hard links to partitions, which are made where they are not there yet."""
    folder = store.root / "objects" / "features" / "p" / "partitions"
    with store.draft() as draft:
        made = draft / "object"
        made.mkdir()
        for name in objects:
            if not (folder / name).exists():
                (folder / name).mkdir(parents=True)
                (folder / name / FACTS).write_text("{}")
                (folder / name / "data.parquet").write_text("12345")
            os.link(folder / name / "data.parquet", made / f"{name}.parquet")
        entries = {name: {"object": name} for name in objects}
        manifest = make_manifest(asset="features/p", fingerprint=mark * 16, inputs={}, partitions=entries)
        return store.publish(made, replace(manifest, created_at="2026-01-01T00:00:00+00:00"))


def test_partitions_of_no_version_go(store):
    marks_of = [mark * 32 for mark in "abcd"]
    partitioned(store, "11", *marks_of[:2])
    now = partitioned(store, "22", *marks_of[1:3])
    partitioned(store, "33", marks_of[3])
    shutil.rmtree(store.folder("features/p", "33" * 8))
    point(store, "dev", now)
    facts = len((store.folder("features/p", now.version) / "manifest.json").read_bytes())
    found = collect(store, NOTHING_SPARED)
    assert [one.version for one in found.removed] == ["11" * 8, *(f"partitions/{marks_of[n]}" for n in (0, 3))]
    # of the first version only what is in no other, and both partitions with their facts
    assert abs(found.bytes - (facts + 2 * (5 + 2))) < 99
    left = store.root / "objects" / "features" / "p" / "partitions"
    assert sorted(path.name for path in left.iterdir()) == marks_of[1:3]
    assert store.current("features/p", "dev") == now


def test_partitions_before_one_in_use_stay(store):
    mark = "a" * 32
    partitioned(store, "11", mark, f"{mark}.2", f"{mark}.3")
    now = partitioned(store, "22", f"{mark}.2")
    point(store, "dev", now)
    removed = [one.version for one in collect(store, NOTHING_SPARED).removed]
    assert removed == ["11" * 8, f"partitions/{mark}.3"]


def test_partitions_that_are_being_put_together_stay(store):
    now = partitioned(store, "11", "a" * 32)
    point(store, "dev", now)
    (store.root / "refs" / "dev.json").write_text('{"assets": {}}')
    (store.root / "refs" / "dev.log.jsonl").unlink()
    with store.building("features/p", "partitions in dev"):
        assert collected(store) == []
    assert len(collected(store)) == 2


def test_locks_and_caches_of_what_is_gone(store):
    kept, gone = versions(store, "sources/a", 2)
    point(store, "dev", kept)
    cache = store.root / "cache" / "edges" / "sources" / "a"
    cache.mkdir(parents=True)
    for one in (kept, gone):
        (cache / f"{one.version}.json").write_text("{}")
    with store.building("sources/a", "ab" * 16):
        pass
    with store.building("sources/a", "cd" * 16):
        found = collect(store, NOTHING_SPARED)
    assert [path.stem for path in cache.iterdir()] == [kept.version]
    assert (found.caches, found.locks) == (1, 2)  # the locks: of the first build, and of what was deleted
    left = {path.name for path in (store.root / "locks").iterdir()}
    assert "collect.lock" in left
    assert len(left) == 2


def test_young_locks_stay(store):
    with store.building("sources/a", "ab" * 16):
        pass
    assert collect(store).locks == 0


def test_it_waits_for_pointers_that_move(store):
    with no_collection(store), pytest.raises(TimeoutError):
        FileLock(store.root / "locks" / "collect.lock").acquire(timeout=0)
