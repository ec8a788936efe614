"""Partitioned assets are built partition by partition, and hold what they would hold if they were built whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.builder.build import build
from headrace.builder.partition_choice import choose_partitions
from headrace.builder.project import project_from
from headrace.builder.verify import differing_columns
from headrace.errors import CorruptObject, HeadraceError
from tests.builder.parted import (
    START,
    computed,
    customer,
    day,
    line,
    made,
    make_root,
    project_at,
    put,
    rows,
    said,
    steps,
    write,
)

DAYS = [day(number) for number in range(5)]


@pytest.fixture
def root(tmp_path):
    return make_root(tmp_path)


def test_a_late_file_touches_its_partition_and_those_within_reach(root):
    assert made(project_at(root)) == {"orders": DAYS, "activity": DAYS, "demand": DAYS, "total": []}
    before = {
        key: computed(project_at(root), key) for key in ("sources/orders", "features/activity", "features/demand")
    }
    put(root, 2, 50, 60)
    assert said(project_at(root), "orders")[0] == f"partition {day(2)} changed"
    late = project_at(root)
    assert steps(late)["activity"].touched == (day(2), day(3), day(4))
    assert made(late) == {"orders": [day(2)], "activity": [day(2), day(3), day(4)], "demand": [day(2)], "total": []}
    after = {key: computed(late, key) for key in before}
    assert {key: len(after[key]) - len(before[key]) for key in before} == {
        "sources/orders": 1,
        "features/activity": 3,
        "features/demand": 1,
    }
    assert all(before[key].items() <= after[key].items() for key in before)
    assert {step.state for step in steps(project_at(root)).values()} == {"fresh"}


def test_a_new_file_touches_only_its_partition(root):
    made(project_at(root))
    put(root, 5, 1)
    new = project_at(root)
    assert said(new, "orders")[0] == f"partition {day(5)} is new"
    assert steps(new)["activity"].state == "build"
    assert said(new, "activity") == [f"partition {day(5)} is new"]
    assert made(new) == {"orders": [day(5)], "activity": [day(5)], "demand": [day(5)], "total": []}


def test_a_removed_file_removes_its_partition(root):
    made(project_at(root))
    (root / f"data/orders/{day(2)}.csv").unlink()
    gone = project_at(root)
    assert said(gone, "orders")[0] == f"partition {day(2)} is gone"
    assert made(gone) == {"orders": [], "activity": [day(3), day(4)], "demand": [], "total": []}
    (root / f"data/orders/{day(4)}.csv").unlink()
    made(project_at(root), "orders")
    assert said(project_at(root), "demand") == [f"partition {day(4)} is gone"]
    assert day(2) not in gone.store.current("features/demand", "dev").partitions


def test_a_touched_file_and_one_written_back_compute_nothing(root):
    made(project_at(root))
    put(root, 2, 50)
    made(project_at(root))
    known = {key: computed(project_at(root), key) for key in ("sources/orders", "features/activity")}
    put(root, 2, 3, 4)
    report = build(project_at(root))
    assert set(report.keys("reused")) == {"sources/orders", "features/activity", "features/demand", "features/total"}
    put(root, 2, 3, 4)
    assert build(project_at(root)).keys("built") == []
    assert {key: computed(project_at(root), key) for key in known} == known


def test_a_change_that_nothing_reads_stops_at_its_partition(root):
    made(project_at(root))
    path = root / f"data/orders/{day(2)}.csv"
    path.write_text(path.read_text().replace("note\n", "other\n").replace("amount,other", "amount,note"))
    assert made(project_at(root)) == {"orders": [day(2)]}


def test_an_edit_computes_every_partition_and_its_undoing_none(root):
    made(project_at(root))
    assert made(project_at(root, factor=2)) == {"demand": DAYS, "total": []}
    assert build(project_at(root)).keys("reused") == ["features/demand", "features/total"]


def test_a_window_without_bound_reaches_all_that_follows(root):
    made(project_at(root, over=None))
    put(root, 3, 50)
    assert made(project_at(root, over=None))["activity"] == DAYS[3:]


def test_only_some_partitions(root):
    made(project_at(root))
    put(root, 1, 50)
    put(root, 4, 60)
    project = project_at(root)
    assert made(project, "orders", only=True, partitions=choose_partitions(day(4))) == {"orders": [day(4)]}
    current = project.store.current("sources/orders", "dev")
    assert current.outdated == [day(1)]
    assert said(project_at(root), "orders")[0] == f"partition {day(1)} changed"
    assert made(project_at(root))["orders"] == [day(1)]
    assert rows(project_at(root), "sources/orders") == whole(root, "sources/orders")


def test_what_has_no_data_or_no_partitions_is_refused(root):
    made(project_at(root))
    project = project_at(root)
    with pytest.raises(HeadraceError, match=r"None of the selected assets has partitions"):
        build(project, ["total"], partitions=choose_partitions(day(1)))
    with pytest.raises(HeadraceError, match=r"sources/orders has no partition 'x': 'x' is not the beginning of a day"):
        build(project, ["orders"], partitions=choose_partitions("x"))
    put(root, 1, 50)
    report = build(project_at(root), ["orders"], partitions=choose_partitions("2030-01-01"))
    assert "has no data for partition 2030-01-01" in str(report.failed["sources/orders"])


def whole(root, asset, **options):
    """The rows of the same declaration without partitions, built from nothing beside it."""
    project = project_at(root, partitions=None, **options)
    object.__setattr__(project, "environment", "whole")
    assert not build(project, [asset]).failed
    return rows(project, asset)


def test_digests_are_those_of_the_same_rows_without_partitions(root):
    made(project_at(root))
    rows_whole = whole(root, "features/activity")
    whole(root, "features/demand")
    project = project_at(root)
    assert rows(project, "features/activity") == rows_whole
    for asset in ("sources/orders", "features/activity", "features/demand"):
        one, other = (project.store.current(asset, name) for name in ("dev", "whole"))
        assert (one.digest, one.column_digests, one.rows) == (other.digest, other.column_digests, other.rows)
    assert differing_columns(project, "features/activity") is None


changes = st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 9), max_size=3)), min_size=1, max_size=4)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes, st.sampled_from([("1d", None), ("36h", None), (None, None), (None, "2d"), ("7d", None)]))
def test_it_holds_what_it_would_hold_if_built_whole(tmp_path_factory, days, reach):
    root = make_root(tmp_path_factory.mktemp("parted"), days=3)
    over, ttl = reach
    made(project_at(root, over=over, ttl=ttl))
    for number, amounts in days:
        path = root / f"data/orders/{day(number)}.csv"
        put(root, number, *amounts) if amounts else path.unlink(missing_ok=True)
    if not list((root / "data/orders").iterdir()):
        put(root, 0, 1)
    made(project_at(root, over=over, ttl=ttl))
    found = {key: rows(project_at(root, over=over, ttl=ttl), key) for key in ("sources/orders", "features/activity")}
    assert found == {key: whole(root, key, over=over, ttl=ttl) for key in found}


def test_rows_are_told_apart_by_their_column(root):
    lines = [line(n, n % 2, f"{day(n % 3)} 10:00:00", n) for n in range(9)]
    write(root, "all/first", *lines)
    project = project_at(root, path="all/*.csv")
    assert made(project)["orders"] == DAYS[:3]
    write(root, "all/late", line(100, 1, f"{day(1)} 23:59:59.999999", 7), line(101, 1, f"{day(5)} 00:00:00", 7))
    assert made(project_at(root, path="all/*.csv")) == {
        "orders": [day(1), day(5)],
        "activity": [day(1), day(2), day(5)],
        "demand": [day(1), day(5)],
        "total": [],
    }
    assert rows(project_at(root, path="all/*.csv"), "sources/orders") == whole(root, "sources/orders", path="all/*.csv")


def test_keys_must_not_repeat_over_partitions(root):
    write(root, f"orders/{day(7)}", line(1, 1, f"{day(7)} 10:00:00", 1))
    report = build(project_at(root))
    assert "key is repeated" in str(report.failed["sources/orders"])
    write(root, f"orders/{day(7)}", line(9999, 1, f"{day(7)} 10:00:00", 1))
    made(project_at(root))
    write(root, f"orders/{day(8)}", line(9999, 1, f"{day(8)} 10:00:00", 1))
    assert "key is repeated (2 row(s), first: [9999])" in str(build(project_at(root)).failed["sources/orders"])


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        (
            "orders/2024-13-01",
            f"{day(1)} 10:00:00",
            r"belongs to no partition: '2024-13-01' is not the beginning of a day",
        ),
        ("orders/2020-01-01", "2020-01-01", r"belongs to no partition: 2020-01-01 lies before the first partition"),
        (f"orders/{day(1)}", f"{day(2)} 00:00:00", r"is not of partition 2024-02-27, as its file's name says"),
    ],
)
def test_what_belongs_to_no_partition_is_refused(root, name, row, message):
    write(root, name, line(1, 1, row, 1))
    error = build(project_at(root)).failed["sources/orders"]
    with pytest.raises(HeadraceError, match=message):
        raise error


@pytest.mark.parametrize("when", ["", "2020-01-01"])
def test_rows_of_no_partition_are_refused(root, when):
    write(root, "all/one", line(1, 1, f"{day(1)} 10:00:00", 1), line(2, 1, when, 1))
    error = build(project_at(root, path="all/*.csv")).failed["sources/orders"]
    with pytest.raises(HeadraceError, match=r"has rows of no partition: (1 without seen|2020-01-01 lies before)"):
        raise error


def test_columns_that_only_some_files_have_are_null_in_the_others(root):
    (root / f"data/orders/{day(6)}.csv").write_text(
        f"id,customer,seen,amount,note,extra\n999,1,{day(6)} 01:00:00,5,n,7\n"
    )
    made(project_at(root))
    project = project_at(root)
    assert [name for name, _ in project.store.current("sources/orders", "dev").columns][-1] == "extra"
    assert rows(project, "sources/orders") == whole(root, "sources/orders")
    assert {step.state for step in steps(project_at(root)).values()} == {"fresh"}


def test_by_key(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    (tmp_path / "data").mkdir()

    def put_shops(**shops):
        for name, amount in shops.items():
            text = f"shop,customer,amount\n{name},1,{amount}\n{name},2,5\n"
            (tmp_path / f"data/{name}.csv").write_text(text)

    def project():
        by_shop = hr.ByKey("shop")
        sales = hr.Source("sales", path="{partition}.csv", partitions=by_shop)

        @hr.feature_view(entity=hr.Entity("shop", keys=["shop"]), inputs={"sales": sales}, partitions=by_shop)
        def turnover(sales):
            return f"select shop, sum(amount) as amount from {sales} group by all"

        return project_from([turnover], tmp_path)

    put_shops(ulm=1, bonn=2)
    assert made(project()) == {"sales": ["bonn", "ulm"], "turnover": ["bonn", "ulm"]}
    put_shops(ulm=3, kiel=4)
    assert made(project()) == {"sales": ["kiel", "ulm"], "turnover": ["kiel", "ulm"]}
    assert rows(project(), "features/turnover") == [("bonn", 7), ("kiel", 9), ("ulm", 8)]


def test_months_in_a_time_zone_end_at_its_midnight(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    moments = ["2024-03-30 22:59:59", "2024-03-31 21:59:59", "2024-03-31 22:00:00", "2024-10-31 23:00:00"]
    write(tmp_path, "all", *(line(n, 1, moment, 1) for n, moment in enumerate(moments)))
    months = hr.Monthly(start="2024-01-01", timezone="Europe/Berlin")
    source = hr.Source("orders", path="all.csv", keys=["id"], timestamp="seen", partitions=months)
    assert made(project_from([source], tmp_path)) == {"orders": ["2024-03-01", "2024-04-01", "2024-11-01"]}


def test_lookback_of_sql_and_of_python(root):
    import polars as pl

    daily = hr.Daily(start=START)
    orders = hr.Source("orders", path="orders/{partition}.csv", keys=["id"], timestamp="seen", partitions=daily)

    @hr.feature_view(entity=customer, timestamp="seen", partitions=daily, lookback="1d", inputs={"orders": orders})
    def previous(orders):
        return f"select customer, seen, lag(amount) over (partition by customer order by seen) as before from {orders}"

    @hr.feature_view(entity=customer, timestamp="seen", partitions=daily, inputs={"orders": orders})
    def doubled(orders: pl.DataFrame):
        return orders.select("customer", "seen", amount=pl.col("amount") * 2)

    project = project_from([previous, doubled], root)
    made(project)
    found = rows(project, "features/previous")
    assert [row[2] for row in found if row[0] == 0] == [None, 1, 2, 3, 4]
    put(root, 2, 50, 60)
    project = project_from([previous, doubled], root)
    assert made(project)["previous"] == [day(2), day(3)]


def test_a_damaged_partition_is_made_anew(root):
    made(project_at(root))
    project = project_at(root)
    manifest = project.store.current("features/demand", "dev")
    path = project.store.folder("features/demand", manifest.version) / f"data.parquet/{day(2)}.parquet"
    before = rows(project, "features/demand")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CorruptObject, match=f"{day(2)}.parquet has"):
        project.store.current("features/demand", "dev")
    build(project_at(root))
    assert rows(project_at(root), "features/demand") == before


KILLED = """
import os, sys
import headrace.builder.partition_making as making
from headrace.builder.partitioned import PartitionedMaking
import tests.builder.parted as parted
from headrace.builder.build import build
done = making.PartitionMaking.partition

def slowly(self):
    made = done(self)
    os.write(1, b"made\\n")
    if self._declaration.key == "features/activity":
        input()
    return made

making.PartitionMaking.partition = slowly
PartitionedMaking._workers = lambda self: 1
build(parted.project_at(__import__("pathlib").Path(sys.argv[1])), ["activity"], jobs=1)
"""


def test_a_killed_build_goes_on_with_the_partitions_that_are_missing(root):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    for _ in range(len(DAYS) + 1):
        assert process.stdout.readline() == "made\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    project = project_at(root)
    before = computed(project, "features/activity")
    assert 0 < len(before) < len(DAYS)
    assert made(project, "activity")["activity"] == DAYS
    assert before.items() <= computed(project, "features/activity").items()
    assert rows(project, "features/activity") == whole(root, "features/activity")
    assert not list((project.store_folder / "drafts").glob("*"))
