"""What both databases promise: every clause of ordering, expiry and versions."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.errors import OnlineError, UnknownName
from headrace.store.online.base import Change, Fill, OnlineSchema, Read

T = datetime(2024, 5, 1, tzinfo=UTC)
H = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
SCHEMA = OnlineSchema(
    keys=(("id", "BIGINT"),),
    features=(("a", "BIGINT"), ("b", "VARCHAR")),
    ttl=86_400.0,
    created=True,
    environment="dev",
)


def row(key, hours, a, b="x", created=None, push=0):
    known = None if created is None else T + created * H
    return Change((key,), T + hours * H, known, (a, b), push=push)


def values(store, *keys, at=T + 10 * H):
    return [one.values for one in store.read("v", [(key,) for key in keys], at=at)]


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        pytest.param([row(1, 2, 20), row(1, 1, 10)], 20, id="unordered rows in a batch"),
        pytest.param([row(1, 2, 20, created=2), row(1, 2, 21, created=3)], 21, id="correction of an equal time"),
        pytest.param([row(1, 2, 21, created=3), row(1, 2, 20, created=2)], 21, id="the same, the other way round"),
        pytest.param([row(1, 2, 20, created=2), row(1, 2, 21)], 20, id="a null created loses"),
        pytest.param([row(1, 2, 20), row(1, 1, 99, created=9)], 20, id="late knowledge of an older time"),
        pytest.param([row(1, 2, None), row(1, 1, 10)], None, id="a null is a value"),
        pytest.param([row(1, 2, 20), row(1, 2, 21)], 21, id="a tie ends with the greatest values"),
        pytest.param([row(1, 2, 21), row(1, 2, 20)], 21, id="whatever the order"),
        pytest.param([row(1, 2, 20), row(1, 12, 30)], 20, id="what is still to come is not seen"),
        pytest.param([row(1, 2, 20), row(1, 3, 30, created=12)], 20, id="nor what is not known yet"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_latest_row_that_is_known_is_read(store, monkeypatch, rows, answer, together):
    monkeypatch.setattr("headrace.store.online.lmdb_store.now_micros", lambda: 0)
    monkeypatch.setattr("headrace.store.online.redis_store.now_micros", lambda: 0)
    for some in [rows] if together else [[one] for one in rows]:
        store.apply("v", SCHEMA, some, "1")
    assert values(store, 1) == [(answer, "x")]


def test_statuses(store):
    store.apply("v", SCHEMA, [row(1, 0, 10)], "1")
    edge = T + timedelta(days=1)
    for moment, status, found in [(T, "present", (10, "x")), (edge, "present", (10, "x")), (T - H, "missing", None)]:
        assert [(one.status, one.values) for one in store.read("v", [(1,)], at=moment)] == [(status, found)]
    (expired,) = store.read("v", [(1,)], at=edge + MICROSECOND)
    assert (expired.status, expired.values, expired.event_time) == ("expired", None, T)
    assert [one.status for one in store.read("v", [(2,), (None,)], at=T)] == ["missing", "missing"]


def test_values_that_change_in_steps(store):
    stepped = OnlineSchema(keys=SCHEMA.keys, features=SCHEMA.features, every=7200.0, ttl=3 * 3600.0)
    store.apply("v", stepped, [Change((1,), T + H, None, (10, "x"))], "1")
    found = [store.read("v", [(1,)], at=T + n * H)[0] for n in (1, 2, 4, 5)]
    assert [one.status for one in found] == ["missing", "present", "present", "expired"]


def test_without_a_ttl_nothing_expires(store):
    store.apply("v", OnlineSchema(keys=SCHEMA.keys, features=SCHEMA.features), [row(1, 0, 10)], "1")
    assert values(store, 1, at=datetime(9000, 1, 1)) == [(10, "x")]


def test_features_come_in_the_order_asked(store):
    store.apply("v", SCHEMA, [row(1, 0, 10), row(2, 0, None)], "1")
    assert [one.values for one in store.read("v", [(1,), (2,)], ["b", "a"], T)] == [("x", 10), ("x", None)]
    assert [one.values for one in store.read("v", [(2,), (1,)], ["a"], T)] == [(None,), (10,)]
    both = store.read_many([Read("v", [(1,)], ("a",)), Read("v", [(2,)])], T)
    assert [[one.values for one in found] for found in both] == [[(10,)], [(None, "x")]]


def test_what_is_asked_wrongly_is_said(store):
    with pytest.raises(OnlineError, match="online/v: it was never filled"):
        store.read("v", [(1,)])
    store.apply("v", SCHEMA, [row(1, 0, 10)], "1")
    with pytest.raises(UnknownName, match=r"online/v: unknown feature 'aa'. Did you mean 'a'\?"):
        store.read("v", [(1,)], ["aa"])
    with pytest.raises(OnlineError, match=r"key id is BIGINT, got '1' \(str\)"):
        store.read("v", [("1",)])
    with pytest.raises(OnlineError, match=r"a key has 2 value\(s\)"):
        store.read("v", [(1, 2)])
    with pytest.raises(OnlineError, match=r"a is BIGINT, got 'y' \(str\)"):
        store.apply("v", SCHEMA, [Change((1,), T + H, None, ("y", "x"))], "2")
    with pytest.raises(OnlineError, match="a row has 1 values"):
        store.apply("v", SCHEMA, [Change((1,), T + H, None, (1,))], "2")
    assert store.describe("v").version == "1"
    assert values(store, 1) == [(10, "x")]


def test_describe_and_forget(store):
    assert store.describe("v") is None
    assert store.views() == []
    store.apply("v", SCHEMA, [row(1, 0, 10), row(2, 3, 10)], "abc")
    found = store.describe("v")
    assert (found.version, found.latest, found.environment, found.features) == (
        "abc",
        T + 3 * H,
        "dev",
        SCHEMA.features,
    )
    store.apply("v", SCHEMA, [row(1, 1, 10)], None)
    assert store.describe("v").version == "abc"
    store.apply("w", SCHEMA, [row(1, 1, 10)], "1")
    assert store.views() == ["v", "w"]
    store.forget("v")
    assert store.views() == ["w"]
    assert store.describe("v") is None
    assert [one.values for one in store.read("w", [(1,)], at=T + H)] == [(10, "x")]


def fill(store, version, rows, *, gone=(), whole=False, pushes=(), covered=0):
    schema = OnlineSchema(**{**vars(SCHEMA), "version": version, "covered": covered})
    return store.fill("v", schema, Fill(rows, gone, whole, pushes))


def test_a_fill_replaces_what_a_version_had(store):
    fill(store, "1", [row(1, 0, 10), row(2, 0, 20), row(3, 0, 30)], whole=True)
    assert fill(store, "2", [row(1, -5, 11)], gone=[(3,)]) == 2
    assert values(store, 1, 2, 3) == [(11, "x"), (20, "x"), None]
    assert store.describe("v").version == "2"
    fill(store, "3", [row(4, 0, 40)], whole=True)
    assert values(store, 1, 2, 3, 4) == [None, None, None, (40, "x")]


def test_a_push_stays_until_a_version_covers_it(store):
    fill(store, "1", [row(1, 0, 10), row(2, 0, 20)], whole=True)
    store.apply("v", SCHEMA, [row(1, 5, 15, push=1), row(2, -5, 25, push=1)], None)
    assert values(store, 1, 2) == [(15, "x"), (20, "x")]
    store.apply("v", SCHEMA, [row(1, 3, 13, push=2)], None)
    fill(store, "2", [row(1, 1, 11)])
    assert values(store, 1) == [(15, "x")]
    fill(store, "3", [row(1, 2, 12)], covered=1)
    assert values(store, 1) == [(12, "x")]
    fill(store, "1", [row(1, 0, 10)], pushes=[row(1, 5, 15, push=1), row(1, 3, 13, push=2)])
    assert values(store, 1, 2) == [(15, "x"), (20, "x")]


def test_a_store_of_other_columns_is_filled_as_a_whole(store):
    fill(store, "1", [row(1, 0, 10)], whole=True)
    other = OnlineSchema(keys=SCHEMA.keys, features=(("c", "DOUBLE"),), version="2")
    with pytest.raises(OnlineError, match="only be filled as a whole"):
        store.fill("v", other, Fill([Change((1,), T, None, (1.5,))]))
    with pytest.raises(OnlineError, match="its columns are not those"):
        store.apply("v", other, [Change((1,), T, None, (1.5,))], None)
    assert values(store, 1) == [(10, "x")]
    store.fill("v", other, Fill([Change((1,), T, None, (1.5,))], whole=True))
    assert values(store, 1) == [(1.5,)]


def test_a_reader_sees_columns_change_under_it(store):
    fill(store, "1", [row(1, 0, 10)], whole=True)
    assert values(store, 1) == [(10, "x")]
    other = OnlineSchema(keys=(("id", "VARCHAR"),), features=(("c", "DOUBLE"),), version="2")
    store.fill("v", other, Fill([Change(("1",), T, None, (1.5,))], whole=True))
    assert store.read("v", [("1",)])[0].values == (1.5,)
    with pytest.raises(UnknownName, match="unknown feature 'a'"):
        store.read("v", [("1",)], ["a"])


def test_views_without_keys_or_times(store):
    keyless = OnlineSchema(keys=(), features=(("a", "BIGINT"),), timed=False)
    store.apply("k", keyless, [Change((), None, None, (5,))], "1")
    assert store.read("k", [()]) == [((5,), None, "present")]
    known = OnlineSchema(keys=(("id", "BIGINT"),), features=(("a", "BIGINT"),), timed=False, created=True)
    store.apply("c", known, [Change((1,), None, T + H, (6,)), Change((1,), None, T, (5,))], "1")
    assert [one.values for one in store.read("c", [(1,)], at=T + H)] == [(6,)]


def test_rows_without_key_or_time_are_never_seen(store):
    store.apply("v", SCHEMA, [Change((None,), T, None, (1, "x")), Change((1,), None, None, (1, "x"))], "1")
    assert values(store, None, 1) == [None, None]
