"""The project's declarations fit together, its features build, and what is read online is what was built."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from headrace.builder.build import build
from headrace.builder.project import Project, load_project, project_from
from headrace.examples.shop_data import generate
from headrace.serving.feature_store import FeatureStore

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def small_shop(tmp_path: Path) -> Project:
    """The project's declarations over a smaller shop, with a store of its own."""
    generate(tmp_path / "data", customers=60, products=20, days=40, impressions=500)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    declared = load_project(ROOT)
    return project_from([*declared.graph.nodes.values(), *(declared.services or ())], tmp_path)


def test_declarations_load() -> None:
    keys = load_project(ROOT).graph.keys
    assert {"sources/orders", "features/customer_activity", "cascades/recommend"} <= set(keys)


def test_features_build_once(small_shop: Project) -> None:
    first = build(small_shop, ["features/*"])
    assert not first.failed
    assert "features/customer_activity" in first.keys("built")
    assert not build(small_shop, ["features/*"]).keys("built")


def test_the_service_answers(small_shop: Project) -> None:
    assert not build(small_shop, ["online/*", "features/*"]).failed
    asked, moment = {"customer_id": [1, 999], "product_id": [1, 1]}, datetime(2026, 4, 1)
    with FeatureStore(small_shop.root) as store:
        found = store.online("purchase", asked, request={"basket_value": 20.0}, at=moment)
    assert found.status(0)["title"] == "present"
    assert found.status(1)["orders_7d"] == "missing"
