"""Which statements one thread over the same rows decides, and which not even that."""

from __future__ import annotations

import duckdb
import pytest

from headrace.lineage import sql_functions as known
from headrace.lineage.sql_determinism import _is_known, order_dependent, unstable

# Functions that change the session or only exist for tests of DuckDB itself.
OF_NO_VIEW = {
    "array_to_string_comma_default", "arrow_scan_dumb", "checkpoint", "col_description", "error", "force_checkpoint",
    "get_block_size", "json_execute_serialized_sql", "obj_description", "python_map_function", "shobj_description",
    "sleep_ms", "stats", "truncate_duckdb_logs", "vector_type", "write_log",
}  # fmt: skip


def test_every_function_of_duckdb_has_a_place():
    found = duckdb.sql("select distinct lower(function_name) from duckdb_functions() where function_type <> 'pragma'")
    named = {name for (name,) in found.fetchall() if name.isidentifier()} - OF_NO_VIEW
    rest = {name for name in named if not (_is_known(name) or known.reads_files(name) or known.reads_catalog(name))}
    prefixes = ("__", "has_", "icu_", "inet_", "test_", "disable_", "enable_")
    assert {name for name in rest if not name.startswith(prefixes) and "resource" not in name} <= {"summary"}


def test_no_aggregate_is_taken_for_a_function_of_one_row():
    found = duckdb.sql("select distinct function_name from duckdb_functions() where function_type = 'aggregate'")
    assert {name for (name,) in found.fetchall()} <= known.SUMS | known.PICKS | known.FREE


def test_what_duckdb_calls_volatile_is_unstable():
    found = duckdb.sql("select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'")
    names = {name for (name,) in found.fetchall()} - OF_NO_VIEW
    assert names <= known.CLOCK | known.CHANCE | known.SESSION


@pytest.mark.parametrize(
    ("sql", "phrase"),
    [
        ("select now()", "now() is the moment of the build"),
        ("select CURRENT_TIMESTAMP", "current_timestamp is the moment of the build"),
        ("select a from t where d > current_date - 7", "current_date is the moment of the build"),
        ("select age(born) from t", "age() is the moment of the build"),
        ("select main.random()", "random() draws anew in every build"),
        ("select (select uuid())", "uuid() draws anew in every build"),
        ("select nextval('s')", "nextval() is what the session says"),
        ("select current_setting('threads')", "current_setting() is what the session says"),
        ("select getenv('HOME')", "getenv() is what the session says"),
        ("from read_csv('a.csv')", "read_csv() reads files that lineage cannot see"),
        ("select * from 'a.parquet'", "'a.parquet' is a file that lineage cannot see"),
        ("from t join 'a.csv' using (a)", "'a.csv' is a file that lineage cannot see"),
        ("select * from t, \"x/a.json\"", "\"x/a.json\" is a file that lineage cannot see"),
        ("from query('select 1')", "query() reads what lineage cannot see"),
        ("from t tablesample 10%", "a sample without repeatable(seed) is drawn anew in every build"),
        ("from t using sample 5 rows", "a sample without repeatable(seed) is drawn anew in every build"),
        ("select (1", "cannot be read as SQL, so nothing is known of it"),
        ("select 'a", "cannot be read as SQL, so nothing is known of it"),
    ],
)  # fmt: skip
def test_unstable(sql, phrase):
    assert unstable(sql) == (phrase,)


@pytest.mark.parametrize(
    "sql",
    [
        "select t.now, now, user, version, 1 as current_date, t.current_date from t",
        "select 'now()', \"random\" -- random()\nfrom t /* uuid() */",
        "select age(a, b), extract(day from 'x'), substring('abc' from 'b') from t",
        "from t tablesample reservoir(5 rows) repeatable (3)",
        "from t using sample 10% (bernoulli, 3)",
        "select sum(x), first(y) over () from t limit 3",
        "select a from \"my table\" where b = 'a.csv'",
    ],
)
def test_stable(sql):
    assert unstable(sql) == ()


@pytest.mark.parametrize(
    ("sql", "phrase"),
    [
        ("select sum(x) from t", "sum() adds up"),
        ("select a, AVG (x) from t group by all", "avg() adds up"),
        ("select x.stddev() from t", "stddev() adds up"),
        ('select "sum"(x) from t', "sum() adds up"),
        ("select sum(x) over (partition by a order by b) from t", "sum() adds up"),
        ("with a as (select corr(x, y) as c from t) select * from a", "corr() adds up"),
        ("pivot t on a using sum(b)", "sum() adds up"),
        ("select first(x) from t", "first() goes by the order of rows, without order by"),
        ("select list(x) from t", "list() goes by the order of rows, without order by"),
        ("select string_agg(x, ',') filter (where y) from t", "string_agg() goes by the order of rows, without"),
        ("select any_value(x) from t", "any_value() goes by the order of rows, without order by"),
        ("select arg_max(x, y) from t", "arg_max() keeps one of the rows that tie"),
        ("select mode(x) from t", "mode() keeps one of the rows that tie"),
        ("select reservoir_quantile(x, 0.5) from t", "reservoir_quantile() goes by the order of rows"),
        ("select row_number() over () from t", "row_number() goes by the order of rows, without order by"),
        ("select lag(x) over w from t window w as (partition by a)", "lag() goes by the order of rows, without"),
        ("select count(*) over (rows 3 preceding) from t", "count() over rows goes by the order of rows, without"),
        ("select * from t limit 3", "limit takes whatever rows come first, without order by"),
        ("select * from (select * from t order by a) offset 3", "offset takes whatever rows come first"),
        ("from t fetch first 3 rows only", "fetch takes whatever rows come first"),
        ("select distinct on (a) b from t", "distinct on keeps any row, without order by"),
        ("from a positional join b", "positional join goes by the order of rows"),
        ("from t tablesample reservoir(5 rows) repeatable (3)", "a sample with a seed depends on the order of rows"),
        ("summarize t", "summarize adds up"),
        ("select my_macro(x) from t", "my_macro() is not known to be independent"),
        ("select (1", "cannot be read as SQL"),
    ],
)
def test_order_dependent(sql, phrase):
    found = order_dependent(sql)
    assert len(found) == 1
    assert found[0].startswith(phrase)


@pytest.mark.parametrize(
    "sql",
    [
        "select row_number() over (partition by a order by b) from t",
        "select lag(x) over w from t window w as (partition by a order by b)",
        "select max(a) over (order by b rows 3 preceding) from t",
        "select list(x order by y) from t",
        "select first(x order by y desc) from t",
        "select * from t order by a limit 3",
        "select distinct on (a) b from t order by a, b",
        "select a.x from a asof join b on a.t >= b.t",
        "select listagg(x) within group (order by y) from t",
    ],
)
def test_ties_alone_are_told_apart(sql):
    assert "tie" in " ".join(order_dependent(sql))
    assert order_dependent(sql, ties=False) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "select a, count(*), count(distinct b), min(c), max(c, 3), bool_and(d) from t group by all",
        "select median(e), quantile_cont(f, 0.5) from t",
        "select rank() over (partition by a order by b), dense_rank() over w from t window w as (order by b)",
        "select count(*) over (partition by a), max(x) over (order by b) from t",
        "select list(x order by x desc), string_agg(distinct y, ',' order by y) from t",
        "select histogram(x), mad(y), approx_count_distinct(z), bit_xor(h) from t",
        "select list_sum(l), array_aggr(l, 'first'), upper(trim(both 'x' from s)), date_trunc('day', d)::date from t",
        "select cast(a as decimal(10, 2)), b::numeric(5, 1), {'limit': 1}, c.limit, 1 as first from t",
        "with x(a, b) as (select 1, 2) select * from x as y(c, d) join (values (1)) z(e) on c in (e)",
        "select * from t order by all limit 3",
        "select sum(1), sum(case when a > 1 then 1 else 0 end), sum(b::bigint), sum(cast(c as int)), avg(1.5) from t",
        "select sum(distinct 2 * (x::int)) from t",
    ],
)  # fmt: skip
def test_not_order_dependent(sql):
    assert order_dependent(sql) == ()


@pytest.mark.parametrize(
    ("sql", "exact"),
    [
        ("select sum(units) from t", True),
        ("select sum(t.Units * 2 + 1) filter (where a) from t join s using (b)", True),
        ('select avg("units") from t', True),
        ("select sum(units / 2) from t", False),
        ("select sum(units * 1e0) from t", False),
        ("select stddev(units) from t", False),
        ("select price / 2 as units, sum(units) from t", False),
        ("select price / 2 units, sum(units) from t", False),
        ("select units: price / 2, sum(units) from t", False),
        ("select sum(units) from (select price / 2 as units from t)", False),
        ("with s(units) as (from t) select sum(units) from s", False),
        ("select sum(units) from (from t) s(units)", False),
    ],
)
def test_sums_of_columns_known_to_be_exact(sql, exact):
    assert (order_dependent(sql, exact=["Units"]) == ()) is exact


def test_what_is_said_of_ties_is_so():
    """Threads order rows that tie differently; one thread does not."""
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.execute("create table t as select i % 7 as tie, i as x from range(5000) r(i)")
    query = "select x from (select x, row_number() over (order by tie) as place from t) where place <= 100"
    assert len({tuple(connection.sql(query).fetchall()) for _ in range(3)}) == 1
