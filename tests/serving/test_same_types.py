"""What an on-demand function gets is the same in a training set and online: every type, every value, every null."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.engine.on_demand import in_utc

VALUES = {
    "tiny": "(-128)::tinyint",
    "big": "9007199254740993::bigint",
    "huge": "18446744073709551615::ubigint",
    "truth": "true",
    "single": "0.1::float",
    "double": "0.1::double",
    "money": "12345.678::decimal(18, 3)",
    "text": "'ä\"'",
    "raw": "'\\xAA\\x00'::blob",
    "day": "date '2026-01-31'",
    "clock": "time '12:30:01.5'",
    "naive": "timestamp '2026-01-31 12:00:00.000001'",
    "moment": "timestamptz '2026-01-31 12:00:00+02:00'",
    "numbers": "[1, null, 3]",
    "words": "['a', null]",
}
TYPES = {
    "tiny": "TINYINT",
    "double": float,
    "text": str,
    "moment": datetime,
    "naive": "TIMESTAMP",
    "numbers": list[int],
}

customer = hr.Entity("customer", keys=["customer"])
source = hr.Source("rows", path="rows.parquet", keys=["customer"], timestamp="at")
spine = hr.Source("spine", path="spine.parquet", keys=["id"], timestamp="at")
view = hr.FeatureView("all_types", entity=customer, source=source, features=list(VALUES), online=True)
requests = [hr.Request(f"r_{name}", kind) for name, kind in TYPES.items()]


@hr.on_demand(inputs=[view, *requests], features={"told": str})
def told(df):
    """Types and values of everything, as text."""
    rows = [
        repr([(name, str(kind), row[name]) for name, kind in df.schema.items()]) for row in df.iter_rows(named=True)
    ]
    return df.select(told=pl.Series("told", rows, pl.String))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("types")
    listed = ", ".join(f"{sql} as {name}" for name, sql in VALUES.items())
    asked = ", ".join(f"{VALUES[name]} as r_{name}" for name in TYPES)
    nulls = "select " + ", ".join(f"case when customer = 1 then {name} end as {name}" for name in VALUES)
    with duckdb.connect() as connection:
        connection.execute(f"create table typed as select unnest([1, 2]) as customer, {listed}")
        values = f"{nulls}, customer, timestamp '2026-01-01' as at from typed"
        connection.execute(f"copy ({values}) to '{folder / 'rows.parquet'}'").fetchall()
        rows = f"select unnest([1, 2, 3]) as id, id as customer, timestamp '2026-02-01' as at, 1 as y, {asked}"
        connection.execute(f"copy ({rows}) to '{folder / 'spine.parquet'}'").fetchall()
    return folder


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    from headrace.builder.project import project_from

    (root / "pyproject.toml").write_text('[tool.headrace]\ndata = "."\n')
    rows = hr.TrainingSet("rows", spine=spine, label="y", features=[told])
    found = project_from([rows, hr.FeatureService("asked", features=[view, told])], root)
    assert build(found).failed == {}
    return found


def test_offline_and_online_agree(project):
    version = project.store.refs("dev").current()["training_sets/rows"]
    trained = pl.read_parquet(project.store.folder("training_sets/rows", version) / "data.parquet").sort("id")
    with hr.FeatureStore(project.root) as store:
        request = pl.read_parquet(project.root / "spine.parquet").sort("id").select(f"r_{name}" for name in TYPES)
        found = store.online([told], {"customer": [1, 2, 3]}, request, at=datetime(2026, 2, 1, tzinfo=UTC))
        past = store.historical([told], spine).pl().sort("id")
    assert [row["told"] for row in found] == trained["told"].to_list() == past["told"].to_list()
    assert "9007199254740993" in found[0]["told"]
    assert "time_zone='UTC'" in found[0]["told"]


def test_a_frame_of_the_online_values_is_that_of_the_training_set(project):
    with hr.FeatureStore(project.root) as store:
        found = store.online([view], {"customer": [1, 2, 3]}).pl()
        past = in_utc(store.historical([view], spine).pl().sort("id").select(found.columns))
    assert found.schema == past.schema
    assert found.equals(past)
