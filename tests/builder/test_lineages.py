"""Column lineage is sound: whatever moves when a source column changes lies downstream of it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.lineages import lineage_of
from headrace.builder.project import Project, project_from
from headrace.cli.column_graph import column_graph
from headrace.cli.tree import edges

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.parquet", timestamp="ordered_at")
customers = hr.Source("customers", path="customers.parquet")
activity = hr.FeatureView(
    "activity",
    entity=customer,
    source=orders,
    features={"spend": hr.Aggregate("sum", "amount", over="3d"), "paid": hr.Aggregate("count", where="state = 'paid'")},
)


@hr.feature_view(entity=customer)
def totals(orders=orders, customers=customers):
    return f"""
        select customer_id, sum(amount) as total, count(*) as n, any_value(city) as city
        from {customers} left join {orders} using (customer_id) where state <> 'open' group by customer_id
    """


@hr.feature_view(entity=None)
def counted(totals=totals):
    return f"select count(*) as customers, 1 as one from {totals}"


@hr.feature_view(entity=customer)
def grown(customers: pl.LazyFrame = customers):
    return customers.filter(pl.col("age") > 30).select("customer_id", "age")


learning = hr.TrainingSet("learning", spine=orders, label="state", features=[activity, totals["total", "city"], grown])
encoding = hr.Transform("encoding", fit_on=learning, encode={"n": hr.Impute("spend"), "c": hr.OneHot("city")})
COLUMNS = [f"orders.{name}" for name in ("customer_id", "ordered_at", "amount", "state")] + ["customers.age"]


def frames() -> dict[str, pl.DataFrame]:
    made = random.Random(5)
    rows = [
        {
            "ordered_at": datetime(2026, 1, 1) + timedelta(hours=made.randrange(240)),
            "customer_id": made.randrange(6),
            "amount": float(made.randrange(100)),
            "state": made.choice(["paid", "open", "late"]),
            "note": made.randrange(3),
        }
        for _ in range(40)
    ]
    people = {"customer_id": range(6), "city": list("UBUBBK"), "age": [20, 30, 40, 50, 31, 29]}
    return {"orders": pl.DataFrame(rows), "customers": pl.DataFrame(people)}


def write(root: Path, tables: dict[str, pl.DataFrame]) -> None:
    (root / "data").mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.write_parquet(root / "data" / f"{name}.parquet")


def contents(project: Project, moving: set[str]) -> dict[str, list[str]]:
    """The values of every column, with the keys of their rows where these cannot move."""
    found: dict[str, list[str]] = {}
    for asset, version in project.store.refs("dev").current().items():
        declaration = project.graph.nodes[asset]
        keys = [*getattr(declaration, "keys", ()), *filter(None, [getattr(declaration, "timestamp", None)])]
        fixed = [] if any(f"{asset}.{key}" in moving for key in keys) else keys
        table = pl.read_parquet(project.store.folder(asset, version) / "data.parquet")
        for name in table.columns:
            found[f"{asset}.{name}"] = sorted(map(repr, table.select(list(dict.fromkeys((*fixed, name)))).rows()))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("metamorphic")
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    write(root, frames())
    found = project_from([counted, encoding], root)
    assert not build(found).failed
    return found


@pytest.mark.parametrize("column", COLUMNS)
def test_what_moves_is_downstream(project, column):
    graph, source = column_graph(project), f"sources/{column}"
    below = {source, *(link.node for _, link in edges(source, graph.spelled(graph.used_by)))}
    before = contents(project, below)
    table, _, name = column.partition(".")
    try:
        write(project.root, {**frames(), table: frames()[table].with_columns(pl.col(name).reverse())})
        assert not build(project).failed
        after = contents(project, below)
    finally:
        write(project.root, frames())
        assert not build(project).failed
    moved = {one for one in before if before[one] != after[one]} - {source}
    assert moved
    assert moved <= below
    for one in moved:
        assert source in {link.node for _, link in edges(one, graph.spelled(graph.made_from))}


def test_it_is_not_everything(project):
    graph = column_graph(project)
    assert graph.made_from("features/counted.one") == graph.made_from("features/counted.customers")
    downstream = {link.node for _, link in edges("sources/customers.age", graph.spelled(graph.used_by))}
    assert "features/counted.customers" not in downstream
    assert "training_sets/learning.spend" not in downstream
    noted = {link.node for _, link in edges("sources/orders.note", graph.spelled(graph.used_by))}
    assert not {one for one in noted if one.startswith("features/activity")}


def test_values_are_told_from_what_filters_and_joins(project):
    found = lineage_of(project, project.store.current("features/totals", "dev"))
    assert found.values["total"] == ["sources/orders.amount"]
    deciding = {"sources/orders.state", "sources/orders.customer_id", "sources/customers.customer_id"}
    assert deciding <= set(found.rows["total"])
    assert found.values["n"] == []
