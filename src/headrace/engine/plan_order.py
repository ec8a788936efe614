"""What the order of rows decides: operators of a plan that depend on it, and the `order by` that decides nothing."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb

Node = dict[str, Any]

# Operators whose rows are the same ones whatever the order of the rows below; any that is not named here is taken to
# depend on it.
_INDIFFERENT = frozenset(
    (
        *("PROJECTION", "FILTER", "ORDER_BY", "UNION", "UNNEST", "CTE", "CROSS_PRODUCT", "HASH_JOIN"),
        *("NESTED_LOOP_JOIN", "BLOCKWISE_NL_JOIN", "PIECEWISE_MERGE_JOIN", "IE_JOIN"),
    )
)
_KEEPS_ORDER = frozenset(("PROJECTION", "FILTER"))
_AGGREGATES = frozenset(("HASH_GROUP_BY", "PERFECT_HASH_GROUP_BY", "UNGROUPED_AGGREGATE"))
_WINDOWS = frozenset(("WINDOW", "STREAMING_WINDOW"))
_TABLE_FUNCTIONS = frozenset(("unnest", "range", "generate_series"))
_INDIFFERENT_AGGREGATES = frozenset(
    (
        *("avg", "count", "count_if", "count_star", "countif", "favg", "fsum", "kahan_sum", "max", "mean", "min"),
        *("product", "sum", "sum_no_overflow", "sumkahan"),
        *("bit_and", "bit_or", "bit_xor", "bitstring_agg", "bool_and", "bool_or"),
        *("mad", "median", "quantile", "quantile_cont", "quantile_disc"),
        *("entropy", "geomean", "geometric_mean", "histogram", "kurtosis", "kurtosis_pop", "sem", "skewness"),
        *("stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"),
        *("corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2"),
        *("regr_slope", "regr_sxx", "regr_sxy", "regr_syy"),
    )
)
_INDIFFERENT_WINDOWS = _INDIFFERENT_AGGREGATES | {"rank", "rank_dense", "dense_rank", "percent_rank", "cume_dist"}
_FUNCTION = re.compile(r'"?(\w+)"?\(')
_OVER_ROWS = re.compile(r"\b(ROWS|EXCLUDE)\b")
# Without this word a statement has no window of its own: DuckDB numbers rows to join them back, and no more.
_HAS_WINDOW = re.compile(r"\bover\b", re.IGNORECASE)
_HAS_KEY = re.compile(r"\bkey\b", re.IGNORECASE)
# A subquery that stands for one value takes the first one, and fails if there are more.
_ONE_VALUE = re.compile(
    r'CASE  WHEN \(\(#1 > 1\)\) THEN \("error"\(.More than one row returned by a subquery.*\) ELSE #0 END', re.DOTALL
)


def walk(node: Node) -> Iterator[Node]:
    """A plan's operators, each before what is below it."""
    ahead = [node]
    while ahead:
        found = ahead.pop()
        yield found
        ahead.extend(reversed(found["children"]))


def order_dependent(plan: Iterable[Node], sql: str) -> Iterator[Node]:
    """Operators whose rows, taken as a set with repeats, may differ with the order of the rows below them.

    Args:
        plan: `explain (format json)` of a statement.
        sql: the statement, of which the plan does not show everything.
    """
    for root in plan:
        for node in walk(root):
            for child in node["children"]:
                if _depends(child, sql) and not _one_value(node, child):
                    yield child
        if _depends(root, sql):
            yield root


def _depends(node: Node, sql: str) -> bool:
    name, about = node["name"], node["extra_info"]
    if not node["children"] or name in _INDIFFERENT:
        return False
    if name in _AGGREGATES:
        return not _all_of(about.get("Aggregates", ""), _INDIFFERENT_AGGREGATES)
    if name in _WINDOWS:
        parts = _parts(about["Projections"])
        over_rows = any(_OVER_ROWS.search(part) for part in parts)
        return _HAS_WINDOW.search(sql) is not None and (over_rows or not _all_of(parts, _INDIFFERENT_WINDOWS))
    if name == "INOUT_FUNCTION":
        return about.get("Name") not in _TABLE_FUNCTIONS
    # With `using key` a later row takes the place of an earlier one.
    return name != "REC_CTE" or _HAS_KEY.search(sql) is not None


def arrangement(nodes: Iterable[Node]) -> tuple[Counter[str], int]:
    """What may change the order of rows in a plan: its operators by name, and the number of ways its windows sort."""
    names: Counter[str] = Counter()
    ways = 0
    for node in nodes:
        if node["name"] in _WINDOWS:
            ways += len({part.partition(" OVER (")[2] for part in _parts(node["extra_info"]["Projections"])})
        elif node["name"] not in _KEEPS_ORDER:
            names[node["name"]] += 1
    return names, ways


def _one_value(parent: Node, child: Node) -> bool:
    made = "\n".join(_parts(parent["extra_info"].get("Projections", "")))
    picked = _parts(child["extra_info"].get("Aggregates", ""))
    return picked == ['"first"(#0)', "count_star()"] and _ONE_VALUE.fullmatch(made) is not None


def _parts(text: str | list[str]) -> list[str]:
    return [part for part in ([text] if isinstance(text, str) else text) if part]


def _all_of(text: str | list[str], known: frozenset[str]) -> bool:
    functions = (_FUNCTION.match(part) for part in _parts(text))
    return all(function is not None and function[1] in known for function in functions)


def without_order(sql: str) -> str | None:
    """The statement without its last `order by`, where that changes only the order of its result; else None.

    >>> without_order("select a, list(b order by c) from t group by a order by a;")
    'select a, list(b order by c) from t group by a '
    >>> without_order("select a from t order by a limit 3") is None
    True
    """
    words = _outer_words(sql.encode())
    spoken = [word for _, word in words]
    if (
        "order" not in spoken
        or {"limit", "offset", "fetch"} & set(spoken)
        or ("distinct", "on") in itertools.pairwise(spoken)
    ):
        return None
    place = len(spoken) - 1 - spoken[::-1].index("order")
    if spoken[place + 1 : place + 2] != ["by"]:
        return None
    return sql.encode()[: words[place][0]].decode()


def _outer_words(text: bytes) -> list[tuple[int, str]]:
    """Words outside of all brackets, in lower case, with their places."""
    depth, words = 0, []
    for place, kind in duckdb.tokenize(text.decode()):
        first = text[place : place + 1]
        depth += (first in b"([{") - (first in b")]}") if kind == duckdb.token_type.operator else 0
        word = re.match(rb"\w*", text[place:])
        if depth == 0 and kind != duckdb.token_type.comment and word is not None:
            words.append((place, word[0].decode(errors="replace").lower()))
    return words
