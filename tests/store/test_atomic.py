from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headrace.errors import StoreError
from headrace.store import atomic
from headrace.store.atomic import disk_errors, fsync_tree, write_atomically


def test_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "new" / "a.json"
    for text in ("one", "zwei ü"):
        write_atomically(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_no_draft(tmp_path, monkeypatch, step):
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission is denied"),
    ],
)
def test_disk_failures_say_where_why_and_what_was_not_done(tmp_path, number, message):
    with (
        pytest.raises(StoreError, match=f"Cannot write .*here.*: {message}.*then build again. Nothing was published"),
        disk_errors(tmp_path / "here"),
    ):
        raise OSError(number, os.strerror(number))


def test_other_failures_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"), disk_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_fsync_reaches_every_file_and_folder(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    seen = []
    monkeypatch.setattr(
        atomic.os, "fsync", lambda descriptor: seen.append(Path(f"/proc/self/fd/{descriptor}").readlink())
    )
    fsync_tree(tmp_path)
    assert set(seen) == {tmp_path, tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c"}
