"""Flights out of New York in 2013: will one arrive half an hour late, and how late?"""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import headrace as hr
from headrace.declarations.base import Declaration


class Weather(pa.DataFrameModel):
    origin: pl.String
    time_hour: pl.Datetime
    temp: pl.Float64 = pa.Field(nullable=True)
    humid: pl.Float64 = pa.Field(nullable=True)
    wind_speed: pl.Float64 = pa.Field(nullable=True)
    precip: pl.Float64
    pressure: pl.Float64 = pa.Field(nullable=True)
    visib: pl.Float64


flight = hr.Entity("flight", keys=["flight_id"])
carrier = hr.Entity("carrier", keys=["carrier"])
airport = hr.Entity("airport", keys=["origin"])
aircraft = hr.Entity("aircraft", keys=["tailnum"])

flights = hr.Source("flights", path="flights_sample100k.parquet", keys=["__index_level_0__"])
weather = hr.Source(
    "weather",
    path="weather.csv",
    keys=["origin", "time_hour"],
    timestamp="time_hour",
    null_values=["NA"],
    schema=Weather,
)


@hr.feature_view(entity=flight, timestamp="departs_at")
def departures(flights=flights):
    """Flights that arrived, as the timetable has them, and how late they were."""
    return f"""
        select
            __index_level_0__ as flight_id,
            epoch_ms(epoch_ms(time_hour) + (minute * 60000)::bigint) as departs_at,
            carrier, origin, dest, coalesce(tailnum, '') as tailnum,
            hour, isodow(make_date(year, month, day)) as weekday, distance,
            sched_arr_time // 100 as arrival_hour,
            arr_delay >= 30 as late,
            arr_delay as minutes_late
        from {flights}
        where arr_delay is not null
    """


@hr.feature_view(entity=flight, timestamp="landed_at")
def arrivals(flights=flights):
    """What is known of a flight once it has landed, and not a minute before."""
    return f"""
        select
            __index_level_0__ as flight_id,
            minute + dep_delay + coalesce(air_time, 0) + 45 as minutes_after_the_hour,
            epoch_ms(epoch_ms(time_hour) + (minutes_after_the_hour * 60000)::bigint) as landed_at,
            carrier, origin, tailnum, arr_delay
        from {flights}
        where arr_delay is not null and dep_delay is not null
    """


RECENT = {
    "mean_{window}": hr.Aggregate("mean", "arr_delay", over=["3h", "1d", "7d"]),
    "count_{window}": hr.Aggregate("count", over=["3h", "1d"]),
}


def _recent(name: str) -> dict[str, hr.Aggregate]:
    return {f"{name}_{pattern}": aggregate for pattern, aggregate in RECENT.items()}


carrier_delays = hr.FeatureView("carrier_delays", entity=carrier, source=arrivals, features=_recent("carrier"))
airport_delays = hr.FeatureView("airport_delays", entity=airport, source=arrivals, features=_recent("origin"))
aircraft_delays = hr.FeatureView(
    "aircraft_delays",
    entity=aircraft,
    source=arrivals,
    ttl="2d",
    features={"aircraft_last": hr.Aggregate("last", "arr_delay"), "aircraft_flights": hr.Aggregate("count", over="1d")},
)
origin_weather = hr.FeatureView(
    "origin_weather",
    entity=airport,
    source=weather,
    ttl="2h",
    features=["temp", "humid", "wind_speed", "precip", "pressure", "visib"],
)

SCHEDULE = ["carrier", "dest", "hour", "weekday", "distance", "arrival_hour"]
TRAIN_UNTIL = "2013-10-01"

timetable = hr.TrainingSet(
    "timetable", spine=departures, label="late", keep=[*SCHEDULE, "origin"], split=hr.TimeSplit(test=TRAIN_UNTIL)
)
history = hr.TrainingSet(
    "history",
    spine=departures,
    label=["late", "minutes_late"],
    keep=SCHEDULE,
    features=[carrier_delays, airport_delays, aircraft_delays, origin_weather],
    split=hr.TimeSplit(test=TRAIN_UNTIL),
)

SCHEDULE_ENCODING = {
    "places": hr.OneHot("carrier", "origin", "dest", max_categories=25),
    "times": hr.Impute("hour", "weekday", "distance", "arrival_hour"),
}
timetable_encoding = hr.Transform("timetable_encoding", fit_on=timetable, encode=SCHEDULE_ENCODING)
history_encoding = hr.Transform(
    "history_encoding",
    fit_on=history,
    encode={
        **SCHEDULE_ENCODING,
        "delays": hr.Impute(
            *(
                f"{name}_{part}"
                for name in ("carrier", "origin")
                for part in ("mean_3h", "mean_1d", "mean_7d", "count_3h")
            ),
            "aircraft_last",
            "aircraft_flights",
            missing_flag=True,
        ),
        "weather": hr.Impute("temp", "humid", "wind_speed", "precip", "pressure", "visib"),
    },
)
timetable_matrix = hr.Matrix("timetable_matrix", rows=timetable, transform=timetable_encoding)
history_matrix = hr.Matrix("history_matrix", rows=history, transform=history_encoding)

schedule_only = hr.Cascade(
    "schedule_only",
    stages=[
        hr.Stage(
            "late",
            matrix=timetable_matrix,
            target="late",
            estimator=HistGradientBoostingClassifier(max_iter=50, learning_rate=0.15, max_leaf_nodes=15),
        )
    ],
)
delays = hr.Cascade(
    "delays",
    folds=3,
    stages=[
        hr.Stage(
            "late",
            matrix=history_matrix,
            target="late",
            estimator=HistGradientBoostingClassifier(max_iter=40, learning_rate=0.15, max_leaf_nodes=15),
        ),
        hr.Stage(
            "minutes",
            matrix=history_matrix,
            target="minutes_late",
            inputs=["late"],
            estimator=HistGradientBoostingRegressor(max_iter=40, learning_rate=0.15, max_leaf_nodes=15),
        ),
    ],
)


def declarations() -> list[Declaration]:
    """Both cascades with their stages; what they read comes along."""
    return [schedule_only, *schedule_only.members, delays, *delays.members]
