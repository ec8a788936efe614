"""Which columns can change a SQL statement's result."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import duckdb
import pytest

from headrace.engine.plan_order import without_order
from headrace.engine.sql_columns import SqlColumns, planner, sql_columns

T = [("id", "BIGINT"), ("a", "INTEGER"), ("b", "INTEGER"), ("c", "VARCHAR"), ("ts", "TIMESTAMP")]
T += [("l", "INTEGER[]"), ("st", "STRUCT(x INTEGER, y VARCHAR)")]
U = [("k", "INTEGER"), ("v", "DOUBLE"), ("w", "VARCHAR"), ("ts", "TIMESTAMP")]
ODD = [
    ("two words", "INTEGER"),
    ('quo"te', "INTEGER"),
    ("Mixed", "INTEGER"),
    ("new\nline", "INTEGER"),
    ("a.b", "INTEGER"),
]
TABLES = {"s.t": T, "s.u": U, "s.Odd one": ODD, "plain": [("p", "INTEGER"), ("q", "INTEGER")]}
ORDER = {"s.t": ["id"], "s.u": ["k"], "plain": ["p"]}
EVERYTHING = {table: tuple(name for name, _ in columns) for table, columns in TABLES.items()}


@pytest.fixture(scope="module")
def plans() -> Iterator[duckdb.DuckDBPyConnection]:
    with planner() as connection:
        yield connection


@pytest.fixture
def find(plans):
    def found(sql: str) -> SqlColumns:
        return sql_columns(sql, TABLES, order=ORDER, connection=plans)

    return found


def flat(columns) -> str:
    """`t: a b, u: k` for what is listed."""
    return ", ".join(f"{table.removeprefix('s.')}: {' '.join(names)}".strip() for table, names in columns.items())


@pytest.mark.parametrize(
    ("sql", "first", "rows"),
    [
        # Values, filters, names
        ("select a + 1 as x, b from s.t", "t: a", "t:"),
        ("select a from s.t where c = 'x'", "t: a c", "t: c"),
        ("select 1 as x from s.t where a > 1", "t: a", "t: a"),
        ("select 1 as x", "", ""),
        ("values (1)", "", ""),
        ("from s.t", "t: id", "t:"),
        ("from s.t select b", "t: b", "t:"),
        ("table plain", "plain: p", "plain:"),
        ("select #2 from s.t", "t: a", "t:"),
        ("select c.upper() from s.t", "t: c", "t:"),
        ("select * exclude (id, a) from s.t", "t: b", "t:"),
        ("select * replace (a + b as id) from s.t", "t: a b", "t:"),
        ("select * rename (a as z) from s.t", "t: id", "t:"),
        ("select * like 'b%' from s.t", "t: b", "t:"),
        ("select columns('^b') + 1 from s.t", "t: b", "t:"),
        ("select columns(lambda c: c = 'b') from s.t", "t: b", "t:"),
        ("select coalesce(*columns(['a', 'b'])) from s.t", "t: a b", "t:"),
        ("select st.x from s.t", "t: st", "t:"),
        ("select {'x': a, 'y': b}.x from s.t", "t: a b", "t:"),
        ("select list_transform(l, lambda e: e + a) from s.t", "t: a l", "t:"),
        ("select [e for e in l if e > b] from s.t", "t: b l", "t:"),
        ("select t from s.t", "t: id a b c ts l st", "t:"),
        ("select u::varchar from s.u", "u: k v w ts", "u:"),
        ("select hash(u) from s.u", "u: k v w ts", "u:"),
        ("select count(u) from s.u", "u: k v w ts", "u:"),
        ("select case when a > 1 then b end from s.t", "t: a b", "t:"),
        ("SELECT A FROM S.T", "t: a", "t:"),
        ("select a from (select * from (select * from s.t where b > 1))", "t: a b", "t: b"),
        ("select x from (select a as x, b / 0 as y from s.t)", "t: a", "t:"),
        ("select getvariable('none') as x from s.t", "t:", "t:"),
        # Groups, distinct, windows
        ("select count(*) from s.t", "t:", "t:"),
        ("select sum(b) as x, a from s.t group by all", "t: a b", "t: a"),
        ("select a from s.t group by a having max(b) > 1", "t: a b", "t: a b"),
        ("select max(b) filter (where c = 'x') from s.t group by rollup (a)", "t: a b c", "t: a"),
        ("select distinct a, b from s.t", "t: a b", "t: a b"),
        ("select sum(b) over (partition by a) as x, c from s.t", "t: a b", "t:"),
        ("select c, sum(b) over (partition by a) from s.t", "t: c", "t:"),
        ("select b from s.t qualify rank() over (partition by a order by ts) = 1", "t: a b ts", "t: a ts"),
        ("select count(*) over w as n from s.t window w as (order by a range 1 preceding)", "t: a", "t:"),
        ("summarize s.u", flat(EVERYTHING).replace("s.", ""), flat(EVERYTHING)),
        # Joins, set operations, subqueries
        ("select a from s.t join s.u on a = k", "t: a, u: k", "t: a, u: k"),
        ("select w from s.t left join s.u on a = k and b < v", "t: a b, u: k v w", "t: a b, u: k v"),
        ("select a from s.t natural join s.u", "t: a ts, u: ts", "t: ts, u: ts"),
        ("select a from s.t semi join s.u using (ts)", "t: a ts, u: ts", "t: ts, u: ts"),
        ("select a from s.t, plain", "t: a, plain:", "t:, plain:"),
        ("select one.a from s.t one join s.t two on one.a = two.b", "t: a b", "t: a b"),
        ("select a, b from s.t union all select k, 1 from s.u", "t: a, u: k", "t:, u:"),
        ("select a, b from s.t union select k, 1 from s.u", "t: a b, u: k", "t: a b, u: k"),
        ("select a from s.t union all by name select k as a, w from s.u", "t: a, u: k", "t:, u:"),
        ("select a, b from s.t except select k, 1 from s.u", "t: a b, u: k", "t: a b, u: k"),
        ("select a, b from s.t intersect all select k, 1 from s.u", "t: a b, u: k", "t: a b, u: k"),
        ("select a from s.t where b in (select k from s.u where w = 'x')", "t: a b, u: k w", "t: b, u: k w"),
        ("select a from s.t where exists (from s.u where k = b)", "t: a b, u: k", "t: b, u: k"),
        ("select a from s.t where b > (select avg(v) from s.u)", "t: a b, u: v", "t: b, u: v"),
        ("select a from s.t where b = (select k from s.u)", "t: a b, u: k", "t: b, u: k"),
        ("select (select max(v) from s.u where k = a) as x from s.t", "t: a, u: k v", "t: a, u: k v"),
        ("select e from s.t, unnest(l) as n(e)", "t: l", "t: l"),
        ("select a from s.t, lateral (select unnest(l) as e)", "t: a l", "t: a l"),
        ("select unnest(l) as e, a from s.t", "t: l", "t: l"),
        ("select unnest(st) from s.t", "t: st", "t:"),
        # Named and generated
        (
            "with x as (from s.t), y as (from x where b > 1) select y.a, y.b from y join x using (id)",
            "t: id a b",
            "t: id b",
        ),
        ("with x as materialized (from s.t) select one.a, b from x one join x two using (b)", "t: a b", "t: b"),
        (
            "with recursive r as (select a, b from s.t union all select a, b + 1 from r where b < 3) from r",
            "t: a b",
            "t: b",
        ),
        ("select * from query('select b from s.t')", "t: b", "t:"),
        ("select k from query_table(['s.u'])", "u: k", "u:"),
        ("select * from (pivot s.u on w in ('x', 'y') using max(v) group by k)", "u: k", "u: k"),
        ("select n, z from (unpivot plain on p, q into name n value z)", "plain: p q", "plain: p q"),
        ("select i from s.t, range(a) as r(i)", "t: a", "t: a"),
        ("select 'ü' as \"é\", a from s.t order by b", "t:", "t:"),
    ],
)
def test_a_result_depends_on(find, sql, first, rows):
    found = find(sql)
    assert flat(next(iter(found.outputs.values()))) == first.replace("s.", "")
    assert flat(found.rows) == rows.replace("s.", "")


def test_what_is_read_is_what_any_output_needs_and_the_order(find):
    found = find("select a as x, b + 1 as y from s.t where c = 'x' order by ts")
    assert found.reads == {"s.t": ("a", "b", "c", "ts")}
    assert found.outputs == {"x": {"s.t": ("a", "c")}, "y": {"s.t": ("b", "c")}}
    assert found.rows == {"s.t": ("c",)}


def test_names_are_those_of_a_table_made_of_the_result(find):
    found = find('select "two words", "quo""te" as "two words", "a.b" as "q""r", MIXED, "new\nline" from s."Odd one"')
    assert {name: reads["s.Odd one"] for name, reads in found.outputs.items()} == {
        "two words": ("two words",),
        "two words_1": ('quo"te',),
        'q"r': ("a.b",),
        "Mixed": ("Mixed",),
        "new\nline": ("new\nline",),
    }


@pytest.mark.parametrize("end", [";", " -- the end", "; /* end */ -- end", "\n;\n"])
def test_an_end_changes_nothing(find, end):
    assert find(f"select a from s.t where b > 1{end}") == find("select a from s.t where b > 1")


@pytest.mark.parametrize(
    ("sql", "depends"),
    [
        ("select a from s.t limit 3", True),
        ("select a from s.t order by b limit 3", True),
        ("select a from s.t offset 1", True),
        ("select a from s.t limit 10%", True),
        ("select a from s.t using sample 3", True),
        ("select a from s.t tablesample 10%", True),
        ("select distinct on (b) a from s.t order by c", True),
        ("select first(a) from s.t", True),
        ("select list(a) from s.t", True),
        ("select string_agg(c, ',' order by b) from s.t", True),
        ("select arg_max(a, b) from s.t", True),
        ("select mode(a) from s.t", True),
        ("select row_number() over () from s.t", True),
        ("select row_number() over (partition by a order by ts) from s.t", True),
        ("select lag(a) over (order by ts) from s.t", True),
        ("select sum(a) over (order by ts rows 2 preceding) from s.t", True),
        ("select a from s.t positional join plain", True),
        ("select k from s.u asof join s.t on a = k and v >= b", True),
        (
            "with recursive r(i) using key (i) as (select a, b from s.t union select i, b from r where b < 0) from r",
            True,
        ),
        ("select sum(a), max(b), count(distinct c), median(a), stddev(b) from s.t", False),
        ("select sum(a) over (partition by b order by ts), rank() over (order by c) from s.t", False),
        ("select a from s.t where b = (select max(k) from s.u)", False),
        ("select a from s.t union select k from s.u", False),
        ("select a from s.t order by b", False),
    ],
)
def test_what_picks_by_the_order_of_rows_depends_on_what_decides_it(plans, sql, depends):
    told = sql_columns(sql, TABLES, order=ORDER, connection=plans)
    untold = sql_columns(sql, TABLES, connection=plans)
    name = next(iter(told.outputs))
    assert ("id" in told.outputs[name]["s.t"]) == depends
    assert (untold.outputs[name]["s.t"] == EVERYTHING["s.t"]) == depends


def test_windows_that_are_not_asked_for_arrange_rows(find):
    windows = "row_number() over (partition by a order by ts) as n, lag(b) over (partition by a order by ts) as l"
    assert find(f"select {windows} from s.t").outputs["n"] == {"s.t": ("id", "a", "ts")}
    other = find(f"select {windows}, sum(b) over (partition by c) as s from s.t")
    assert other.outputs["n"] == {"s.t": ("id", "a", "b", "c", "ts")}
    assert other.outputs["s"] == {"s.t": ("b", "c")}


@pytest.mark.parametrize(
    "sql",
    [
        "select typeof(a) from s.t",
        "from (describe s.t)",
        "desc s.t",
        "show s.t",
        "from duckdb_columns()",
        "select column_name from information_schema.columns",
        "from pragma_table_info('s.t')",
        "from query('select type' || 'of(a) from s.t')",
    ],
)
def test_names_and_types_depend_on_everything(find, sql):
    found = find(sql)
    assert found.reads == found.rows == EVERYTHING
    assert set(map(flat, found.outputs.values())) == {flat(EVERYTHING)}


def test_desc_is_also_an_order(find):
    assert find("select a from s.t order by b desc").outputs == {"a": {"s.t": ("a",)}}


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select nothing from s.t", "nothing"),
        ("select rowid from s.t", "rowid"),
        ("select a from s.missing", "missing"),
        ("select a frm s.t where", "syntax error"),
        ("select 1; select 2", "Expected one query, got 2"),
        ("select 1) from (select 2", "syntax error"),
        ("insert into s.t select * from s.t", "syntax error"),
        ("select a from s.t where a = $1", "parameters"),
        ("pivot s.u on w using sum(v)", "PIVOT"),
        ("", "syntax error"),
    ],
)
def test_what_cannot_be_bound_is_refused(find, sql, message):
    with pytest.raises(duckdb.Error, match=message):
        find(sql)
    assert find("select a from s.t").reads == {"s.t": ("a",)}


def test_nothing_runs_and_nothing_stays(plans, tmp_path):
    path = tmp_path / "x.csv"
    with pytest.raises(duckdb.Error):
        sql_columns(f"select 1; copy (select 1) to '{path}'", TABLES, connection=plans)
    assert not path.exists()
    sql_columns("select a from s.t", TABLES, connection=plans)
    with pytest.raises(duckdb.Error, match="does not exist"):
        sql_columns("select a from s.t", {}, connection=plans)


def test_many_columns_are_found_in_groups(plans):
    tables = {"s.w": [(f"c{number}", "INTEGER") for number in range(120)]}
    sums = ", ".join(f"c{number} + c{119 - number} as both{number}" for number in range(30))
    found = sql_columns(f"select *, {sums}, c7 + 1 as seven from s.w where c3 > 0", tables, connection=plans)
    expected = {f"c{number}": {f"c{number}", "c3"} for number in range(120)}
    expected |= {f"both{number}": {f"c{number}", f"c{119 - number}", "c3"} for number in range(30)}
    assert {name: set(reads["s.w"]) for name, reads in found.outputs.items()} == {**expected, "seven": {"c7", "c3"}}
    assert found.rows == {"s.w": ("c3",)}


def test_a_plan_too_deep_to_read_depends_on_everything(find):
    steps = ", ".join(f"c{step + 1} as (select p + 1 as p from c{step} where p > {step})" for step in range(300))
    assert flat(find(f"with c0 as (from plain), {steps} select p from c300").reads) == flat(EVERYTHING)


def test_one_connection_is_opened_where_none_is_given():
    assert sql_columns("select p from plain", TABLES).reads == {"plain": ("p",)}


@pytest.mark.parametrize(
    ("sql", "shorter"),
    [
        ("select a from t order by b", "select a from t "),
        (
            "select a from t where \"order\" = ' order by ' order by b, c desc -- x",
            "select a from t where \"order\" = ' order by ' ",
        ),
        ("(select a from t order by b limit 3) order by a", "(select a from t order by b limit 3) "),
        ("select 'é' from t ORDER BY all;", "select 'é' from t "),
        ("select a from t", None),
        ("select a from t order by b limit 3", None),
        ("select a from t order by b offset 1", None),
        ("select distinct on (a) b from t order by c", None),
        ("select sum(a) over (order by b) from t", None),
        ("select a from (select a from t order by b)", None),
    ],
)
def test_the_last_order_is_cut_off(sql, shorter):
    assert without_order(sql) == shorter


@pytest.mark.parametrize("kind", ["scalar", "aggregate"])
def test_no_function_of_a_column_forgets_it(plans, kind):
    """What a later DuckDB would take from a column's type alone has to be added to what depends on everything."""
    query = f"select distinct function_name from duckdb_functions() where function_type = '{kind}'"
    names = sorted(name for (name,) in plans.execute(query).fetchall() if re.fullmatch(r"\w+", name))
    called = {f"x{number}": call for number, call in enumerate(callable_with(plans, names))}
    assert len(called) > (200 if kind == "scalar" else 30)
    # Aggregates of different plans would arrange rows for one another.
    for some in [called] if kind == "scalar" else [{name: call} for name, call in called.items()]:
        tables = {"one": [(name, type_) for name, (_, type_) in some.items()]}
        calls = ", ".join(f"{function}({name}) as {name}" for name, (function, _) in some.items())
        found = sql_columns(f"select {calls} from one", tables, order={"one": []}, connection=plans)
        assert not [some[name] for name, reads in found.outputs.items() if reads != {"one": (name,)}]


def callable_with(connection: duckdb.DuckDBPyConnection, functions: list[str]) -> Iterator[tuple[str, str]]:
    """Each function of one argument with a type that it takes, apart from those that give the type away."""
    taken = {"typeof", "pg_typeof", "get_type"}
    for function, type_ in itertools.product(functions, ["INTEGER", "VARCHAR", "INTEGER[]"]):
        if function in taken:
            continue
        try:
            connection.execute(f"explain select {function}(x) from (select null::{type_} as x)").fetchall()
        except duckdb.Error:
            continue
        taken.add(function)
        yield function, type_
