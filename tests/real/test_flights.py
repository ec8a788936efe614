"""Flights: what was known before take-off, and nothing later, tells late flights from others."""

from __future__ import annotations

import duckdb
import pytest

from headrace.builder.build import build
from tests.real.flights_project import declarations


@pytest.fixture(scope="module")
def project(make_project, shared_data):
    made = make_project(declarations(), shared_data / "nycflights13")
    report = build(made)
    assert not report.failed, report.failed
    return made


def metrics(project, cascade, target):
    return project.store.current(f"cascades/{cascade}", "dev").details["metrics"][target]["end to end"]


def test_the_timetable_alone_reaches_the_published_mark(project):
    assert metrics(project, "schedule_only", "late")["auc"] > 0.63


def test_what_was_known_at_departure_adds_to_it(project):
    assert metrics(project, "delays", "late")["auc"] > metrics(project, "schedule_only", "late")["auc"] + 0.05


def test_minutes_are_predicted_from_honest_chances(project):
    assert metrics(project, "delays", "minutes_late")["r2"] > 0.10
    table = project.store.folder("cascades/delays/late", project.store.current("cascades/delays/late", "dev").version)
    folds = duckdb.sql(f"select split, count(fold) from '{table}/data.parquet' group by all order by all").fetchall()
    assert dict(folds)["test"] == 0
    assert dict(folds)["train"] > 50_000


def test_a_row_sees_only_flights_that_had_landed(project):
    """The mean delay of the carrier's flights of the last three hours, against the events themselves."""
    store = project.store

    def table(asset: str) -> str:
        return f"'{store.folder(asset, store.current(asset, 'dev').version)}/data.parquet'"

    naive = f"""
        with sampled as (select * from {table("training_sets/history")} using sample 300 rows (reservoir, 7))
        select count(*), count(*) filter (where abs(expected - carrier_mean_3h) > 1e-9), count(expected)
        from (
            select sampled.carrier_mean_3h, (
                select avg(arr_delay) from {table("features/arrivals")} as events
                where events.carrier = sampled.carrier
                and events.landed_at <= sampled.departs_at and events.landed_at > sampled.departs_at - interval 3 hour
            ) as expected
            from sampled
        )
    """
    rows, wrong, known = duckdb.sql(naive).fetchall()[0]
    assert (rows, wrong) == (300, 0)
    assert known > 200
