"""Partition objects: immutable, found by fingerprint, linked into versions."""

from __future__ import annotations

import os

import pytest

from headrace.engine.session import connect, parquet, write_parquet
from headrace.errors import CorruptObject
from headrace.store.digests import hash_probe, table_sums
from headrace.store.partitions import Partition, PartitionObjects, link
from headrace.store.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def publish(store, label, number):
    objects = PartitionObjects(store, "sources/a")
    with store.draft() as folder, connect() as connection:
        draft = folder / "object"
        draft.mkdir()
        write_parquet(connection, f"select {number} as number", draft / "data.parquet")
        sums = {"data.parquet": table_sums(connection, parquet(draft / "data.parquet"))}
        return objects.publish(
            draft, Partition(label=label, fingerprint="ab12", sums=sums, probe=hash_probe(connection))
        )


def test_an_object_is_found_by_its_fingerprint_as_it_was(store):
    made = publish(store, "2024-01-05", 1)
    objects = PartitionObjects(store, "sources/a")
    assert objects.find("ab12") == made
    assert objects.find("ab") is None
    assert objects.is_sound(made)


def test_another_content_with_the_same_fingerprint_stands_beside_it(store):
    assert [publish(store, "x", number).name for number in (1, 2)] == ["ab12", "ab12.2"]
    assert PartitionObjects(store, "sources/a").find("ab12").name == "ab12.2"


@pytest.mark.parametrize("damage", ["data.parquet", "partition.json"])
def test_a_damaged_object_is_as_good_as_none(store, damage):
    publish(store, "x", 1)
    objects = PartitionObjects(store, "sources/a")
    (objects.folder("ab12") / damage).write_text("")
    with pytest.raises(CorruptObject, match="ab12"):
        objects.load("ab12")
    assert objects.find("ab12") is None
    assert publish(store, "x", 1).name == "ab12.2"


@pytest.mark.parametrize("links", [True, False])
def test_versions_are_links_or_else_copies(store, tmp_path, monkeypatch, links):
    made = publish(store, "x", 1)
    if not links:
        monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(OSError("no links here")))
    files = link(PartitionObjects(store, "sources/a"), [("x.parquet", made)], tmp_path)
    assert files == {"data.parquet/x.parquet": made.files["data.parquet"]}
    path = tmp_path / "data.parquet/x.parquet"
    assert path.read_bytes() == (PartitionObjects(store, "sources/a").folder("ab12") / "data.parquet").read_bytes()
    assert path.stat().st_nlink == (2 if links else 1)
