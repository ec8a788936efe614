"""Two versions of an asset, and two environments, side by side."""

from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.differences import Fact, compare_environments, compare_versions, key_candidates
from headrace.builder.environments import promote
from headrace.builder.project import project_from
from headrace.errors import CorruptObject
from tests.builder.shop import orders, shop, view
from tests.builder.stored import point, project_of, publish
from tests.store.test_manifest import make_manifest

person = hr.Entity("person", keys=["person_id"])
moments = hr.Source("moments", path="moments.parquet", keys=["person_id"], timestamp="at")
facts = hr.Source("facts", path="facts.parquet", keys=["person_id"], timestamp="known_at")
sizes = hr.FeatureView("sizes", entity=person, source=facts, features=["size", "city"], ttl="900d")
rows = hr.TrainingSet("rows", spine=moments, timestamp="at", label="y", features=[sizes])


def versions(project, asset):
    return [one.version for one in project.store.versions(asset)]


@pytest.fixture
def edited(tmp_path):
    """A view rebuilt after an edit of its SQL and of the orders, with what was before in prod."""
    first = view("select customer_id, sum(amount) as total, count(*) as n from {orders} group by all")
    assert not build(shop(tmp_path, first)).failed
    promote(project_from([first], tmp_path), "dev", "prod")
    path = tmp_path / "data" / "orders.csv"
    path.write_text(path.read_text() + "4,3,2024-01-04,7\n")
    second = view("select customer_id, sum(amount) + 1 as total, max(amount) as most from {orders} group by all")
    project = project_from([second, orders], tmp_path)
    assert not build(project).failed
    return project


def test_why_and_what(edited):
    before, now = versions(edited, "features/v")
    found = compare_versions(edited, "features/v", before, now)
    assert "sql" in found.why[0].lower()
    assert any("sources/orders" in reason for reason in found.why)
    table = found.tables["data.parquet"]
    assert (table.keys, table.rows, table.added, table.changed) == (("customer_id",), (2, 3), 1, 2)
    assert (table.new_columns, list(table.gone_columns)) == ({"most": "DOUBLE"}, ["n"])
    assert [(one.name, one.largest) for one in table.columns] == [("total", 1.0)]
    assert (found.files, found.blocks, found.fitted) == ({}, (), ())


def test_environments(edited):
    found = {one.asset: one for one in compare_environments(edited, "prod", "dev")}
    assert found["features/v"].relation == "differs"
    assert (found["features/v"].rows, found["features/v"].columns) == ((2, 3), ("customer_id", "total", "most", "n"))
    assert (found["sources/orders"].relation, found["sources/orders"].every) == ("differs", True)
    assert {one.relation for one in compare_environments(edited, "dev", "dev")} == {"same"}
    assert [one.asset for one in compare_environments(edited, "prod", "dev", ["features/v"])] == ["features/v"]


def test_equal_content_and_what_only_one_has(tmp_path):
    project = project_of(tmp_path, {})
    one, other = (publish(project.store, "features/a", mark, digest="same") for mark in ("aa", "bb"))
    point(project.store, "dev", one, publish(project.store, "features/b", "cc"))
    point(project.store, "prod", other)
    found = compare_environments(project, "dev", "prod")
    assert [(one.asset, one.relation) for one in found] == [("features/a", "equal"), ("features/b", "only")]
    assert found[1].versions == ("cc".ljust(16, "0"), None)


def test_partitions(tmp_path):
    by_day = hr.Daily("ordered_at", start="2024-01-01")
    daily = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="ordered_at", partitions=by_day)
    project = shop(tmp_path, daily)
    assert not build(project).failed
    path = project.data_folder / "orders.csv"
    path.write_text(path.read_text().replace(",20\n", ",25\n").replace("3,2,2024-01-03", "3,2,2024-01-04"))
    project = project_from([daily], tmp_path)
    assert not build(project).failed
    found = compare_versions(project, daily.key, *versions(project, daily.key))
    assert found.partitions == {"2024-01-02": "differs", "2024-01-03": "gone", "2024-01-04": "new"}
    assert (list(found.tables), found.files) == (["data.parquet"], {})
    assert (found.tables["data.parquet"].rows, found.tables["data.parquet"].changed) == ((3, 3), 2)


def test_a_damaged_version_is_refused(edited):
    before, now = versions(edited, "features/v")
    (edited.store.folder("features/v", before) / "data.parquet").unlink()
    with pytest.raises(CorruptObject, match=r"data.parquet is missing"):
        compare_versions(edited, "features/v", before, now)


@pytest.fixture(scope="module")
def modelled(tmp_path_factory):
    """A transform and a matrix, built before and after one size changed."""
    root = tmp_path_factory.mktemp("modelled")
    (root / "data").mkdir()
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    count = 40
    ids = list(range(count))
    at = pl.Series([0] * count).cast(pl.Datetime("us"))
    base = pl.DataFrame({"person_id": ids})
    base.with_columns(at=at.dt.offset_by("1d"), y=pl.Series([n % 2 == 0 for n in ids])).write_parquet(
        root / "data" / "moments.parquet"
    )
    encoding = hr.Transform("encoding", fit_on=rows, encode={"size": hr.Standardize("size"), "city": hr.OneHot("city")})
    matrix = hr.Matrix("matrix", rows=rows, transform=encoding)
    project = project_from([matrix], root)
    for extra, city in ((0.0, "Ulm"), (40.0, "Bonn")):
        sized = base.with_columns(
            known_at=at,
            size=pl.Series([float(n) for n in ids[:-1]] + [extra]),
            city=pl.Series(["Köln"] * (count - 1) + [city]),
        )
        sized.write_parquet(root / "data" / "facts.parquet")
        report = build(project)
        assert not report.failed, report.failed
    return project


def test_what_a_transform_learnt(modelled):
    found = compare_versions(modelled, "transforms/encoding", *versions(modelled, "transforms/encoding"))
    (mean,) = [one for one in found.fitted if one.name == "size: size: mean"]
    assert mean.now - mean.before == pytest.approx(1.0)
    table = found.tables["data.parquet"]
    assert table.keys == ("column",)
    assert [row["column"] for row in table.added_examples] == ["city.city=Bonn"]
    assert [row["column"] for row in table.removed_examples] == ["city.city=Ulm"]
    assert "state/size.json" not in found.files
    assert found.files["state/city.levels.arrow"] == "differs"


def test_blocks_of_a_matrix(modelled):
    found = compare_versions(modelled, "matrices/matrix", *versions(modelled, "matrices/matrix"))
    size = next(one for one in found.blocks if one.file == "blocks/size.arrow")
    assert (size.shapes, size.differ) == (((40, 1), (40, 1)), 40)
    assert size.largest == pytest.approx(3.4, abs=0.5)
    assert "data.parquet" not in found.tables


@pytest.mark.parametrize(
    ("asset", "keys"),
    [
        ("sources/facts", [["person_id"], ["person_id", "known_at"]]),
        ("features/sizes", [["person_id"], ["person_id", "known_at"]]),
        ("training_sets/rows", [["person_id"], ["person_id", "at"]]),
        ("matrices/matrix", [["person_id"], ["person_id", "at"]]),
        ("transforms/encoding", [["column"]]),
    ],
)
def test_keys_are_found_in_the_versions(modelled, asset, keys):
    found = key_candidates(modelled, modelled.store.current(asset, "dev"))
    assert list(map(list, dict.fromkeys(map(tuple, found)))) == keys


def test_metrics_and_other_facts(tmp_path):
    project = project_of(tmp_path, {})
    found = []
    for mark, auc in (("aa", 0.5), ("bb", 0.75)):
        with project.store.draft() as folder:
            (folder / "object").mkdir()
            details = {"metrics": {"test": {"auc": auc, "rows": 3}}, "checks": {"n": auc}, "classes": ["a", auc]}
            made = make_manifest(asset="cascades/c", fingerprint=mark * 16, inputs={}, details=details)
            found.append(project.store.publish(folder / "object", made).version)
    facts = compare_versions(project, "cascades/c", *found).facts
    assert facts == (Fact("classes", ["a", 0.5], ["a", 0.75]), Fact("metrics: test: auc", 0.5, 0.75))
