"""Failed attempts are remembered by what was tried, for each environment, until the asset is made."""

from __future__ import annotations

import pytest

from headrace.errors import StoreError
from headrace.store.failures import failed_marks, forget_failure, mark_of, remember_failure, remembering
from headrace.store.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def test_nothing_is_remembered_at_first_and_nothing_written(store):
    forget_failure(store, "dev", "features/x")
    assert failed_marks(store, "dev") == {}
    assert not store.root.exists()


def test_the_last_failure_of_each_asset_is_kept_until_it_is_made(store):
    remember_failure(store, "dev", "features/x", "m1", ValueError("first"))
    remember_failure(store, "dev", "features/x", "m2", ValueError("second\n  line"))
    remember_failure(store, "dev", "features/y", "m3", KeyError())
    found = failed_marks(store, "dev")
    assert {key: (one.mark, one.error) for key, one in found.items()} == {
        "features/x": ("m2", "second line"),
        "features/y": ("m3", "KeyError"),
    }
    forget_failure(store, "dev", "features/x")
    assert set(failed_marks(store, "dev")) == {"features/y"}


def test_environments_are_apart_and_long_errors_cut(store):
    remember_failure(store, "dev", "features/x", "m", ValueError("long " * 999))
    assert failed_marks(store, "prod") == {}
    assert len(failed_marks(store, "dev")["features/x"].error) == 300


@pytest.mark.parametrize("content", ["", "{", "[]", '{"assets": {"x": {"mark": 1}}}', '{"assets": 3}'])
def test_a_damaged_memory_forgets(store, content):
    remember_failure(store, "dev", "features/x", "m", ValueError())
    (store.root / "failures" / "dev.json").write_text(content, encoding="utf-8")
    assert failed_marks(store, "dev") == {}
    remember_failure(store, "dev", "features/x", "m", ValueError())
    assert set(failed_marks(store, "dev")) == {"features/x"}


def test_marks_tell_attempts_apart():
    assert mark_of("ab", "ignored") == "ab"
    assert mark_of(None) is None
    assert mark_of(None, "no such file") == mark_of("", "no such file") != mark_of(None, "locked")


def attempt(store, fingerprint, error=None):
    with remembering(store, "dev", "features/x", fingerprint):
        if error is not None:
            raise error


def test_an_attempt_is_remembered_by_its_fingerprint_or_error_until_one_succeeds(store):
    for fingerprint, mark in [("ab", "ab"), (None, mark_of(None, "no such file"))]:
        with pytest.raises(OSError, match="no such file"):
            attempt(store, fingerprint, OSError("no such file"))
        assert failed_marks(store, "dev")["features/x"].mark == mark
    attempt(store, None)
    assert failed_marks(store, "dev")
    attempt(store, "cd")
    assert failed_marks(store, "dev") == {}


def test_what_the_store_fails_at_says_nothing_of_the_asset(store):
    with pytest.raises(StoreError, match="the disk is full"):
        attempt(store, "ab", StoreError("the disk is full"))
    assert failed_marks(store, "dev") == {}
