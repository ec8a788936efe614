"""Pushed rows: durable, online at once, offline in the next build, and in any order the same."""

import subprocess
import sys
import textwrap
from datetime import date, datetime

import pandera.polars as pa
import polars as pl
import pyarrow as pyarrow
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.errors import DeclarationError, NotBuilt, OnlineError, UnknownName, ValidationError
from headrace.serving.push import push
from tests.builder.online_shop import ROWS, activity, last_order, orders, read, shop, write


def order(number, customer, day, amount=1.0, note="a"):
    moment = datetime(2024, 1, day)
    return {"order_id": number, "customer_id": customer, "ordered_at": moment, "amount": amount, "note": note}


@pytest.fixture
def project(tmp_path):
    write(tmp_path)
    made = shop(tmp_path)
    assert not build(made).failed
    return made


def rebuild(project):
    report = build(shop(project.root))
    assert not report.failed, report.failed
    assert not report.notes, report.notes
    return report


def both(project, *customers):
    return read(project, "last_order", *customers), read(project, "activity", *customers)


def test_a_push_is_online_at_once_and_offline_in_the_next_build(project):
    done = push(project.root, last_order, [order(4, 1, 9, 2.0), order(5, 3, 8, 3.0)])
    assert (done.rows, done.number, done.online) == (2, 1, ("activity", "last_order"))
    now = both(project, 1, 2, 3)
    assert now == (
        [(2.0, "a"), (5.0, None), (3.0, "a")],
        [(1, 1, 2.0, "a"), (0, 1, None, None), (0, 1, 3.0, "a")],
    )
    report = rebuild(project)
    assert "sources/orders" in report.keys("built")
    assert both(project, 1, 2, 3) == now
    assert project.store.current("sources/orders", "dev").rows == 5


def test_a_stale_push_changes_no_latest_value(project):
    push(project.root, last_order, [order(4, 1, 1, 99.0)])
    assert read(project, "last_order", 1) == [(20.0, "b")]
    rebuild(project)
    assert read(project, "last_order", 1) == [(20.0, "b")]


def test_a_pushed_correction_replaces_the_event(project):
    push(project.root, activity, [order(2, 1, 8, 21.0)])
    now = both(project, 1)
    assert now == ([(21.0, "a")], [(0, 1, 21.0, "a")])
    rebuild(project)
    assert both(project, 1) == now
    assert project.store.current("sources/orders", "dev").rows == 3


def test_pushing_again_changes_nothing(project):
    for _ in range(2):
        push(project.root, activity, [order(4, 1, 9)])
    now = both(project, 1)
    assert now[1] == [(1, 1, 1.0, "a")]
    rebuild(project)
    assert both(project, 1) == now


def test_pushes_come_to_the_same_in_any_order(tmp_path):
    rows = [order(4, 1, 9, 2.0), order(2, 1, 8, 7.0), order(6, 1, 3, 1.0, None), order(4, 1, 7, 9.0), order(7, 2, 5)]
    found = []
    for name, given in (("a", rows), ("b", rows[::-1])):
        root = tmp_path / name
        write(root)
        build(shop(root))
        for number, one in enumerate(given):
            push(root, last_order, [one])
            if number == 2 and name == "b":
                build(shop(root))
        found.append(both(shop(root), 1, 2))
        build(shop(root))
        found.append(both(shop(root), 1, 2))
    assert found == [found[0]] * 4


def test_pushes_are_kept_when_an_older_version_comes_back(project):
    before = project.store.refs("dev").current()
    push(project.root, last_order, [order(4, 1, 9, 2.0)])
    rebuild(project)
    push(project.root, last_order, [order(5, 2, 9, 3.0)])
    from headrace.builder.online import refresh_online

    project.store.refs("dev").move(before, run_id="x", state="rolled back")
    assert not refresh_online(project).failed
    assert both(project, 1, 2) == ([(2.0, "a"), (3.0, "a")], [(1, 1, 2.0, "a"), (1, 2, 3.0, "a")])


def test_a_push_during_a_build_waits_for_the_next(project, monkeypatch):
    from headrace.builder import making

    compute = making.compute

    def slow(declaration, bench):
        if declaration.key == "sources/orders":
            push(project.root, last_order, [order(5, 2, 9, 3.0)])
        return compute(declaration, bench)

    push(project.root, last_order, [order(4, 1, 9, 2.0)])
    with monkeypatch.context() as patch:
        patch.setattr(making, "compute", slow)
        rebuild(project)
    assert project.store.current("sources/orders", "dev").details["pushes"] == {"sources/orders": 1}
    assert both(project, 1, 2) == ([(2.0, "a"), (3.0, "a")], [(1, 1, 2.0, "a"), (1, 2, 3.0, "a")])
    rebuild(project)
    assert both(project, 1, 2) == ([(2.0, "a"), (3.0, "a")], [(1, 1, 2.0, "a"), (1, 2, 3.0, "a")])


@pytest.mark.parametrize("make", [pl.DataFrame, pyarrow.Table.from_pylist, lambda rows: rows[0]])
def test_rows_of_any_form_are_taken(project, make):
    assert push(project.root, last_order, make([order(4, 1, 9, 2.0)])).rows == 1
    assert read(project, "last_order", 1) == [(2.0, "a")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_id": "4"}, "order_id: is VARCHAR, not BIGINT"),
        ({"customer_id": 1.5}, "customer_id: is DOUBLE, not BIGINT"),
        ({"order_id": None}, "order_id: is null"),
        ({"ordered_at": None}, "ordered_at: is null"),
        ({"colour": "red"}, "colour: is not among the columns"),
        ({"customer_id": 2**80}, "customer_id"),
    ],
)
def test_rows_that_do_not_fit_are_refused(project, change, message):
    with pytest.raises((ValidationError, OverflowError), match=message if "colour" in change else None):
        push(project.root, last_order, [{**order(4, 1, 9), **change}])
    assert not (project.store_folder / "pushed").exists()
    assert read(project, "last_order", 1) == [(20.0, "b")]


def test_a_missing_column_is_named(project):
    with pytest.raises(ValidationError, match="amount: is missing; the rows have order_id"):
        push(project.root, last_order, [{"order_id": 1}])


def test_where_nothing_can_be_pushed(project):
    fixed = hr.Source("orders", path="orders.csv", timestamp="ordered_at")
    with pytest.raises(DeclarationError, match=r"Source\('orders'\): takes no pushes. Say push=True"):
        push(project.root, fixed, [])
    with pytest.raises(DeclarationError, match="takes pushes but has no timestamp"):
        hr.Source("orders", path="orders.csv", push=True)
    with pytest.raises(DeclarationError, match="takes pushes but has partitions"):
        hr.Source("orders", path="o.csv", timestamp="at", push=True, partitions=hr.Daily(start="2024-01-01"))


def test_before_the_first_build_the_types_are_not_known(tmp_path):
    write(tmp_path)
    shop(tmp_path)
    with pytest.raises(NotBuilt, match="sources/orders has no version"):
        push(tmp_path, last_order, [order(4, 1, 9)])


class Orders(pa.DataFrameModel):
    order_id: pl.Int64
    customer_id: pl.Int32
    ordered_at: pl.Datetime
    amount: pl.Float64 = pa.Field(ge=0)
    note: pl.String = pa.Field(nullable=True)


def test_a_declared_schema_is_held_to(tmp_path):
    checked = hr.Source(
        "orders", path="orders.csv", keys=["order_id"], timestamp="ordered_at", push=True, schema=Orders
    )
    write(tmp_path)
    shop(tmp_path)
    with pytest.raises(ValidationError, match="amount: greater_than_or_equal_to"):
        push(tmp_path, checked, [order(4, 1, 9, -1.0)])
    assert push(tmp_path, checked, [order(4, 1, 9, 1.0)]).online == ()


def test_by_name_the_projects_own_declarations_are_meant(project, monkeypatch):
    package = project.root / "pushed_assets"
    package.mkdir()
    (package / "__init__.py").write_text("from tests.builder.online_shop import last_order, orders\n")
    (project.root / "pyproject.toml").write_text('[tool.headrace]\nassets = "pushed_assets"\n')
    monkeypatch.syspath_prepend(project.root)
    assert push(project.root, "last_order", [order(4, 1, 9, 2.0)]).number == 1
    with pytest.raises(UnknownName, match=r"unknown view 'last_ordr'. Did you mean 'last_order'\?"):
        push(project.root, "last_ordr", [])


KILLED = """
    import os, sys
    from pathlib import Path
    from headrace.serving import push
    from tests.builder.online_shop import last_order
    from tests.serving.test_push import order

    def die(*arguments):
        os._exit(9)

    push._apply = die
    push.push(Path(sys.argv[1]), last_order, [order(4, 1, 9, 2.0)])
"""


def test_what_a_kill_left_in_the_log_is_taken_by_the_next_build(project):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(project.root)]
    assert subprocess.run(command, check=False).returncode == 9
    assert read(project, "last_order", 1) == [(20.0, "b")]
    rebuild(project)
    assert both(project, 1) == ([(2.0, "a")], [(1, 1, 2.0, "a")])


def test_a_store_that_takes_nothing_is_told_apart_from_a_push_that_failed(project, monkeypatch):
    def fail(*arguments):
        raise OnlineError("last_order", "the disk is gone.")

    with monkeypatch.context() as patch:
        patch.setattr("headrace.store.online.lmdb_store.LmdbStore.apply", fail)
        with pytest.raises(OnlineError, match="the rows are stored as push 1, but are not online yet"):
            push(project.root, last_order, [order(4, 1, 9, 2.0)])
    rebuild(project)
    assert read(project, "last_order", 1) == [(2.0, "a")]
    assert orders.push
    assert isinstance(ROWS, dict)
    assert date(2024, 1, 9)


@pytest.mark.parametrize("rows", [[], {}, 5, ["x"]])
def test_what_is_no_table_is_refused(project, rows):
    with pytest.raises(ValidationError, match="give mappings or a table"):
        push(project.root, orders, rows)
