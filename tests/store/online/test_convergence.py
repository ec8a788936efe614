"""Late rows, corrections, pushes and fills lead to the same state in any order, and to the right answer."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headrace.store.online.base import Change, OnlineSchema
from headrace.store.online.layout import layout_of
from headrace.store.online.times import micros
from tests.engine import naive

T = datetime(2024, 5, 1)
HOUR = timedelta(hours=1)
SCHEMA = OnlineSchema(
    keys=(("id", "BIGINT"),), features=(("a", "BIGINT"), ("b", "VARCHAR")), created=True, ttl=5 * 3600.0
)
LAYOUT = layout_of("v", SCHEMA)

moments = st.integers(0, 8).map(lambda count: T + count * HOUR)
rows = st.builds(
    lambda at, created, a, b: Change((1,), at, created, (a, b)),
    moments,
    st.none() | moments,
    st.none() | st.integers(0, 2),
    st.none() | st.sampled_from("xy"),
)
histories = st.lists(rows, max_size=7)


def expected(history, moment):
    view = [
        {"key": 1, "at": one.event_time, "created": one.created, "a": one.values[0], "b": one.values[1]}
        for one in history
    ]
    return naive.as_of([{"key": 1, "at": moment}], view, ["a", "b"], ttl=5 * HOUR)[0]


def answer(record, moment, layout=LAYOUT):
    return layout.answer(None)([record], micros(moment))[0].values or (None, None)


@given(histories, st.randoms(use_true_random=False), moments, moments)
def test_any_order_and_batches_lead_to_the_same_answers(history, random, now, later):
    at_once = LAYOUT.merged(None, history, micros(now))
    record = None
    for one in random.sample(history, len(history)):
        record = LAYOUT.merged(record, [one, one], micros(now))
    assert record == at_once
    if later >= now:
        assert answer(record, later) == expected(history, later)


@given(histories, histories, st.randoms(use_true_random=False), moments, st.integers(0, 7))
def test_fills_and_pushes_in_any_order_end_alike(filled, pushed, random, now, covered):
    """What is read after a fill is the latest of what its version has and of the pushes after it."""
    pushes = [one._replace(push=number) for number, one in enumerate(pushed, 1)]
    covered = min(covered, len(pushes))
    before = LAYOUT.refilled(None, filled, micros(now))
    for one in random.sample(pushes, len(pushes)):
        before = LAYOUT.merged(before, [one], micros(now)) if before else LAYOUT.merged(None, [one], micros(now))
    version = [*filled, *(one._replace(push=0) for one in pushes[:covered])]
    layout = layout_of("v", OnlineSchema(**{**vars(SCHEMA), "covered": covered}))
    after = layout.refilled(before, version, micros(now))
    again = layout.merged(after, pushes[covered:], micros(now))
    assert answer(after, now, layout) == answer(again, now, layout) == expected([*filled, *pushes], now)
    assert layout.refilled(again, version, micros(now)) == again
