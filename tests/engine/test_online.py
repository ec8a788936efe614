"""A snapshot keeps what any later moment needs: reading it equals plain loops over all rows."""

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.declarations.online import OnlineView
from headrace.engine import online
from headrace.engine.feature_views import EVENTS
from headrace.engine.online_changes import Snapshots, schema_of
from headrace.engine.replay import equal
from headrace.engine.session import MAIN_TABLE, connect, write_parquet
from headrace.engine.workbench import Workbench
from headrace.store.online.layout import by_entity, layout_of
from headrace.store.online.times import micros
from tests.engine import naive

T = datetime(2024, 5, 1)
HOUR = timedelta(hours=1)
TYPES = {"key": "bigint", "at": "timestamp", "created": "timestamp", "v": "double", "w": "varchar"}
customer = hr.Entity("customer", keys=["key"])
rows = hr.Source("rows", path="rows.parquet", timestamp="at", created="created")
latest = hr.FeatureView("latest", entity=customer, source=rows, features=["v", "w"], ttl="6h")
windows = hr.FeatureView(
    "windows",
    entity=customer,
    source=rows,
    ttl="6h",
    features={
        "n_{window}": hr.Aggregate("count", over=["1h", "3h"]),
        "sum_3h": hr.Aggregate("sum", "v", over="3h", where="w = 'x'"),
        "last_all": hr.Aggregate("last", "w"),
        "top": hr.Aggregate("top_k", "w", over="3h", k=1),
    },
)
moments = st.integers(0, 12).map(lambda count: T + count * HOUR / 2)
history = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.none() | st.integers(1, 2),
            "at": moments,
            "created": st.none() | moments,
            "v": st.none() | st.integers(0, 2).map(float),
            "w": st.none() | st.sampled_from("xy"),
        }
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def connection():
    with connect(threads=1) as made:
        made.execute("create schema features")
        yield made


def read(connection, view, found, moment, now):
    """What the online store answers for keys 1 to 3, by way of a snapshot made at a moment."""
    naive.rows_table(connection, "features.given", TYPES, found)
    with tempfile.TemporaryDirectory() as folder:
        draft, stored = Path(folder) / "draft", Path(folder) / "view"
        draft.mkdir()
        stored.mkdir()
        write_parquet(connection, "from features.given", stored / EVENTS)
        features = ", ".join(f"null::{kind} as {name}" for name, kind in FEATURES.get(view.name, {}).items())
        shown = f'select key, "at", created, {features} from features.given' if features else "from features.given"
        connection.execute(f"create or replace view features.{view.name} as {shown}")
        bench = Workbench(connection, {view.key: stored}, {}, draft, Path(folder))
        details = online.compute_online(OnlineView(view.name, view), bench).details["online"]
        schema = schema_of(details, "1", "dev", 0)
        layout = layout_of(view.name, schema)
        with Snapshots(schema, tuple(details["times"]), draft / MAIN_TABLE, None) as snapshots:
            records = dict(by_entity(layout.encode, snapshots.rows()))
        made = {key: layout.refilled(None, one, now) for key, one in records.items()}
        keys = [layout.encode((key,)) for key in (1, 2, 3)]
        return [one.values for one in layout.answer(None)([made.get(key) for key in keys], micros(moment))]


FEATURES = {
    "windows": {"n_1h": "bigint", "n_3h": "bigint", "sum_3h": "double", "last_all": "varchar", "top": "varchar[]"}
}


def spine(moment):
    return [{"key": key, "at": moment} for key in (1, 2, 3)]


@pytest.mark.parametrize("every", [None, "2h"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=history, now=moments, later=moments)
def test_the_latest_rows(connection, every, found, now, later):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online.time, "time_ns", lambda: micros(now) * 1000)
        answers = read(connection, replace(latest, every=every), found, max(now, later), micros(now))
    step = {} if every is None else {"every": 2 * HOUR}
    expected = naive.as_of(spine(max(now, later)), found, ["v", "w"], ttl=6 * HOUR, **step)
    assert [one or (None, None) for one in answers] == expected


@pytest.mark.parametrize("every", [None, "2h"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=history, now=moments, later=moments)
def test_the_events_of_windows(connection, every, found, now, later):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online.time, "time_ns", lambda: micros(now) * 1000)
        answers = read(connection, replace(windows, every=every), found, max(now, later), micros(now))
    options = {"ttl": 6 * HOUR, "every": None if every is None else 2 * HOUR}
    asked, is_x = spine(max(now, later)), {"where": lambda event: event["w"] == "x"}
    columns = [
        naive.window(asked, found, "count", None, HOUR, **options),
        naive.window(asked, found, "count", None, 3 * HOUR, **options),
        naive.window(asked, found, "sum", "v", 3 * HOUR, **options, **is_x),
        naive.window(asked, found, "last", "w", None, **options),
        naive.window(asked, found, "top_k", "w", 3 * HOUR, parameter=1, **options),
    ]
    assert all(equal(one, other) for one, other in zip(answers, zip(*columns, strict=True), strict=True))
