"""The project's declarations fit together, and its sources and features build."""

from pathlib import Path

import pytest

from headrace.builder.build import build
from headrace.builder.project import Project, load_project, project_from
from headrace.examples.shop_data import generate

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def small_shop(tmp_path: Path) -> Project:
    """The project's declarations over a smaller shop, with a store of its own."""
    generate(tmp_path / "data", customers=60, products=20, days=40, impressions=500)
    return project_from(load_project(ROOT).graph.nodes.values(), tmp_path)


def test_declarations_load() -> None:
    keys = load_project(ROOT).graph.keys
    assert {"sources/orders", "features/customer_activity", "cascades/recommend"} <= set(keys)


def test_features_build_once(small_shop: Project) -> None:
    first = build(small_shop, ["features/*"])
    assert not first.failed
    assert "features/customer_activity" in first.keys("built")
    assert not build(small_shop, ["features/*"]).keys("built")
