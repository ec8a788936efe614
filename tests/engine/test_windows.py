"""Each rule of windows under every plan, then random events against plain loops."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.declarations.aggregate import FUNCTIONS
from headrace.engine.point_in_time_asked import ask
from headrace.engine.windows import WindowFeature, WindowJoin, merged_sql, paired_sql, split_sql, windows_sql
from headrace.engine.windows_read import read_windows
from headrace.errors import DeclarationError, HeadraceError, UnknownName
from tests.engine import naive

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
PARAMETERS = {"last_k": 2, "top_k": 2, "quantile": 0.3}
MIDNIGHT = datetime(2024, 1, 10)
SPINE = {"__row": "bigint", "key": "bigint", "at": "timestamp"}
EVENTS = {"key": "bigint", "at": "timestamp", "created": "timestamp", "v": "bigint", "w": "varchar"}
COUNT = WindowFeature("n", "count", None, 7 * DAY)
JOIN = WindowJoin("spine", "events", (("key", "key"),), "at", "at", features=(COUNT,))
PLANS = {
    "arrays": lambda join: join,
    "default": windows_sql,
    "paired": paired_sql,
    "merged": merged_sql,
    "split": lambda join: split_sql(join, 0),
}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture(params=PLANS)
def plan(request):
    return PLANS[request.param]


def fill(connection, spine, events, spine_types=SPINE, event_types=EVENTS):
    naive.rows_table(connection, "spine", spine_types, spine)
    naive.rows_table(connection, "events", event_types, events)


def by_arrays(connection, join, only=None, **options):
    """The plan that reads the events from a file; None where it leaves a join to SQL."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        connection.execute(f"copy (from {join.events}) to '{path}'").fetchall()
        if connection.table(join.events).types != connection.read_parquet(str(path)).types:
            return None  # a type that Parquet does not know
        events = read_windows(connection, join, path, only=only, **options)
        if events is None:
            return None
        columns = events.take(ask(connection, join.spine, [ours for ours, _ in join.keys], join.spine_time))
        rows = connection.sql(f"select count(*) from {join.spine}").fetchall()[0][0]
        return list(zip(*(column.to_pylist() for column in columns), strict=True)) if columns else [()] * rows


def evaluate(connection, sql):
    if not isinstance(sql, str):
        found = by_arrays(connection, sql)
        assert found == by_arrays(connection, sql, only="spine")
        return evaluate(connection, windows_sql(sql)) if found is None else found
    rows = connection.sql(f"from ({sql}) order by __row").fetchall()
    assert [row[0] for row in rows] == list(range(len(rows)))
    return [row[1:] for row in rows]


def one(function, column="v", window=7 * DAY, where=None):
    return replace(JOIN, features=(WindowFeature("x", function, column, window, where),))


def event(at, v=1, w=None, key=1, created=None):
    return {"key": key, "at": at, "created": created, "v": v, "w": w}


def asked(at=MIDNIGHT, key=1):
    return {"key": key, "at": at}


def test_seven_days_at_midnight_hold_seven_daily_events(connection, plan):
    fill(connection, [asked()], [event(MIDNIGHT - n * DAY) for n in range(-3, 12)])
    assert evaluate(connection, plan(JOIN)) == [(7,)]


@pytest.mark.parametrize(("age", "count"), [(timedelta(0), 1), (-TICK, 0), (7 * DAY - TICK, 1), (7 * DAY, 0)])
def test_right_edge_closed_left_edge_open_to_the_microsecond(connection, plan, age, count):
    fill(connection, [asked()], [event(MIDNIGHT - age)])
    assert evaluate(connection, plan(JOIN)) == [(count,)]


@pytest.mark.parametrize(
    ("ttl", "count"), [(None, 3), (timedelta(0), 3), (timedelta.max, 3), (DAY, 2), (DAY - TICK, 1)]
)
def test_without_a_window_the_ttl_bounds_with_its_edge_closed(connection, plan, ttl, count):
    fill(connection, [asked()], [event(MIDNIGHT - age) for age in (timedelta(0), DAY, 4000 * DAY)])
    join = replace(JOIN, ttl=ttl, features=(replace(COUNT, window=None), replace(COUNT, name="m", window=2 * DAY)))
    assert evaluate(connection, plan(join)) == [(count, 2)]


@pytest.mark.parametrize("window", [DAY, None])
def test_no_event_gives_zero_counts_and_nulls(connection, plan, window):
    features = tuple(WindowFeature(name, name, "v", window, None, PARAMETERS.get(name)) for name in FUNCTIONS)
    spine = [asked(MIDNIGHT - 3 * DAY), asked(key=2), asked(key=None), asked(at=None)]
    fill(connection, spine, [event(MIDNIGHT - 2 * DAY), event(MIDNIGHT, key=None), event(None)])
    empty = tuple(0 if name.startswith("count") else None for name in FUNCTIONS)
    assert evaluate(connection, plan(replace(JOIN, features=features))) == [empty] * 4


def test_count_of_a_column_leaves_out_nulls(connection, plan):
    fill(connection, [asked()], [event(MIDNIGHT, None), event(MIDNIGHT, 1), event(MIDNIGHT, 1)])
    features = (COUNT, WindowFeature("v", "count", "v", DAY), WindowFeature("d", "count_distinct", "v", DAY))
    assert evaluate(connection, plan(replace(JOIN, features=features))) == [(3, 2, 1)]


def test_equal_events_are_each_counted_and_spine_rows_never(connection, plan):
    fill(connection, [asked()] * 3 + [asked(MIDNIGHT - TICK)], [event(MIDNIGHT)] * 2)
    assert evaluate(connection, plan(JOIN)) == [(2,)] * 3 + [(0,)]


def test_where_keeps_events_and_null_is_no(connection, plan):
    fill(connection, [asked()], [event(MIDNIGHT - n * TICK, n, w) for n, w in enumerate(["a", "b", "a", None])])
    features = [WindowFeature(f"{name}_b", name, "v", DAY, "w <> 'a'") for name in ("sum", "first", "last", "count")]
    features += [WindowFeature("a", "sum", "v", DAY, "w = 'a' or w = 'zz'"), WindowFeature("all", "sum", "v", DAY)]
    assert evaluate(connection, plan(replace(JOIN, features=tuple(features)))) == [(1, 1, 1, 1, 2, 6)]


def test_first_and_last_take_null_values(connection, plan):
    fill(connection, [asked()], [event(MIDNIGHT - 2 * TICK, None), event(MIDNIGHT - TICK, 5), event(MIDNIGHT, None)])
    join = replace(JOIN, features=(WindowFeature("f", "first", "v", DAY), WindowFeature("l", "last", "v", DAY)))
    assert evaluate(connection, plan(join)) == [(None, None)]


@pytest.mark.parametrize("created", [None, "created"])
def test_ties_of_first_and_last_end_by_created_then_value(connection, plan, created):
    rows = [event(MIDNIGHT, 9), event(MIDNIGHT, 1, created=MIDNIGHT), event(MIDNIGHT, 2, created=MIDNIGHT)]
    join = replace(JOIN, created=created, known_only=False)
    join = replace(join, features=(WindowFeature("f", "first", "v", DAY), WindowFeature("l", "last", "v", DAY)))
    for events in (rows, rows[::-1]):
        fill(connection, [asked()], events)
        assert evaluate(connection, plan(join)) == [(9, 2) if created else (1, 9)]


@pytest.mark.parametrize(("created", "count"), [(MIDNIGHT, 1), (MIDNIGHT + TICK, 0), (None, 1)])
def test_an_event_counts_once_it_is_known(connection, created, count):
    fill(connection, [asked()], [event(MIDNIGHT - DAY, created=created)])
    assert evaluate(connection, windows_sql(replace(JOIN, created="created"))) == [(count,)]
    assert evaluate(connection, windows_sql(replace(JOIN, created="created", known_only=False))) == [(1,)]


@pytest.mark.parametrize("made", [merged_sql, split_sql])
def test_a_timeline_refuses_late_events(made):
    with pytest.raises(DeclarationError, match="windows over events: a timeline cannot hide late events"):
        made(replace(JOIN, created="created"))


@pytest.mark.parametrize(
    ("kind", "values", "total", "result"),
    [
        ("tinyint", [100, 100], 200, "BIGINT"),
        ("bigint", [2**53, 1], 2**53 + 1, "BIGINT"),
        ("hugeint", [2**64, 1], 2**64 + 1, "HUGEINT"),
        ("boolean", [True, True], 2, "BIGINT"),
        ("double", [0.5, 0.25], 0.75, "DOUBLE"),
        ("float", [0.5, 0.25], 0.75, "FLOAT"),
        ("decimal(4,2)", [Decimal("99.99"), Decimal("0.02")], Decimal("100.01"), "DECIMAL(21,2)"),
    ],
)
def test_sums_stay_exact_in_their_family(connection, plan, kind, values, total, result):
    fill(connection, [asked()], [event(MIDNIGHT, v) for v in (*values, None)], SPINE, {**EVENTS, "v": kind})
    assert evaluate(connection, plan(one("sum"))) == [(total,)]
    plan = windows_sql if plan is PLANS["arrays"] else plan
    assert [str(found) for found in connection.sql(plan(one("sum"))).types] == ["BIGINT", result]


def test_a_sum_that_does_not_fit_raises(connection, plan):
    fill(connection, [asked()], [event(MIDNIGHT, 2**62), event(MIDNIGHT, 2**62)])
    with pytest.raises((duckdb.ConversionException, HeadraceError), match=r"9223372036854775808|too large for BIGINT"):
        evaluate(connection, plan(one("sum")))


@pytest.mark.parametrize("function", ["min", "max", "first", "last"])
@pytest.mark.parametrize("kind", ["varchar", "timestamptz", "decimal(9,3)", "integer[]", "struct(a integer)"])
def test_picked_values_keep_their_type(connection, plan, function, kind):
    fill(connection, [asked()], [event(MIDNIGHT, None)], SPINE, {**EVENTS, "v": kind})
    assert evaluate(connection, plan(one(function))) == [(None,)]
    plan = windows_sql if plan is PLANS["arrays"] else plan
    assert connection.sql(plan(one(function))).types[1] == connection.sql("select v from events").types[0]


@pytest.mark.parametrize("spine_key", ["integer", "hugeint", "bigint"])
def test_keys_of_different_widths_and_aware_times_match(connection, plan, spine_key):
    connection.execute("set TimeZone = 'America/New_York'").fetchall()
    events = [event(MIDNIGHT.replace(tzinfo=UTC)), event(MIDNIGHT.replace(tzinfo=UTC) + TICK)]
    fill(connection, [asked()], events, {**SPINE, "key": spine_key}, {**EVENTS, "at": "timestamptz"})
    found = evaluate(connection, plan(JOIN))
    connection.execute("reset TimeZone").fetchall()
    assert found == [(1,)]


def test_composite_keys_do_not_collide(connection, plan):
    types = {"a": "varchar", "b": "varchar", "at": "timestamp"}
    fill(
        connection,
        [{"a": "x", "b": "yz", "at": MIDNIGHT}],
        [{"a": "xy", "b": "z", "at": MIDNIGHT}],
        {"__row": "bigint", **types},
        types,
    )
    assert evaluate(connection, plan(replace(JOIN, keys=(("a", "a"), ("b", "b"))))) == [(0,)]
    assert evaluate(connection, plan(replace(JOIN, keys=()))) == [(1,)]


@pytest.mark.parametrize(("spine", "events"), [([asked()], []), ([], [event(MIDNIGHT)]), ([], [])])
def test_empty_tables_keep_the_schema(connection, plan, spine, events):
    fill(connection, spine, events)
    assert evaluate(connection, plan(one("mean"))) == [(None,)] * len(spine)
    plan = windows_sql if plan is PLANS["arrays"] else plan
    assert [str(kind) for kind in connection.sql(plan(one("mean"))).types] == ["BIGINT", "DOUBLE"]


def test_a_join_without_features_gives_the_rows(connection, plan):
    fill(connection, [asked(), asked(None)], [event(MIDNIGHT)] * 3)
    assert evaluate(connection, plan(replace(JOIN, features=()))) == [(), ()]


def test_the_split_plan_sends_only_crowded_keys_to_the_timeline(connection):
    spine = [asked(MIDNIGHT + n * TICK, key) for n in range(9) for key in (1, 2, None)]
    fill(connection, spine, [event(MIDNIGHT + n * TICK, key=key) for key, n in [(1, 0), *((2, n) for n in range(9))]])
    expected = evaluate(connection, paired_sql(JOIN))
    assert evaluate(connection, split_sql(JOIN, 3)) == expected == evaluate(connection, split_sql(JOIN, 100))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("x", "total", "v", DAY), "window feature x: unknown function 'total'"),
        (("x", "sum", None, DAY), "window feature x: sum needs a column"),
        (("x", "sum", "v", timedelta(0)), "window feature x: the window 0:00:00 has no length"),
    ],
)
def test_features_that_mean_nothing_are_refused(given, message):
    with pytest.raises(DeclarationError, match=message):
        WindowFeature(*given)


def test_an_unknown_function_says_which_exist():
    with pytest.raises(UnknownName, match="Did you mean 'count'"):
        WindowFeature("x", "counts", None, DAY)


def test_a_negative_ttl_is_refused():
    with pytest.raises(DeclarationError, match="the ttl -1 day, 0:00:00 is negative"):
        replace(JOIN, ttl=-DAY)


NUMBERS = ["double", "float", "integer", "utinyint"]
ANY = [*NUMBERS, "boolean", "varchar", "date", "timestamptz"]
TYPED = [(function, kind) for function in ("min", "max", "count_distinct", "top_k") for kind in ANY]
TYPED += [(function, kind) for function in ("sum", "mean", "stddev", "quantile") for kind in NUMBERS]


@pytest.mark.parametrize(("function", "kind"), [*TYPED, ("sum", "boolean")])
def test_arrays_give_what_sql_gives_for_every_type(connection, function, kind):
    values = {"double": [1.5, float("nan"), -2.0, float("inf"), 0.25], "boolean": [True, False, True, True, False]}
    values |= {"varchar": ["b", "", "ä", "Z", "b"], "date": [MIDNIGHT.date() - n * DAY for n in (5, 1, 3, 1, 2)]}
    values |= {"timestamptz": [MIDNIGHT.replace(tzinfo=UTC) - n * DAY for n in (5, 1, 3, 1, 2)]}
    given = values.get(kind, [3, 1, 2, 1, 7])
    given = [1.5, 0.1, -2.0, 3.25, 0.25] if function == "stddev" and kind == "double" else given
    spine = [asked(MIDNIGHT + n * DAY) for n in range(-1, 6)]
    fill(connection, spine, [event(MIDNIGHT + n * DAY, v) for n, v in enumerate(given)], SPINE, {**EVENTS, "v": kind})
    parameter = PARAMETERS.get(function)
    features = tuple(WindowFeature(f"x{n}", function, "v", n * DAY, None, parameter) for n in (1, 2, 3, 4))
    join = replace(JOIN, features=features)
    found, expected = by_arrays(connection, join), evaluate(connection, windows_sql(join))
    assert rounded(found) == rounded(expected)


def rounded(rows):
    """As text, since NaN equals nothing and time zones have several names."""
    return [
        [
            str(round(one, 9) if isinstance(one, float) else [*map(str, one)] if isinstance(one, list) else one)
            for one in row
        ]
        for row in rows
    ]


KEYS = st.sampled_from([1, 1, 1, 2, None])
TIMES = st.sampled_from([MIDNIGHT + n * TICK for n in range(6)])
MAYBE_TIMES = st.one_of(st.none(), TIMES)
SPINES = st.lists(st.builds(asked, MAYBE_TIMES, KEYS), max_size=8)
VALUES = st.sampled_from([1, 2, 7, None])
ROWS = st.lists(
    st.builds(event, MAYBE_TIMES, VALUES, st.sampled_from(["x", "y", None]), KEYS, MAYBE_TIMES), max_size=12
)
LENGTHS = (None, TICK, 3 * TICK)
CONDITIONS = {None: lambda event: True, "w = 'x'": lambda event: event["w"] == "x"}
EVERY = [("count", None), *((function, "v") for function in FUNCTIONS)]
EVERY += [(function, "w") for function in ("min", "max", "first", "last", "last_k", "top_k", "count_distinct")]
CASES = [(function, column, length, where) for function, column in EVERY for length in LENGTHS for where in CONDITIONS]
EVERYTHING = replace(
    JOIN,
    features=tuple(WindowFeature(f"f{n}", *case, PARAMETERS.get(case[0])) for n, case in enumerate(CASES)),
)


def expected_rows(spine, events, **options):
    columns = [
        naive.window(
            spine,
            events,
            function,
            column,
            length,
            parameter=PARAMETERS.get(function),
            where=CONDITIONS[where],
            **options,
        )
        for function, column, length, where in CASES
    ]
    return [Close(row) for row in zip(*columns, strict=True)]


class Close(tuple):
    """A row that equals another but for the last digits of its numbers."""

    def __eq__(self, other):
        return len(self) == len(other) and all(
            pytest.approx(one) == two if isinstance(one, float) else one == two
            for one, two in zip(self, other, strict=True)
        )

    __hash__ = tuple.__hash__


@settings(max_examples=8, deadline=None)
@given(spine=SPINES, events=ROWS, ttl=st.sampled_from([None, 2 * TICK]), created=st.booleans())
def test_every_function_and_plan_equals_the_naive_loop(connection, spine, events, ttl, created):
    fill(connection, spine, events)
    join = replace(EVERYTHING, ttl=ttl, created="created" if created else None, known_only=False)
    rows = events if created else [{**row, "created": None} for row in events]
    expected = expected_rows(spine, rows, ttl=ttl, known_only=False)
    for made in (paired_sql, merged_sql, lambda join: split_sql(join, 1)):
        assert evaluate(connection, made(join)) == expected


@settings(max_examples=150, deadline=None)
@given(
    spine=SPINES,
    events=ROWS,
    ttl=st.sampled_from([None, 2 * TICK]),
    created=st.booleans(),
    known_only=st.booleans(),
    every=st.sampled_from([None, 2 * TICK]),
)
def test_arrays_equal_the_naive_loop(connection, spine, events, ttl, created, known_only, every):
    fill(connection, spine, events)
    join = replace(EVERYTHING, ttl=ttl, created="created" if created else None, known_only=known_only, every=every)
    rows = events if created else [{**row, "created": None} for row in events]
    assert by_arrays(connection, join) == expected_rows(spine, rows, ttl=ttl, known_only=known_only, every=every)


@settings(max_examples=8, deadline=None)
@given(
    spine=SPINES, events=ROWS, ttl=st.sampled_from([None, 2 * TICK]), every=st.sampled_from([None, 2 * TICK, 3 * TICK])
)
def test_known_events_equal_the_naive_loop(connection, spine, events, ttl, every):
    fill(connection, spine, events)
    join = replace(EVERYTHING, ttl=ttl, created="created", every=every)
    expected = expected_rows(spine, events, ttl=ttl, every=every)
    assert evaluate(connection, windows_sql(join)) == expected
    assert by_arrays(connection, join) == expected


@settings(max_examples=4, deadline=None)
@given(moment=TIMES, events=ROWS, later=ROWS, created=st.booleans())
def test_nothing_after_the_moment_is_seen(connection, moment, events, later, created):
    """What happened, or became known, after a row's moment may be anything at all."""
    join = replace(EVERYTHING, created="created" if created else None)
    past = [row for row in events if naive.visible(row if created else {"at": row["at"]}, moment, True)]
    future = [{**row, "at": moment + (1 + number) * TICK} for number, row in enumerate(later)]
    future += [{**row, "created": moment + TICK} for row in later if created]
    fill(connection, [asked(moment)], events)
    expected = [Close(row) for row in evaluate(connection, windows_sql(join))]
    fill(connection, [asked(moment)], past + future)
    assert evaluate(connection, windows_sql(join)) == expected
