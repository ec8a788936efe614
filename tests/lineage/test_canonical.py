from __future__ import annotations

import pytest

from headrace.lineage.canonical import canonical_json, canonical_sql, digest


@pytest.mark.parametrize(
    "same",
    [
        "SELECT a, sum(b) AS c FROM t WHERE d = 'X' GROUP BY a",
        "select a,\n  sum( b ) as c\nfrom t -- where from\nwhere d = 'X' group by a",
        "select a, SUM(b) as c from t /* all of it */ where d='X' Group By a",
    ],
)
def test_layout_comments_and_case_of_keywords_mean_nothing(same):
    assert canonical_sql(same) == canonical_sql("select a, sum(b) as c from t where d = 'X' group by a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select 'A'", "select 'a'"),
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
