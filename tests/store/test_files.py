from __future__ import annotations

import errno
import json
import os
import time

import pytest

from headrace.store import files
from headrace.store.files import FileHashes


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A file that counts as settled, with a memory beside it."""
    monkeypatch.setattr(files, "_RACY_SECONDS", -1.0)
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    return path, tmp_path / "cache" / "files.json"


def hash_of(path, memory):
    return FileHashes(memory).hash_all([path])[path]


def count_reads(monkeypatch):
    reads = []
    digest = files.hashlib.file_digest
    monkeypatch.setattr(files.hashlib, "file_digest", lambda *args: reads.append(1) or digest(*args))
    return reads


def test_is_of_the_content(tmp_path, data):
    path, memory = data
    other = tmp_path / "copy.csv"
    other.write_text(path.read_text())
    assert hash_of(path, memory) == hash_of(other, memory)
    other.write_text("a,b\n1,3\n")
    assert hash_of(path, memory) != hash_of(other, memory)


def test_an_unchanged_file_is_not_read_again(data, monkeypatch):
    path, memory = data
    first = hash_of(path, memory)
    reads = count_reads(monkeypatch)
    assert hash_of(path, memory) == first
    assert reads == []


def test_a_file_just_written_is_read_again(data, monkeypatch):
    path, memory = data
    monkeypatch.setattr(files, "_RACY_SECONDS", 60.0)
    hash_of(path, memory)
    reads = count_reads(monkeypatch)
    hash_of(path, memory)
    assert reads == [1]


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_same_size_and_modification_time_do_not_hide_a_change(data, how):
    path, memory = data
    before, times = hash_of(path, memory), os.stat(path)
    time.sleep(0.02)
    target = path if how == "in place" else path.with_name("new")
    target.write_text("a,b\n1,3\n")
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(target, path)
    assert os.stat(path).st_mtime_ns == times.st_mtime_ns
    assert hash_of(path, memory) != before


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"x": 1}'])
def test_a_broken_memory_only_costs_time(data, text):
    path, memory = data
    first = hash_of(path, memory)
    memory.write_text(text)
    assert hash_of(path, memory) == first
    assert str(path) in json.loads(memory.read_text())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_memory_that_cannot_be_written_only_costs_time(data, monkeypatch, number):
    path, memory = data

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "write_atomically", fail)
    assert len(hash_of(path, memory)) == 32


def test_a_file_that_is_gone_is_an_error(data):
    path, memory = data
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"data.csv"):
        hash_of(path, memory)
