"""Each rule of point-in-time joins, then random rows against plain loops."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.point_in_time import AsOfJoin, as_of_sql
from headrace.engine.point_in_time_asked import ask
from headrace.engine.point_in_time_search import searched
from headrace.errors import DeclarationError
from tests.engine import naive

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
NOON = datetime(2024, 1, 10, 12)
SPINE = {"__row": "bigint", "key": "bigint", "at": "timestamp"}
VIEW = {"key": "bigint", "at": "timestamp", "created": "timestamp", "a": "bigint", "b": "varchar"}
JOIN = AsOfJoin("spine", "view_rows", (("key", "key"),), "at", "at", features=(("a", "a"), ("b", "b")))
CREATED = replace(JOIN, created="created")


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


def run(connection, join, spine, view, spine_types=SPINE, view_types=VIEW):
    naive.rows_table(connection, "spine", spine_types, spine)
    naive.rows_table(connection, "view_rows", view_types, view)
    rows = connection.sql(f"{as_of_sql(join)} order by __row").fetchall()
    assert [row[0] for row in rows] == list(range(len(spine)))
    found = [row[1:] for row in rows]
    for only in (None, "spine"):
        assert search(connection, join, only) == found
    return found


def search(connection, join, only=None, **options):
    """The same by the other plan, which reads the view from a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "view.parquet"
        connection.execute(f"copy (from {join.view}) to '{path}'").fetchall()
        view = searched(connection, join, path, only=only, **options)
        columns = view.take(ask(connection, join.spine, [ours for ours, _ in join.keys], join.spine_time))
        rows = connection.sql(f"select count(*) from {join.spine}").fetchall()[0][0]
        return list(zip(*(column.to_pylist() for column in columns), strict=True)) if columns else [()] * rows


def feature(at, a, b=None, key=1, created=None):
    return {"key": key, "at": at, "created": created, "a": a, "b": b}


def asked(at=NOON, key=1):
    return {"key": key, "at": at}


@pytest.mark.parametrize(("age", "seen"), [(timedelta(0), 5), (TICK, 5), (-TICK, None)])
def test_right_edge_is_closed_to_the_microsecond(connection, age, seen):
    assert run(connection, JOIN, [asked()], [feature(NOON - age, 5)]) == [(seen, None)]


@pytest.mark.parametrize(("age", "seen"), [(DAY, 5), (DAY - TICK, 5), (DAY + TICK, None)])
def test_ttl_edge_is_closed(connection, age, seen):
    assert run(connection, replace(JOIN, ttl=DAY), [asked()], [feature(NOON - age, 5)]) == [(seen, None)]


@pytest.mark.parametrize("ttl", [None, timedelta(0), timedelta.max])
def test_without_a_ttl_rows_hold_for_ever(connection, ttl):
    assert run(connection, replace(JOIN, ttl=ttl), [asked()], [feature(datetime(1900, 1, 1), 5)]) == [(5, None)]


def test_unknown_key_future_rows_and_expiry_keep_the_spine_row(connection):
    spine = [asked(key=1), asked(key=2), asked(key=3)]
    view = [feature(NOON + DAY, 1, key=2), feature(NOON - 2 * DAY, 2, key=3)]
    assert run(connection, replace(JOIN, ttl=DAY), spine, view) == [(None, None)] * 3


def test_ties_go_to_the_greatest_created_and_null_loses(connection):
    view = [feature(NOON, 1), feature(NOON, 2, created=NOON - 2 * DAY), feature(NOON, 3, created=NOON - 3 * DAY)]
    for known_only in (True, False):
        assert run(connection, replace(CREATED, known_only=known_only), [asked()], view) == [(2, None)]


def test_a_late_created_row_of_an_older_event_does_not_win(connection):
    view = [feature(NOON - DAY, 1, created=NOON), feature(NOON - TICK, 2, created=NOON - TICK)]
    for known_only in (True, False):
        assert run(connection, replace(CREATED, known_only=known_only), [asked()], view) == [(2, None)]


@pytest.mark.parametrize(("created", "seen"), [(NOON, 2), (NOON + TICK, 1), (None, 2), (datetime.max, 1)])
def test_what_was_created_later_is_hidden_behind_the_older_known_row(connection, created, seen):
    view = [feature(NOON - DAY, 1), feature(NOON - TICK, 2, created=created)]
    assert run(connection, CREATED, [asked()], view) == [(seen, None)]
    assert run(connection, replace(CREATED, known_only=False), [asked()], view) == [(2, None)]


def test_infinitely_late_creation_is_never_known(connection):
    view = [feature(NOON - DAY, 1), feature(NOON, 2)]
    naive.rows_table(connection, "view_rows", VIEW, view)
    naive.rows_table(connection, "spine", SPINE, [asked()])
    connection.execute("update view_rows set created = 'infinity' where a = 2").fetchall()
    assert connection.sql(as_of_sql(CREATED)).fetchall() == [(0, 1, None)]


def test_exact_duplicates_do_not_multiply(connection):
    assert run(connection, JOIN, [asked(), asked()], [feature(NOON, 5, "x")] * 3) == [(5, "x")] * 2


def test_an_unresolvable_tie_gives_one_whole_row_in_any_order(connection):
    view = [feature(NOON, 1, "z"), feature(NOON, 2, "a"), feature(NOON, None, "zz"), feature(NOON, 2, None)]
    for rows in (view, view[::-1]):
        assert run(connection, JOIN, [asked()], rows) == [(2, "a")]


def test_null_keys_never_match(connection):
    assert run(connection, JOIN, [asked(key=None)], [feature(NOON, 5, key=None)]) == [(None, None)]


@pytest.mark.parametrize("join", [JOIN, CREATED])
def test_null_times_see_and_show_nothing(connection, join):
    spine, view = [asked(at=None), asked()], [feature(None, 5), feature(NOON - DAY, 6)]
    assert run(connection, join, spine, view) == [(None, None), (6, None)]


def test_a_null_feature_is_a_value(connection):
    assert run(connection, JOIN, [asked()], [feature(NOON - DAY, 5, "x"), feature(NOON, None, "y")]) == [(None, "y")]


def test_duplicate_and_unordered_spine_rows_survive(connection):
    spine = [asked(NOON), asked(NOON - 2 * DAY), asked(NOON)]
    assert run(connection, JOIN, spine, [feature(NOON - DAY, 5)]) == [(5, None), (None, None), (5, None)]


@pytest.mark.parametrize(("spine", "view"), [([asked()], []), ([], [feature(NOON, 5)]), ([], [])])
def test_empty_tables_keep_the_schema(connection, spine, view):
    for join in (JOIN, CREATED, replace(JOIN, view_time=None)):
        assert run(connection, join, spine, view) == [(None, None)] * len(spine)
        assert [str(kind) for kind in connection.sql(as_of_sql(join)).types] == ["BIGINT", "BIGINT", "VARCHAR"]


def test_large_integers_stay_exact_next_to_nulls(connection):
    big = 2**53 + 1
    assert run(connection, JOIN, [asked(), asked(key=2)], [feature(NOON, big)]) == [(big, None), (None, None)]


def test_composite_keys_do_not_collide(connection):
    join = replace(JOIN, keys=(("k 1", "k1"), ('k"2', "k2")), features=(("out put", "a"),))
    spine = [{"k 1": "a", 'k"2': "bc", "at": NOON}, {"k 1": "ab", 'k"2': "c", "at": NOON}]
    view = [{"k1": "ab", "k2": "c", "at": NOON, "a": 1}]
    spine_types = {"__row": "bigint", "k 1": "varchar", 'k""2': "varchar", "at": "timestamp"}
    spine = [{**row, 'k""2': row['k"2']} for row in spine]
    view_types = {"k1": "varchar", "k2": "varchar", "at": "timestamp", "a": "bigint"}
    assert run(connection, join, spine, view, spine_types, view_types) == [(None,), (1,)]


@pytest.mark.parametrize("spine_kind", ["hugeint", "ubigint", "double", "decimal(20,1)", "float"])
def test_other_numbers_match_the_integers_that_they_equal(connection, spine_kind):
    given = [2**63 if spine_kind in ("hugeint", "ubigint") else 1.5, 1, 7]
    spine = [asked(key=key) for key in given]
    found = run(connection, JOIN, spine, [feature(NOON, 5)], {**SPINE, "key": spine_kind})
    assert found == [(None, None), (5, None), (None, None)]


@pytest.mark.parametrize("kinds", [("integer", "bigint"), ("bigint", "integer"), ("smallint", "hugeint")])
def test_integer_keys_of_different_widths_match(connection, kinds):
    spine_types, view_types = {**SPINE, "key": kinds[0]}, {**VIEW, "key": kinds[1]}
    for join in (JOIN, CREATED, replace(JOIN, view_time=None)):
        assert run(connection, join, [asked()], [feature(NOON, 5)], spine_types, view_types) == [(5, None)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("spine_kind", "view_kind"), [("timestamp", "timestamptz"), ("timestamptz", "timestamp"), ("timestamptz", "date")]
)
def test_naive_times_are_utc_whatever_the_session(connection, zone, spine_kind, view_kind):
    midnight = datetime(2024, 1, 10)
    moments = {"timestamp": midnight, "timestamptz": midnight.replace(tzinfo=UTC), "date": date(2024, 1, 10)}
    connection.execute(f"set TimeZone = '{zone}'").fetchall()
    spine_types, view_types = {**SPINE, "at": spine_kind}, {**VIEW, "at": view_kind}
    spine = [asked(moments[spine_kind]), asked(moments[spine_kind] - TICK)]
    found = run(connection, JOIN, spine, [feature(moments[view_kind], 5)], spine_types, view_types)
    connection.execute("reset TimeZone").fetchall()
    assert found == [(5, None), (None, None)]


@pytest.mark.parametrize("kind", ["timestamp_s", "timestamp_ms", "timestamp_ns", "date"])
def test_every_time_type_compares(connection, kind):
    view = [feature(datetime(2024, 1, 10), 5)]
    for types in ((SPINE, {**VIEW, "at": kind, "created": kind}), ({**SPINE, "at": kind}, VIEW)):
        assert run(connection, CREATED, [asked(datetime(2024, 1, 10))], view, *types) == [(5, None)]


def test_without_keys_rows_join_on_time_alone(connection):
    join = replace(JOIN, keys=())
    view = [feature(NOON - DAY, 1), feature(NOON, 2)]
    spine = [asked(), asked(NOON - TICK), asked(NOON - 2 * DAY), asked(None)]
    for one in (join, replace(join, created="created")):
        assert run(connection, one, spine, view) == [(2, None), (1, None), (None, None), (None, None)]


def test_without_time_there_is_one_whole_row_a_key(connection):
    view = [
        feature(None, 1, "z", created=NOON),
        feature(None, 3, "a"),
        feature(None, 4, "b", key=2),
        feature(None, 4, "a", key=2),
    ]
    timeless = replace(JOIN, view_time=None)
    assert run(connection, timeless, [asked(), asked(key=2), asked(key=None)], view) == [
        (3, "a"),
        (4, "b"),
        (None, None),
    ]
    assert run(connection, replace(timeless, created="created", spine_time=None), [asked()], view) == [(1, "z")]


def test_without_time_the_latest_known_row_holds(connection):
    join = replace(JOIN, view_time=None, created="created")
    view = [feature(None, 1), feature(None, 2, created=NOON), feature(None, 3, created=NOON + DAY)]
    spine = [asked(NOON - TICK), asked(), asked(NOON + DAY), asked(None)]
    assert [a for a, _ in run(connection, join, spine, view)] == [1, 2, 3, None]
    assert [a for a, _ in run(connection, replace(join, known_only=False), spine[:1], view)] == [3]


def test_without_a_spine_time_the_latest_row_of_a_key_is_taken(connection):
    view = [feature(NOON, 1), feature(NOON + DAY, 2, created=NOON), feature(NOON + DAY, 3), feature(None, 4)]
    assert run(connection, replace(CREATED, spine_time=None), [asked()], view) == [(2, None)]


def test_without_keys_or_time_every_row_gets_the_one_row(connection):
    join = replace(JOIN, keys=(), spine_time=None, view_time=None)
    assert run(connection, join, [asked(), asked(key=None)], [feature(None, 5)]) == [(5, None)] * 2


def test_no_features_and_repeated_columns(connection):
    assert run(connection, replace(JOIN, features=()), [asked()], [feature(NOON, 5)]) == [()]
    twice = replace(JOIN, features=(("x", "a"), ("key", "a"), ("at", "at")))
    assert run(connection, twice, [asked()], [feature(NOON, 5)]) == [(5, 5, NOON)]


def test_types_of_features_are_kept(connection):
    types = {
        "d": "decimal(12,3)",
        "f": "float",
        "l": "integer[]",
        "s": "struct(x integer)",
        "t": "timestamptz",
        "u": "blob",
    }
    join = replace(JOIN, features=tuple((name, name) for name in types))
    run(
        connection,
        join,
        [asked()] * 2,
        [{"key": 1, "at": NOON, "l": [2]}, {"key": 1, "at": NOON, "l": [1]}],
        SPINE,
        {**VIEW, **types},
    )
    assert (
        connection.sql(as_of_sql(join)).types[1:] == connection.sql(f"select {', '.join(types)} from view_rows").types
    )
    assert connection.sql(as_of_sql(join)).fetchall()[0][3] == [2]


@pytest.mark.parametrize("spine", ["read_parquet(['{path}'])", "(select * from spine)"])
def test_relations_may_be_any_sql(connection, tmp_path, spine):
    run(connection, JOIN, [asked()], [feature(NOON, 5)])
    connection.execute(f"copy spine to '{tmp_path / 's.parquet'}'").fetchall()
    join = replace(JOIN, spine=spine.format(path=tmp_path / "s.parquet"), view="(from view_rows)")
    assert connection.sql(as_of_sql(join)).fetchall() == [(0, 5, None)]


@pytest.mark.parametrize("created", [None, "created"])
def test_a_view_in_several_files(connection, tmp_path, created):
    """As a partitioned view is stored: its keys lie in several files, and so do their times."""
    join = replace(JOIN, created=created, ttl=2 * DAY)
    view = [feature(NOON - n * DAY, n, f"t{n}", key=n % 3, created=NOON - (n % 2) * DAY) for n in range(12)]
    spine = [asked(NOON - n * DAY, key) for n in range(12) for key in (0, 1, 2, 3)]
    expected = run(connection, join, spine, view)
    for part in range(3):
        query = f"select * from view_rows where a % 3 = {part} or a = {part} order by a desc"
        connection.execute(f"copy ({query}) to '{tmp_path / f'{part}.parquet'}'").fetchall()
    for only in (None, "spine"):
        columns = searched(connection, join, tmp_path, only=only).take(ask(connection, "spine", ["key"], "at"))
        assert list(zip(*(column.to_pylist() for column in columns), strict=True)) == expected


@pytest.mark.parametrize("known_by", [NOON - DAY, (NOON - DAY).replace(tzinfo=UTC)])
@pytest.mark.parametrize("created", [None, "created"])
def test_what_was_not_known_by_a_moment_is_left_out(connection, known_by, created):
    view = [feature(NOON - 2 * DAY, 1), feature(NOON - 2 * DAY, 2, created=NOON), feature(NOON, 3, created=NOON - DAY)]
    run(connection, replace(JOIN, created=created), [asked(), asked(NOON + DAY)], view)
    found = search(connection, replace(JOIN, created=created), known_by=known_by)
    assert [a for a, _ in found] == ([3, 3] if created else [2, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ttl": -DAY}, "view_rows: the ttl -1 day, 0:00:00 is negative"),
        ({"ttl": DAY, "view_time": None}, "needs a time on both sides"),
        ({"ttl": DAY, "spine_time": None}, "needs a time on both sides"),
    ],
)
def test_a_ttl_must_mean_something(changes, message):
    with pytest.raises(DeclarationError, match=message):
        replace(JOIN, **changes)


KEYS = st.sampled_from([1, 1, 1, 2, None])
TIMES = st.sampled_from([NOON + n * TICK for n in range(6)])
MAYBE_TIMES = st.one_of(st.none(), TIMES)
SPINES = st.lists(st.builds(asked, MAYBE_TIMES, KEYS), max_size=8)
VALUES = st.sampled_from([1, 2, 3, None])
VIEWS = st.lists(
    st.builds(feature, MAYBE_TIMES, VALUES, st.sampled_from(["x", "y", None]), KEYS, MAYBE_TIMES), max_size=12
)
TTLS = st.sampled_from([None, TICK, 2 * TICK])


@pytest.mark.parametrize(("age", "seen"), [(timedelta(0), 5), (TICK, 5), (-TICK, None), (timedelta(hours=5), 5)])
def test_with_steps_the_last_one_is_what_is_seen(connection, age, seen):
    step = replace(JOIN, every=timedelta(hours=6))
    later = asked(NOON + timedelta(hours=5, minutes=59))
    assert run(connection, step, [asked(), later], [feature(NOON - age, 5)]) == [(seen, None)] * 2


def test_with_steps_a_value_expires_at_its_own_moment(connection):
    step = replace(JOIN, every=DAY, ttl=DAY)
    spine = [asked(NOON), asked(NOON + TICK), asked(NOON + timedelta(hours=23))]
    view = [feature(NOON - DAY, 5), feature(NOON - timedelta(hours=1), 6)]
    assert run(connection, step, spine, view) == [(5, None), (None, None), (6, None)]


@settings(max_examples=100, deadline=None)
@given(
    spine=SPINES,
    view=VIEWS,
    ttl=TTLS,
    created=st.booleans(),
    known_only=st.booleans(),
    every=st.sampled_from([None, 2 * TICK, 3 * TICK]),
)
def test_equals_the_naive_loop(connection, spine, view, ttl, created, known_only, every):
    join = replace(JOIN, ttl=ttl, created="created" if created else None, known_only=known_only, every=every)
    rows = view if created else [{**row, "created": None} for row in view]
    expected = naive.as_of(spine, rows, ["a", "b"], ttl=ttl, known_only=known_only, every=every)
    assert run(connection, join, spine, view) == expected


@settings(max_examples=20, deadline=None)
@given(spine=SPINES, view=VIEWS, later=VIEWS, ttl=TTLS, created=st.booleans())
def test_nothing_after_the_moment_is_seen(connection, spine, view, later, ttl, created):
    """What happened, or became known, after a row's moment may be anything at all."""
    join = replace(JOIN, ttl=ttl, created="created" if created else None)
    for row in spine:
        past = [one for one in view if naive.visible(one if created else {"at": one["at"]}, row["at"], True)]
        future = [{**one, "at": NOON + (6 + number) * TICK} for number, one in enumerate(later)]
        future += [{**one, "created": NOON + 6 * TICK} for one in later if created]
        assert run(connection, join, [row], past + future) == run(connection, join, [row], view)
