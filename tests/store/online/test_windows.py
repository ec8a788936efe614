"""Windows read online equal plain loops over the events, at any moment; and what a record of events keeps."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import OnlineError
from headrace.store.online.base import Change, OnlineSchema
from headrace.store.online.layout import layout_json, layout_of, read_schema
from headrace.store.online.times import micros
from tests.engine import naive

T = datetime(2024, 5, 1)
HOUR = timedelta(hours=1)
FUNCTIONS = dict.fromkeys(("count", "count_distinct", "sum", "mean", "min", "max", "first", "last", "stddev"))
FUNCTIONS |= {"last_k": 2, "top_k": 2, "quantile": 0.3}
LENGTHS = {"1h": HOUR, "5h": 5 * HOUR, "all": None}
TTL = 8 * HOUR


def reach(length):
    return TTL // timedelta(microseconds=1) if length is None else length // timedelta(microseconds=1) - 1


DEFINITIONS = [
    {
        "name": f"{function}_{text}_{where}",
        "function": function,
        "column": "v",
        "reach": reach(length),
        "where": where,
        "parameter": parameter,
    }
    for function, parameter in FUNCTIONS.items()
    for text, length in LENGTHS.items()
    for where in (None, "w")
] + [{"name": "events", "function": "count", "column": None, "reach": reach(5 * HOUR), "where": None}]


def schema(**changes):
    return OnlineSchema(
        keys=(("id", "BIGINT"),),
        features=tuple((one["name"], "DOUBLE") for one in DEFINITIONS),
        columns=(("v", "DOUBLE"), ("w", "BOOLEAN")),
        windows=tuple(DEFINITIONS),
        created=True,
        **changes,
    )


hours = st.integers(0, 12).map(lambda count: count * HOUR / 2)
events = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.just(1),
            "at": hours.map(lambda hour: T + hour),
            "created": st.none() | hours.map(lambda hour: T + hour),
            "v": st.none() | st.integers(-3, 3).map(float),
            "w": st.booleans(),
        }
    ),
    max_size=8,
)


def changes(rows):
    return [Change((1,), one["at"], one["created"], (one["v"], one["w"])) for one in rows]


def expected(rows, moment):
    spine = [{"key": 1, "at": moment}]
    found = []
    for one in DEFINITIONS:
        length = None if one["reach"] == reach(None) else timedelta(microseconds=one["reach"] + 1)
        condition = (lambda event: event["w"]) if one["where"] else (lambda event: True)
        options = {"parameter": one.get("parameter"), "ttl": TTL, "where": condition}
        found += naive.window(spine, rows, one["function"], one["column"], length, **options)
    return found


def same(one, other):
    if isinstance(one, list):
        return one == other
    return one == other or (one is not None and other is not None and math.isclose(one, other, abs_tol=1e-12))


@given(events, hours)
def test_windows_equal_plain_loops(rows, hour):
    layout = layout_of("v", read_schema(layout_json(schema())))
    record = layout.merged(None, changes(rows), 0)
    found = layout.answer(None)([record], micros(T + hour))[0]
    for definition, one, other in zip(DEFINITIONS, found.values, expected(rows, T + hour), strict=True):
        assert same(one, other), definition


@given(events, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_count(rows, random):
    layout = layout_of("v", schema())
    shuffled = random.sample(rows, len(rows))
    record = None
    for one in changes(shuffled):
        record = layout.merged(record, [one], 0)
    assert record == layout.merged(None, changes(rows), 0)


def test_an_entity_without_events_has_the_values_of_none():
    found = layout_of("v", schema()).answer(("count_1h_None", "sum_1h_None", "events"))([None], micros(T))[0]
    assert (found.values, found.event_time, found.status) == ((0, None, 0), None, "missing")


def test_windows_that_move_in_steps():
    layout = layout_of("v", schema(every=3600.0))
    record = layout.merged(None, [Change((1,), T + HOUR / 2, None, (1.0, True))], 0)
    answer = layout.answer(("events",))
    assert [answer([record], micros(T + HOUR * n / 4))[0].values for n in (2, 3, 4)] == [(0,), (0,), (1,)]


def test_a_moment_before_the_events_that_are_kept_is_refused():
    answer = layout_of("v", schema(complete_from=T.replace(tzinfo=UTC))).answer(("count_1h_None",))
    assert answer([None], micros(T + HOUR))[0].values == (0,)
    with pytest.raises(OnlineError, match="reach back further than the events that are kept"):
        answer([None], micros(T + HOUR / 2))


def test_an_event_with_the_same_identity_is_a_correction():
    layout = layout_of("v", schema())
    first = Change((1,), T, None, (1.0, True), b"a" * 16)
    second = Change((1,), T, T, (5.0, True), b"a" * 16, push=3)
    other = Change((1,), T, None, (7.0, True), b"b" * 16)
    for order in ([first, second, other], [other, second, first]):
        record = None
        for one in order:
            record = layout.merged(record, [one], 0)
        assert layout.answer(("count_1h_None", "sum_1h_None"))([record], micros(T))[0].values == (2, 12.0)
    assert layout.has_pushes(record)


def test_a_function_of_a_newer_headrace_is_refused():
    newer = {"name": "x", "function": "entropy", "column": "v", "reach": None, "where": None}
    with pytest.raises(OnlineError, match="x is a entropy, which this version of Headrace does not know"):
        layout_of("v", OnlineSchema(keys=(), features=(("x", "DOUBLE"),), columns=(("v", "DOUBLE"),), windows=(newer,)))


def test_sums_that_do_not_fit_are_said():
    definition = {"name": "s", "function": "sum", "column": "v", "reach": None, "where": None}
    made = OnlineSchema(keys=(), features=(("s", "BIGINT"),), columns=(("v", "BIGINT"),), windows=(definition,))
    layout = layout_of("v", made)
    record = layout.merged(None, [Change((), T, None, (2**63 - 1,)), Change((), T, None, (1,))], 0)
    with pytest.raises(OnlineError, match="s: the sum does not fit its type"):
        layout.answer(None)([record], micros(T))
