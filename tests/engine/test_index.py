"""Indexes: they answer as the other plans do, for every kind of key, with ties and late rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.builder.build import build
from headrace.builder.materialize import materialize
from headrace.declarations.aggregate import FUNCTIONS
from headrace.declarations.feature_view import FeatureSelection
from headrace.declarations.index import Index, view_index
from headrace.engine.feature_joins import join_features
from headrace.engine.feature_views import EVENTS, window_join
from headrace.engine.index import compute_index, load_index
from headrace.engine.session import show_table
from headrace.engine.windows import windows_sql
from headrace.engine.workbench import Knowledge, Workbench
from headrace.errors import CorruptObject, DeclarationError
from tests.engine import naive
from tests.engine.test_point_in_time import NOON, SPINES, TTLS, VIEWS, feature

DAY = timedelta(days=1)
thing = hr.Entity("thing", keys=["key"])
rows = hr.Source("rows", path="rows.parquet", timestamp="at", created="created")
plain = hr.Source("rows", path="rows.parquet", timestamp="at")
KINDS = [*["bigint"] * 3, "double", *["varchar"] * 4, "double", "varchar[]", "double", "varchar[]"]
TYPES = {"key": "bigint", "at": "timestamp", "created": "timestamp", "a": "bigint", "b": "varchar"}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


def view_of(source=rows, entity=thing, features=("a", "b"), **options):
    return hr.FeatureView("v", entity=entity, source=source, features=list(features), index=True, **options)


def indexed(connection, folder, view, table="view_rows", *, file="data.parquet", **options):
    """A workbench with a view's file and its index."""
    for name in ("view", "index"):
        (folder / name).mkdir(exist_ok=True)
    connection.execute(f"copy (from {table} order by all) to '{folder / 'view' / file}'").fetchall()
    folders = {view.key: folder / "view", "indexes/v": folder / "index"}
    made = Workbench(connection, folders, {view.key: "d"}, folder / "index", folder)
    compute_index(view_index(view), made)
    show_table(connection, view.key, folder / "view" / "data.parquet")
    return Workbench(connection, folders, {view.key: "d"}, folder, folder, **options)


def joined(connection, bench, view):
    names = join_features(connection, "spine", "at", FeatureSelection(view), bench, "found")
    plan = next(iter(bench.readers.values())).plan
    columns = ", ".join(f'"{name}"' for name in names)
    return plan, connection.sql(f"select {columns} from found order by __row").fetchall()


@settings(max_examples=60, deadline=None)
@given(spine=SPINES, view=VIEWS, ttl=TTLS, created=st.booleans(), known_only=st.booleans())
def test_equals_the_naive_loop(connection, tmp_path_factory, spine, view, ttl, created, known_only):
    naive.rows_table(connection, "spine", {"__row": "bigint", "key": "bigint", "at": "timestamp"}, spine)
    naive.rows_table(connection, "view_rows", TYPES, view)
    declared = view_of(rows if created else plain, **({"ttl": "1s"} if ttl else {}))
    bench = indexed(connection, tmp_path_factory.mktemp("i"), declared, knowledge=Knowledge(known_only))
    seen = view if created else [{**row, "created": None} for row in view]
    lifetime = timedelta(seconds=1) if ttl else None
    plan, found = joined(connection, bench, declared)
    assert found == naive.as_of(spine, seen, ["a", "b"], ttl=lifetime, known_only=known_only)
    assert plan == "index" or (created and not known_only)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [-(2**60), 0, 2**60]),
        ("smallint", [1, 2, 3]),
        ("varchar", ["", "a", "ä"]),
        ("date", [date(2024, 1, 1), date(2024, 1, 2), date(1900, 1, 1)]),
        ("hugeint", [1, 2, 2**40]),
        ("double", [0.5, 1.5, 2.0]),
    ],
)
def test_keys_of_any_type(connection, tmp_path, kind, values):
    view = [{"key": key, "at": NOON, "a": n} for n, key in enumerate([*values, None])]
    spine = [{"key": key, "at": NOON} for key in [*values[::-1], None]]
    naive.rows_table(connection, "spine", {"__row": "bigint", "key": kind, "at": "timestamp"}, spine)
    naive.rows_table(connection, "view_rows", {**TYPES, "key": kind}, view)
    declared = view_of(plain, features=["a"])
    plan, found = joined(connection, indexed(connection, tmp_path, declared), declared)
    assert (plan, found) == ("index", [(2,), (1,), (0,), (None,)])


def test_composite_keys_and_no_keys(connection, tmp_path_factory):
    types = {"x": "varchar", "y": "integer", "at": "timestamp", "a": "bigint"}
    view = [{"x": "a", "y": 11, "at": NOON, "a": 1}, {"x": "a1", "y": 1, "at": NOON - DAY, "a": 2}]
    naive.rows_table(connection, "view_rows", types, view)
    spine = [{"x": "a1", "y": 1, "at": NOON}, {"x": "a", "y": 1, "at": NOON}, {"x": "a", "y": None, "at": NOON}]
    naive.rows_table(connection, "spine", {"__row": "bigint", **types}, spine)
    pair = view_of(plain, hr.Entity("pair", keys=["x", "y"]), ["a"])
    assert joined(connection, indexed(connection, tmp_path_factory.mktemp("i"), pair), pair) == (
        "index",
        [(2,), (None,), (None,)],
    )
    alone = view_of(plain, None, ["a"])
    assert joined(connection, indexed(connection, tmp_path_factory.mktemp("i"), alone), alone)[1] == [(1,)] * 3


def test_values_of_every_type_come_back(connection, tmp_path):
    types = {
        **{
            "i": "tinyint",
            "u": "ubigint",
            "f": "float",
            "d": "double",
            "o": "boolean",
            "t": "timestamptz",
            "y": "date",
        },
        **{"s": "varchar", "c": "decimal(12,3)", "l": "integer[]", "r": "struct(q integer)", "x": "blob", "e": "time"},
    }
    first = [
        5,
        2**63,
        0.5,
        0.25,
        True,
        NOON,
        NOON.date(),
        "text",
        Decimal("1.5"),
        [1, None],
        {"q": 3},
        b"x",
        NOON.time(),
    ]
    view = [{"key": 1, "at": NOON, **dict(zip(types, first, strict=True))}, {"key": 2, "at": NOON}]
    view += [{**view[0], "key": 3, "o": False, "s": ""}]
    naive.rows_table(connection, "view_rows", {"key": "bigint", "at": "timestamp", **types}, view)
    spine = [{"key": key, "at": NOON} for key in (3, 2, 1, 4, 3)]
    naive.rows_table(connection, "spine", {"__row": "bigint", "key": "bigint", "at": "timestamp"}, spine)
    declared = view_of(plain, features=list(types))
    plan, found = joined(connection, indexed(connection, tmp_path, declared), declared)
    listed = ", ".join(types)
    query = f"select {listed} from spine left join view_rows using (key) order by __row"
    assert (plan, found) == ("index", connection.sql(query).fetchall())
    assert (
        connection.sql(f"select {listed} from found").types == connection.sql(f"select {listed} from view_rows").types
    )


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_many_rows_are_searched_in_parts(connection, tmp_path, size):
    start = "timestamp '2024-01-01'"
    spine = (
        f"select range as __row, range % 7 as key, {start} + interval (range % 1000) minute as at from range({size})"
    )
    view = f"select range % 5 as key, {start} + interval (range) minute as at, range as a from range(900)"
    connection.execute(f"create or replace table spine as {spine}").fetchall()
    connection.execute(f"create or replace table view_rows as {view}").fetchall()
    declared = view_of(plain, features=["a"])
    plan, found = joined(connection, indexed(connection, tmp_path, declared), declared)
    expected = "select a from spine s asof left join view_rows v on s.key = v.key and s.at >= v.at order by __row"
    assert (plan, found) == ("index", connection.sql(expected).fetchall())


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("known_only", [True, False])
def test_windows_of_an_index_are_those_of_sql(connection, tmp_path, created, known_only):
    """Events known late, ties, conditions, values of several types, and rows that ask for no event."""
    when = "timestamp '2024-01-01' + interval (range % 37) hour"
    known = f"case when range % 5 > 0 then {when} + interval (range % 4) hour end as created" if created else "1 as one"
    event = f"select range % 3 as key, {when} as at, range % 7 as a, 'w' || (range % 4) as b, {known} from range(200)"
    spine = f"select range as __row, range % 4 as key, {when} + interval 30 minute as at from range(80)"
    connection.execute(f"create or replace table events as {event}").fetchall()
    connection.execute(f"create or replace table spine as {spine}").fetchall()
    called = {"k": {"last_k": 2, "top_k": 2}, "q": {"quantile": 0.4}}
    features = {}
    for function in FUNCTIONS:
        column = "a" if function in ("sum", "mean", "stddev", "quantile") else "b"
        given = {name: values.get(function) for name, values in called.items()}
        features[function] = hr.Aggregate(function, column, over="9h", where="a <> 3", **given)
    source = rows if created else plain
    view = hr.FeatureView("v", entity=thing, source=source, features=features, index=True, ttl="1d")
    join = replace(window_join(view, "spine", "events", [("key", "key")], "at"), known_only=known_only)
    expected = connection.sql(f"from ({windows_sql(join)}) order by __row").fetchall()
    (tmp_path / "view").mkdir()
    shown = ", ".join(f'null::{kind} as "{name}"' for name, kind in zip(features, KINDS, strict=True))
    table = f'select key, "at", {shown} from events limit 0'
    connection.execute(f"copy ({table}) to '{tmp_path / 'view' / 'data.parquet'}'").fetchall()
    bench = indexed(connection, tmp_path, view, "events", file=EVENTS, knowledge=Knowledge(known_only))
    plan, found = joined(connection, bench, view)
    rounded = [[round(one, 9) if isinstance(one, float) else one for one in row] for row in found]
    assert rounded == [[round(one, 9) if isinstance(one, float) else one for one in row[1:]] for row in expected]
    assert plan == "index"


def project_of(make_project, tmp_path, index=True):
    numbers = range(40)
    pl.DataFrame(
        {
            "id": list(numbers),
            "key": [n % 5 for n in numbers],
            "at": [datetime(2026, 1, 1) + n * DAY for n in numbers],
            "created": [datetime(2026, 1, 1) + (n + n % 3) * DAY for n in numbers],
            "a": [n * 10 for n in numbers],
            "b": ["x" if n % 2 else None for n in numbers],
            "y": [n % 2 == 0 for n in numbers],
        }
    ).write_parquet(tmp_path / "rows.parquet")
    spine = hr.Source("spine", path="rows.parquet", keys=["id"], timestamp="at")
    view = hr.FeatureView("v", entity=thing, source=rows, features=["a", "b"], index=index)
    counted = {
        "n": hr.Aggregate("count", over="20d", where="b = 'x'"),
        "top": hr.Aggregate("top_k", "b", over="30d", k=1),
    }
    windows = hr.FeatureView("w", entity=thing, source=plain_of(spine), features=counted, index=index)
    return make_project([hr.TrainingSet("t", spine=spine, label="y", features=[view, windows])], tmp_path)


def plain_of(spine):
    return hr.Source("events", path="rows.parquet", timestamp="at")


def table(project):
    manifest = project.store.current("training_sets/t", "dev")
    return pl.read_parquet(project.store.folder("training_sets/t", manifest.version) / "data.parquet")


def test_an_index_is_an_asset_that_a_training_set_waits_for(make_project, tmp_path):
    project = project_of(make_project, tmp_path)
    assert {"indexes/v", "indexes/w"} <= set(project.graph.keys)
    assert set(project.graph.upstream["training_sets/t"]) >= {"indexes/v", "features/v"}
    report = build(project)
    assert not report.failed, report.failed
    manifest = project.store.current("indexes/v", "dev")
    assert [name for name, _ in manifest.columns] == ["key", "first_row", "rows"]
    again = build(project)
    assert {one.state for one in again.outcomes} == {"fresh"}


def test_a_training_set_is_the_same_with_and_without(make_project, tmp_path):
    found = []
    for index in (True, False):
        project = project_of(make_project, tmp_path, index)
        assert not build(project).failed
        found.append(table(project))
    assert found[0].equals(found[1])


def test_an_index_of_another_version_is_left_alone(connection, tmp_path):
    naive.rows_table(connection, "view_rows", TYPES, [feature(NOON, 1)])
    naive.rows_table(
        connection, "spine", {"__row": "bigint", "key": "bigint", "at": "timestamp"}, [{"key": 1, "at": NOON}]
    )
    declared = view_of()
    bench = indexed(connection, tmp_path, declared)
    newer = Workbench(connection, bench.folders, {declared.key: "another"}, tmp_path, tmp_path)
    assert joined(connection, newer, declared) == ("search", [(1, None)])


def test_new_data_makes_a_new_index(make_project, tmp_path):
    project = project_of(make_project, tmp_path)
    assert not build(project).failed
    before = project.store.current("indexes/v", "dev").version
    frame = pl.read_parquet(tmp_path / "rows.parquet").with_columns(pl.col("a") + 1)
    frame.write_parquet(tmp_path / "rows.parquet")
    for declaration in project.graph.nodes.values():
        materialize(project, declaration)
    assert project.store.current("indexes/v", "dev").version != before
    assert set(table(project)["a"].drop_nulls().unique()) <= set(frame["a"])


@pytest.mark.parametrize("broken", ["index.json", "values/rows"])
def test_a_damaged_index_is_named(connection, tmp_path, broken):
    naive.rows_table(connection, "view_rows", TYPES, [feature(NOON, 1)])
    declared = view_of()
    bench = indexed(connection, tmp_path, declared)
    (bench.folder("indexes/v") / broken).write_bytes(b"{")
    with pytest.raises(CorruptObject, match=r"[Bb]uild .*again"):
        load_index(connection, declared, bench.folder("indexes/v"))


def test_an_index_is_of_a_view():
    with pytest.raises(DeclarationError, match="'v' is no feature view"):
        Index("v", "v")
