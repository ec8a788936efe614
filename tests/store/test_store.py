from __future__ import annotations

import errno
import itertools
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.errors import CorruptObject, NotBuilt, StoreError
from headrace.store import store as store_module
from headrace.store.manifest import FILE_NAME
from headrace.store.store import Store
from tests.store.test_manifest import make_manifest

MARK = "ab" * 16
CLOCK = itertools.count()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def publish(store, text="rows", mark=MARK, digest="1", asset="sources/a"):
    with store.draft() as folder:
        draft = folder / "object"
        (draft / "state").mkdir(parents=True)
        (draft / "data.parquet").write_text(text)
        (draft / "state" / "one.json").write_text("{}")
        made = make_manifest(asset=asset, fingerprint=mark, digest=digest, created_at=f"{next(CLOCK):09}")
        return store.publish(draft, made)


def test_publishes_finds_and_loads(store):
    made = publish(store)
    assert made.version == MARK[:16]
    assert set(made.files) == {"data.parquet", "state/one.json"}
    assert made.files["data.parquet"]["bytes"] == 4
    assert store.load("sources/a", made.version) == made
    assert store.find("sources/a", MARK) == made
    store.verify(made)


def test_nothing_is_left_of_a_draft(store):
    publish(store)
    with pytest.raises(FileNotFoundError, match="nowhere"), store.draft() as folder:
        (folder / "nowhere" / "half").write_text("x")
    assert not [*(store.root / "drafts").iterdir()]


def test_not_built(store):
    with pytest.raises(NotBuilt, match=r"sources/a has no version in environment 'dev'. Run `headrace build"):
        store.current("sources/a", "dev")
    assert store.find("sources/a", MARK) is None
    assert store.versions("sources/a") == []


def test_an_equal_version_is_kept_and_another_stands_beside(store):
    first = publish(store)
    assert publish(store) == first
    second = publish(store, "other", digest="2")
    assert second.version == f"{first.version}.2"
    assert store.load("sources/a", first.version) == first
    assert store.find("sources/a", MARK) == second
    assert [one.version for one in store.versions("sources/a")] == [first.version, second.version]


def test_the_newest_of_many_is_found_and_a_gap_is_no_trouble(store):
    made = [publish(store, digest=str(number)) for number in range(11)]
    assert store.find("sources/a", MARK) == made[-1]
    shutil.rmtree(store.folder("sources/a", made[0].version))
    assert publish(store, digest="last").version.endswith(".12")


def test_fingerprints_that_begin_alike_are_told_apart(store):
    publish(store)
    assert store.find("sources/a", MARK[:16] + "0" * 16) is None


def test_an_asset_below_an_asset_is_no_version_of_it(store):
    publish(store, asset="cascades/a")
    publish(store, asset="cascades/a/stage")
    assert len(store.versions("cascades/a")) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "data.parquet").unlink(), "data.parquet is missing"),
        (lambda folder: (folder / "data.parquet").write_text("row"), "data.parquet has 3 bytes instead of 4"),
        (lambda folder: (folder / "state" / "one.json").write_text(""), "one.json has 0 bytes instead of 2"),
        (lambda folder: (folder / FILE_NAME).unlink(), "manifest.json cannot be read"),
        (lambda folder: (folder / FILE_NAME).write_text("{"), "manifest.json cannot be read"),
        (lambda folder: shutil.rmtree(folder), "manifest.json cannot be read"),
    ],
)
def test_damage_is_named_and_never_reused(store, damage, message):
    made = publish(store)
    damage(store.folder("sources/a", made.version))
    with pytest.raises(CorruptObject, match=f"{message}.*build .*again"):
        store.load("sources/a", made.version)
    assert store.find("sources/a", MARK) is None
    healed = publish(store)
    assert store.find("sources/a", MARK) == healed


def test_a_flipped_bit_is_seen_by_verify_and_healed_by_publishing_again(store):
    made = publish(store)
    (store.folder("sources/a", made.version) / "data.parquet").write_text("rOws")
    with pytest.raises(CorruptObject, match=r"data.parquet was changed since it was built"):
        store.verify(made)
    healed = publish(store)
    assert healed.version != made.version
    store.verify(healed)


def test_current_is_what_the_ref_says(store):
    made = publish(store)
    store.refs("dev").move({"sources/a": made.version})
    assert store.current("sources/a", "dev") == made
    assert [path.name for path in (store.root / "refs").glob("*.json")] == ["dev.json"]


@pytest.mark.parametrize("name", ["write_atomically", "fsync_tree", "os.rename"])
def test_a_full_disk_publishes_nothing(store, monkeypatch, name):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "here")

    monkeypatch.setattr(f"{store_module.__name__}.{name}", fail)
    with pytest.raises(StoreError, match=r"Cannot write here: the disk is full.*Nothing was published"):
        publish(store)
    monkeypatch.undo()
    assert store.find("sources/a", MARK) is None
    assert not [*(store.root / "drafts").iterdir()]
    assert publish(store).version == MARK[:16]


def test_a_read_only_folder_is_named(store, monkeypatch):
    def fail(self, *args, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(StoreError, match=r"Cannot write .*drafts: permission is denied. Make the folder writable"):
        publish(store)
    with pytest.raises(StoreError, match=r"Cannot write .*locks: permission is denied"), store.building("a", "b"):
        pass


@contextmanager
def small_disk(folder):
    """A file system of 256 kB, where one may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        store = Store(folder)
        made = publish(store)
        store.refs("dev").move({"sources/a": made.version})
        with (
            pytest.raises(StoreError, match="the disk is full"),
            store.draft() as draft,
            store_module.disk_errors(draft),
        ):
            (draft / "large").write_bytes(b"x" * 300_000)
        assert store.current("sources/a", "dev") == made
        assert not [*(folder / "drafts").iterdir()]


HOLD_A_DRAFT = """
import sys, time
from pathlib import Path
from headrace.store.store import Store
with Store(Path(sys.argv[1])).draft() as folder:
    (folder / "half").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(store):
    """Another process with a draft of its own."""
    command = [sys.executable, "-c", HOLD_A_DRAFT, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        folder = Path(process.stdout.readline().strip())
        yield process, folder
        process.kill()


def test_a_sweep_leaves_live_drafts_alone_and_removes_those_of_the_dead(store, holder):
    process, folder = holder
    assert store.sweep() == 0
    assert (folder / "half").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "half").exists()
    assert store.sweep() == 1
    assert not [*(store.root / "drafts").iterdir()]


def test_a_sweep_at_the_moment_a_draft_begins_takes_no_lock_from_it(store, monkeypatch):
    class SweptOnce(store_module.FileLock):
        left = 1

        def acquire(self, *args, **options):
            if SweptOnce.left and str(self.lock_file).endswith(".lock") and "drafts" in str(self.lock_file):
                SweptOnce.left -= 1
                held = super().acquire(*args, **options)
                Path(self.lock_file).unlink()  # what a sweep does that came first
                return held
            return super().acquire(*args, **options)

    monkeypatch.setattr(store_module, "FileLock", SweptOnce)
    with store.draft() as folder:
        assert Path(f"{folder}.lock").exists()
        assert len([*(store.root / "drafts").iterdir()]) == 2


def test_one_builds_while_the_other_waits(store):
    order = []

    def work(name, entered, leave):
        with store.building("sources/a", MARK):
            order.append(f"{name} in")
            entered.set()
            leave.wait(5)
            order.append(f"{name} out")

    entered, leave = threading.Event(), threading.Event()
    first = threading.Thread(target=work, args=("first", entered, leave))
    first.start()
    entered.wait(5)
    second = threading.Thread(target=work, args=("second", threading.Event(), leave))
    second.start()
    with store.building("sources/a", "another fingerprint"):
        order.append("other in")
    leave.set()
    first.join()
    second.join()
    assert order == ["first in", "other in", "first out", "second in", "second out"]
