from __future__ import annotations

import json
import random
import subprocess
import sys

import duckdb
import pytest

from headrace.lineage.canonical import canonical_json, canonical_sql, digest


@pytest.mark.parametrize(
    "same",
    [
        "SELECT a, sum(b) AS c FROM t WHERE d = 'X' GROUP BY a",
        "select a,\n  sum( b ) as c\nfrom t -- where from\nwhere d = 'X' group by a",
        "select a, SUM(b) as c from t /* all /* of it */ */ where d='X' Group By a",
        "select a,sum(b)as c from t where d='X'group by a ; ;",
        "select a,\tsum\n(\r\nb) as c from t where d = 'X' group by a -- at the end",
    ],
)
def test_layout_comments_and_case_of_keywords_mean_nothing(same):
    assert canonical_sql(same) == canonical_sql("select a, sum(b) as c from t where d = 'X' group by a")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT Sum(x) FILTER (WHERE x > 0) OVER (PARTITION BY k ORDER BY d DESC NULLS LAST ROWS BETWEEN 3 PRECEDING"
        " AND CURRENT ROW EXCLUDE TIES) AS s FROM t",
        "SELECT Max(x) OVER w AS m FROM t WINDOW w AS (PARTITION BY k RANGE BETWEEN UNBOUNDED PRECEDING AND"
        " CURRENT ROW)",
        "WITH RECURSIVE w AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM w WHERE n < 3) SELECT n FROM w",
        "SELECT CAST(x AS BIGINT)::INTEGER, Try_Cast(k AS Decimal(10, 2)) FROM t WHERE x NOT BETWEEN 1 AND 2",
        "SELECT k FROM t ASOF JOIN u ON t.d >= u.d LEFT JOIN v USING (k) QUALIFY Row_Number() OVER (ORDER BY k) = 1",
        "SELECT CASE WHEN x IS NOT NULL THEN INTERVAL '1 day' ELSE NULL END FROM t ORDER BY x ASC NULLS FIRST LIMIT 3",
    ],
)
def test_the_case_of_keywords_functions_and_types_means_nothing(sql):
    names = {"s", "t", "x", "k", "d", "m", "w", "n", "u", "v"}
    lower = " ".join(word if word.strip("(),.=") in names else word.lower() for word in sql.split())
    assert canonical_sql(sql) == canonical_sql(lower)


def test_operators_written_two_ways():
    assert canonical_sql("select a != 1, b == 2") == canonical_sql("select a <> 1, b = 2")
    assert canonical_sql("select 'a != b'") != canonical_sql("select 'a <> b'")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'A'", "select 'a'"),
        ("select 'a' 'b'", "select 'ab'"),
        ("select 1", "select 1.0"),
        ("select 1", "select '1'"),
        ("select 1", "select 1e0"),
        ("select a - b - c", "select a - (b - c)"),
        ("select a - -b", "select a -- b"),
        ("select a !=-1", "select a != -1"),
        ("select 1 as b", "select 1 b"),
        ("select interval 1 as day", "select interval 1 day"),
        ("select 1 between", "select 1 Between"),
        ("select 1 Rows", "select 1 rows"),
        ("select nulls Last from t", "select nulls last from t"),
        ("select struct_pack(Left := 1)", "select struct_pack(left := 1)"),
        ("select {'a': 1}.a", "select {'A': 1}.a"),
        ("select x::Date", "select x::DATE"),
        ("select sum(a) over (order by First) from t", "select sum(a) over (order by first) from t"),
        ("select a::int", "select a::bigint"),
        ('select "a b"', "select a b"),
        ("select $$a$$", "select $$A$$"),
        ("select x'41'", "select '41'"),
        ("select a /* + */ b", "select a + b"),
        ("select '-- a' b", "select '-- a'"),
        ("select e'\\n'", "select '\\n'"),
        ('select 1 as "A"', 'select 1 as "a"'),
        ("select 1 as A", "select 1 as a"),
        ("select 1 as Date", "select 1 as date"),
        ("select t.Date from t", "select t.date from t"),
        ("select Amount from t", "select amount from t"),
        ("select a ~ 'x' from t", "select regexp_matches(a, 'x') from t"),
        ("select a -> 'x.y' from t", "select a -> '$.x.y' from t"),
        ("select 1; select 2", "select 1"),
        ("select a // b from t", "select a / b from t"),
        ("select a from t order by b", "select a from t order by b desc"),
        ("select try_cast(a as int) from t", "select cast(a as int) from t"),
    ],
)
def test_what_means_something_else_is_something_else(one, other):
    assert canonical_sql(one) != canonical_sql(other)


def test_what_has_no_tokens_stays_as_it_is():
    assert canonical_sql("select 'open") == "select 'open"


def test_digests_tell_types_apart():
    values = [1, 1.0, True, "1", None, [1], {"1": 1}, [], {}]
    assert len({digest(value) for value in values}) == len(values)


def test_any_text_has_a_digest():
    assert digest("\ud800") != digest("?")


def test_json_refuses_what_it_cannot_hold():
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical_json({"a": object()})


BASES = [
    "select a , Amount from t where a between 1 and 2",
    "select sum ( a ) over ( partition by k order by First nulls last rows between 1 preceding and current row )"
    " from t",
    "select a - - 1 , - a , a = - 1 , a <> - 1 , a ! , @ a , a * - 1 , a < - 1 , a :: int from t",
    "select cast ( a as bigint ) , a as int from t",
    "select st . A , st . left , l [ 1 : 2 ] , { 'x' : 1 } , struct_pack ( Left := 1 ) from t",
    "select a First , a between from t",
    "select nulls last , first , rows , over , between from t",
    "select interval 1 day , interval '1' day , d - interval '1' day from t",
    "select a as Between , k Rows , k Partition from t order by a desc nulls first",
    "with recursive w as ( select 1 as A ) select * from w",
    "select sum ( a ) over w from t window w as ( partition by k rows unbounded preceding )",
]
PIECES = "a Amount s d First 1 .5 'x' ( ) , - + = <> ! < :: . int as by nulls last rows over left is not ~ @ -> := :"


def test_one_form_never_has_two_meanings():
    """Statements at random, with DuckDB as the judge: column names and syntax tree follow from the canonical form."""
    connection = duckdb.connect()
    connection.execute("create table t as select 1 as a, 2 as Amount, 'x' as s, date '2020-01-01' as d, 3 as between")
    for column in ("First integer", "nulls integer", "rows integer", "over integer", "k integer", "last integer"):
        connection.execute(f"alter table t add column {column}")
    connection.execute(
        'alter table t add column l integer[]; alter table t add column st struct(A integer, "left" integer)'
    )
    chance, forms = random.Random(7), {}
    for _ in range(1500):
        words = chance.choice(BASES).split()
        for _ in range(chance.choice([0, 1, 1])):
            words[chance.randrange(1, len(words))] = chance.choice(PIECES.split())
        sql = "".join(chance.choice(["", " ", "\n", "/* c */", " -- c\n"]) + recased(word, chance) for word in words)
        try:
            meaning = (connection.sql(sql).columns, tree(connection, sql))
        except duckdb.Error:
            continue
        known, text = forms.setdefault(canonical_sql(sql), (meaning, sql))
        assert known == meaning, f"{sql!r} is not {text!r}"
    assert len(forms) > 100


def recased(word: str, chance: random.Random) -> str:
    return word if word.startswith("'") else chance.choice([word, word.lower(), word.upper()])


def tree(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    found = json.loads(connection.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0])
    return json.dumps(without_places(found)).lower()


def without_places(value):
    if isinstance(value, dict):
        return {key: without_places(one) for key, one in value.items() if not key.startswith("query_location")}
    return [without_places(one) for one in value] if isinstance(value, list) else value


def test_it_imports_no_parser():
    code = "import sys; from headrace.lineage.canonical import canonical_sql as c; c('select 1');"
    code += (
        "from headrace.lineage.determinism import unstable; unstable('select now()'); print('sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
