"""Versions by the names that people give them."""

from __future__ import annotations

import pytest

from headrace.builder.rollback import rollback
from headrace.builder.versions import known_assets, version_named, versions_like
from headrace.errors import HeadraceError, NotBuilt
from tests.builder.stored import point, project_of, publish

KEY = "sources/a"


@pytest.fixture
def project(tmp_path):
    project = project_of(tmp_path, {KEY: []})
    for mark in ("aa01", "aa02", "bb01"):
        point(project.store, "dev", publish(project.store, KEY, mark), run=mark)
    point(project.store, "prod", publish(project.store, KEY, "aa01"))
    return project


@pytest.mark.parametrize(
    ("text", "mark"),
    [("current", "bb01"), ("previous", "aa02"), ("env:prod", "aa01"), ("bb", "bb01"), ("aa02", "aa02")],
)
def test_names(project, text, mark):
    assert version_named(project, KEY, text) == mark.ljust(16, "0")


def test_previous_is_what_was_current_before(project):
    rollback(project)
    assert version_named(project, KEY, "previous") == "bb01".ljust(16, "0")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("aa", HeadraceError, "has 2 versions that begin with aa: aa01000000000000, aa0200"),
        ("cc", HeadraceError, "has no stored version 'cc'. Give current, previous, env:NAME, or one of: aa01"),
        ("env:test", NotBuilt, "sources/a has no version in environment 'test'"),
    ],
)
def test_what_names_no_version(project, text, error, message):
    with pytest.raises(error, match=message):
        version_named(project, KEY, text)


def test_no_version_before_the_first(project, tmp_path):
    prod = project_of(tmp_path, {KEY: []}, "prod")
    with pytest.raises(HeadraceError, match=r"has had no version in prod but aa01"):
        version_named(prod, KEY, "previous")


def test_of_versions_with_one_fingerprint_the_first_unless_numbered():
    stored = ["ab12000000000000", "ab12000000000000.2", "ab13000000000000"]
    assert versions_like(stored, "ab12") == stored[:1]
    assert versions_like(stored, "ab12.2") == stored[1:2]
    assert versions_like(stored, "ab1") == stored


def test_assets_of_all_environments(project):
    point(project.store, "prod", publish(project.store, "features/b", "cc"))
    assert known_assets(project.store) == ["features/b", KEY]
