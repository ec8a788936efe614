"""Several processes at once, and processes killed at any instant."""

from __future__ import annotations

import random
import time

import pytest

from headrace.builder.project import project_from
from tests.builder.shop import computed, go, left_overs, start_build, write_slow_project

ROUNDS = 3


def finish(process):
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return out.strip().splitlines()[-1]


def sound_refs(root):
    """What is current, every one of it complete."""
    store = project_from([], root).store
    current = store.refs("dev").current()
    for asset, version in current.items():
        store.verify(store.load(asset, version))
    return set(current)


def published(root, keys):
    store = project_from([], root).store
    return {key for key in keys if store.versions(key)}


def test_two_processes_compute_each_asset_once(tmp_path):
    keys = write_slow_project(tmp_path, views=3)
    processes = [start_build(tmp_path, seconds=0.2) for _ in range(2)]
    for process in processes:
        go(process)
    for process in processes:
        finish(process)
    assert computed(tmp_path) == keys
    assert sound_refs(tmp_path) == {"sources/orders", *keys}
    assert left_overs(project_from([], tmp_path)) == []


@pytest.fixture
def dice():
    seed = random.randrange(10**6)
    print("seed", seed)  # shown when the test fails
    return random.Random(seed)


def test_killed_at_any_instant_a_build_goes_on_where_it_stopped(tmp_path, dice):
    keys = write_slow_project(tmp_path, views=6)
    for _ in range(ROUNDS):
        process = start_build(tmp_path, seconds=0.05)
        finished, done = published(tmp_path, keys), len(computed(tmp_path))
        go(process)
        time.sleep(dice.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        sound_refs(tmp_path)
        assert not finished & set(computed(tmp_path)[done:])
    finished, done = published(tmp_path, keys), len(computed(tmp_path))
    process = start_build(tmp_path, seconds=0.0)
    go(process)
    finish(process)
    assert computed(tmp_path)[done:] == [key for key in keys if key not in finished]
    assert sound_refs(tmp_path) == {"sources/orders", *keys}
    assert left_overs(project_from([], tmp_path)) == []


def test_a_reader_meets_only_whole_states_while_others_build(tmp_path):
    write_slow_project(tmp_path, views=4)
    process = start_build(tmp_path, seconds=0.02)
    go(process)
    while process.poll() is None:
        sound_refs(tmp_path)
    finish(process)
