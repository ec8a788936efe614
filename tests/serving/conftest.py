"""One built shop for all tests of reading that change nothing in it."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import load_project
from tests.serving.shop import forget, write_shop

PACKAGE = "reading_shop"


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    root = write_shop(tmp_path_factory.mktemp("shop"), PACKAGE)
    report = build(load_project(root))
    assert report.failed == {}
    yield root
    forget(PACKAGE, root)


@pytest.fixture
def store(shop):
    with hr.FeatureStore(shop) as opened:
        yield opened


@pytest.fixture
def declared(shop):
    """The shop's declarations."""
    return load_project(shop) and __import__(f"{PACKAGE}.declared", fromlist=["declared"])
