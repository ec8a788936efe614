"""A view under contract keeps its columns until its version is raised."""

from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.contracts import contracts
from headrace.builder.environments import promote
from headrace.builder.explain import explain
from headrace.builder.planning import plan_project
from headrace.builder.project import project_from
from headrace.errors import ContractBroken
from tests.builder.shop import customer, orders, shop, view

KEPT = "select customer_id, sum(amount) as total, count(*) as n from {orders} group by all"
DROPPED = "select customer_id, sum(amount) as total from {orders} group by all"
RETYPED = "select customer_id, sum(amount)::float as total, count(*) as n from {orders} group by all"
ADDED = "select customer_id, sum(amount) as total, count(*) as n, max(amount) as most from {orders} group by all"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    assert build(shop(tmp_path, view(KEPT, version=1))).failed == {}
    return tmp_path


@pytest.mark.parametrize(
    ("sql", "change"),
    [(DROPPED, r"n \(BIGINT\) is dropped"), (RETYPED, "total is FLOAT instead of DOUBLE")],
)
def test_a_breaking_change_is_refused_by_the_plan(root, sql, change):
    with pytest.raises(ContractBroken, match=f"features/v breaks its contract, version 1:\n  - {change}"):
        plan_project(shop(root, view(sql, version=1)))
    with pytest.raises(ContractBroken, match=r"version=2 on features/v\. Nothing was published"):
        build(shop(root, view(sql, version=1)))


@pytest.mark.parametrize(
    ("sql", "version"), [(DROPPED, 2), (RETYPED, 3), (ADDED, 1), (DROPPED, None)], ids=["2", "3", "added", "none"]
)
def test_what_keeps_the_promise_or_makes_another_is_built(root, sql, version):
    assert build(shop(root, view(sql, version=version))).keys("built") == ["features/v"]


def test_what_was_added_is_promised_too(root):
    build(shop(root, view(ADDED, version=1)))
    with pytest.raises(ContractBroken, match=r"most \(DOUBLE\) is dropped"):
        plan_project(shop(root, view(KEPT, version=1)))


def test_a_promise_that_is_made_later_holds_from_then_on(tmp_path):
    build(shop(tmp_path, view(KEPT)))
    project = shop(tmp_path, view(KEPT, version=4))
    assert build(project).keys("fresh") == ["sources/orders", "features/v"]
    assert contracts(project)["features/v"].version == 4
    with pytest.raises(ContractBroken, match="version 4"):
        plan_project(shop(tmp_path, view(DROPPED, version=4)))


def test_a_lower_version_promises_nothing_new(root):
    build(shop(root, view(DROPPED, version=2)))
    with pytest.raises(ContractBroken, match="version 2:\n  - total is FLOAT"):
        plan_project(shop(root, view(RETYPED, version=1)))
    assert contracts(shop(root, view(KEPT, version=1)))["features/v"].version == 2


def test_the_message_names_the_readers(root):
    def above(v):
        return f"select customer_id, n from {v}"

    kept = view(KEPT, version=1)
    reader = hr.feature_view(entity=customer, name="reader", inputs={"v": kept})(above)
    build(shop(root, kept, reader))
    broken = view(DROPPED, version=1)
    reader = hr.feature_view(entity=customer, name="reader", inputs={"v": broken})(above)
    with pytest.raises(ContractBroken, match=r"n .* is dropped; it is read by features/reader"):
        plan_project(shop(root, broken, reader))


def test_only_what_is_selected_is_looked_at(root):
    project = shop(root, view(DROPPED, version=1))
    assert plan_project(project, ["orders"]).steps["features/v"].state == "build"


def test_windows_are_known_before_they_are_computed(tmp_path):
    def activity(function):
        return hr.FeatureView(
            "v", entity=customer, source=orders, version=1, features={"x": hr.Aggregate(function, "amount", over="7d")}
        )

    build(shop(tmp_path, activity("sum")))
    with pytest.raises(ContractBroken, match="x is BIGINT instead of DOUBLE"):
        plan_project(shop(tmp_path, activity("count")))


def test_python_is_refused_when_it_has_run(tmp_path):
    def made(column):
        def v(orders: pl.DataFrame):
            return orders.select("customer_id", column)

        return hr.feature_view(entity=customer, name="v", version=1, inputs={"orders": orders})(v)

    build(shop(tmp_path, made("amount")))
    before = shop(tmp_path).store.refs("dev").current()
    report = build(shop(tmp_path, made("order_id")))
    assert isinstance(report.failed["features/v"], ContractBroken)
    assert shop(tmp_path).store.refs("dev").current() == before


@pytest.mark.parametrize("version", [0, -1, True, "2", 1.5])
def test_versions_are_counted_from_one(version):
    with pytest.raises(hr.HeadraceError, match="is not a whole number from 1"):
        view(KEPT, version=version)


def test_another_environment_has_its_own(root):
    project = project_from([view(DROPPED, version=1)], root, "prod")
    assert build(project).failed == {}


def test_a_promotion_keeps_what_is_promised_there(root):
    made = shop(root, view(KEPT, version=1))
    promote(made, "dev", "prod")
    build(shop(root, view(DROPPED, version=None)))
    with pytest.raises(
        ContractBroken, match=r"features/v breaks its contract, version 1:\n  - n \(BIGINT\) is dropped"
    ):
        promote(made, "dev", "prod")
    build(shop(root, view(DROPPED, version=2)))
    promote(made, "dev", "prod")
    assert contracts(project_from([view(DROPPED)], root, "prod"))["features/v"].version == 2


def test_who_only_looks_is_not_stopped(root):
    project = shop(root, view(DROPPED, version=1))
    assert plan_project(project, governed=False).steps["features/v"].state == "build"
    assert explain(project, "features/v").asset == "features/v"
