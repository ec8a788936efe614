"""headrace import-feast: what a Feast repository declares, as Headrace declarations."""

from __future__ import annotations

import types
from datetime import datetime

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import project_from
from headrace.cli.main import main

CONFIG = "project: drivers\nprovider: local\nregistry: data/registry.db\n"
ENTITIES = """
from feast import Entity, ValueType
driver = Entity(name="driver", join_keys=["driver_id"], description="Who drives", value_type=ValueType.INT64)
Airport = Entity(name="Airport", join_keys=["airport_id"], owner="a@b.org")
"""
FEATURES = """
import os
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import FeatureService, FeatureView, Field, FileSource, PushSource, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float32, Int64, String
from entities import Airport, driver

HERE = Path(__file__).parent
NAMES = ["trips", "city"]
stats = FileSource(
    path=str(HERE / "data" / "stats.parquet"), timestamp_field="at", created_timestamp_column="seen",
    field_mapping={"rate": "conv_rate"},
)
pushed = PushSource(name="stats_push", batch_source=stats)
driver_stats = FeatureView(
    name="driver_stats",
    entities=[driver],
    ttl=timedelta(days=2),
    schema=[Field(name="driver_id", dtype=Int64), Field(name="conv_rate", dtype=Float32)]
    + [Field(name=name, dtype=String) for name in NAMES],
    source=stats,
    online=False,
    owner="ops",
    tags={"tier": "gold", "not a tag": "x"},
)
fresh = FeatureView(name="driver_stats_fresh", entities=[driver], ttl=timedelta(hours=36), source=pushed,
                    schema=[Field(name="trips", dtype=Int64)])
weather = FeatureView(name="weather", entities=[Airport], ttl=timedelta(0), online=False,
                      schema=[Field(name="wind", dtype=Float32)],
                      source=FileSource(name="weather", path=f"data/{os.getenv('WEATHER', 'weather')}.parquet",
                                        timestamp_field="at"))
basket = RequestSource(name="basket", schema=[Field(name="basket_value", dtype=Float32), Field(name="n", dtype=Int64)])


@on_demand_feature_view(sources=[driver_stats, basket], schema=[Field(name="ratio", dtype=Float32)], mode="python")
def ratio(inputs: dict) -> dict:
    return {"ratio": [a / b for a, b in zip(inputs["conv_rate"], inputs["basket_value"])]}


first = FeatureService(name="first", features=[driver_stats[["conv_rate", "trips"]], ratio])
second = FeatureService(
    name="second",
    features=[weather.with_name("origin").with_join_key_map({"airport_id": "origin_id"}), "driver_stats_fresh"],
)
"""


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "feature_repo"
    (root / "data").mkdir(parents=True)
    (root / "feature_store.yaml").write_text(CONFIG)
    (root / "entities.py").write_text(ENTITIES)
    (root / "features.py").write_text(FEATURES)
    at = datetime(2024, 1, 1)
    frame = {"driver_id": [1, 2], "at": [at, at], "seen": [at, at], "rate": [0.5, 1.0], "trips": [3, 4]}
    pl.DataFrame({**frame, "city": ["Ulm", None]}).write_parquet(root / "data" / "stats.parquet")
    pl.DataFrame({"airport_id": [7], "at": [at], "wind": [3.5]}).write_parquet(root / "data" / "weather.parquet")
    return root


@pytest.fixture
def project(tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    monkeypatch.chdir(root)
    return root


def imported(project, repository):
    assert main(["import-feast", str(repository)]) == 0
    path = project / "assets" / "from_feast.py"
    module = types.ModuleType("from_feast")
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module


def test_every_object_is_there(project, repository, capsys):
    made = imported(project, repository)
    assert "2 entities, 3 sources, 3 feature views, 1 on-demand view, 2 services" in capsys.readouterr().out
    assert (made.driver.keys, made.airport.owners) == (("driver_id",), ("a@b.org",))
    assert made.driver_stats.selected == (("conv_rate", "rate"), ("trips", "trips"), ("city", "city"))
    assert (made.driver_stats.ttl, made.driver_stats_fresh.ttl, made.weather.ttl) == ("2d", "36h", None)
    assert (made.driver_stats.online, made.driver_stats_fresh.online) == (False, True)
    assert (made.driver_stats.owners, made.driver_stats.tags) == (("team:ops",), {"tier": "gold"})
    assert (made.stats.timestamp, made.stats.created, made.stats_push.push) == ("at", "seen", True)
    assert [one.name for one in made.ratio.requests] == ["basket_value", "n"]
    assert made.first.columns() == ("conv_rate", "trips", "ratio")
    assert made.second.columns() == ("origin__wind", "trips")
    assert made.second.listed.selections[0].keys == (("origin_id", "airport_id"),)


def test_what_was_read_builds_and_joins(project, repository):
    made = imported(project, repository)
    rows = "row,driver_id,at,origin_id,basket_value,label\n1,1,2024-01-02,7,2.0,1\n2,2,2024-01-05,7,4.0,0\n"
    (project / "data" / "rows.csv").write_text(rows)
    spine = hr.Source("rows", path="rows.csv", keys=["row"], timestamp="at")
    training = hr.TrainingSet("t", spine=spine, label="label", keep=["basket_value"], features=[made.second])
    assert build(project_from([training], project), ["t"]).failed == {}


def test_what_needs_a_look_is_listed_with_its_line(project, repository, capsys):
    imported(project, repository)
    said = capsys.readouterr().out
    assert "entities.py:4: 'Airport' is called 'airport' here." in said
    assert "tags that Dagster does not take were left out: not a tag" in said


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("x = FeatureView(name=NAME, entities=[], source=None)", "name=NAME of a FeatureView shows only when the code"),
        (
            "x = BigQuerySource(name='b', table='p.d.t', timestamp_field='at')\n" + "{view}",
            "BigQuerySource cannot be read",
        ),
        ("for one in range(2):\n    Entity(name='e')", "a loop that makes declarations was left out"),
        ("x = FileSource(name='b', path='s3://b/x.parquet', timestamp_field='at')\n{view}", "on an object store"),
        ("x = KafkaSource(name='b', timestamp_field='at', topic='t')\n{view}", "KafkaSource is not read"),
        (
            "x = FileSource(name='b', path='data/stats.parquet', timestamp_field='at')\n{bare}",
            "has no schema; its features",
        ),
        ("def broken(:", "features.py: cannot be read: invalid syntax"),
    ],
)
def test_what_cannot_be_read_is_told(project, repository, capsys, text, note):
    view = "v = FeatureView(name='v', entities=[], source=x, schema=[Field(name='a', dtype=Int64)])"
    bare = "v = FeatureView(name='v', entities=[driver], source=x)"
    (repository / "features.py").write_text("from entities import driver\n" + text.format(view=view, bare=bare))
    assert main(["import-feast", str(repository)]) == 0
    assert note in capsys.readouterr().out


def test_aggregations_become_windows(project, repository):
    (repository / "features.py").write_text(
        "from datetime import timedelta\nfrom feast import Aggregation, FileSource, StreamFeatureView\n"
        "from entities import driver\n"
        "trips = FileSource(name='trips', path='data/trips.parquet', timestamp_field='at')\n"
        "sums = StreamFeatureView(name='sums', entities=[driver], source=trips, ttl=timedelta(days=9), aggregations=[\n"
        "    Aggregation(column='fare', function='sum', time_window=timedelta(days=7)),\n"
        "    Aggregation(column='fare', function='avg', time_window=timedelta(hours=1), name='mean_fare')])\n"
    )
    found = {one.name: (one.function, one.column, one.window) for one in imported(project, repository).sums.windowed}
    assert found == {"sum_fare_604800s": ("sum", "fare", "7d"), "mean_fare": ("mean", "fare", "1h")}


def test_a_module_that_is_there_is_kept(project, repository, capsys):
    imported(project, repository)
    assert main(["import-feast", str(repository)]) == 2
    assert "--force to replace it" in capsys.readouterr().err
    assert main(["import-feast", str(repository), "--force"]) == 0


def test_a_folder_that_is_no_repository(project, repository, capsys):
    assert main(["import-feast", str(repository.parent)]) == 1
    assert f"Did you mean {repository}?" in capsys.readouterr().err


def test_nothing_is_run(project, repository, tmp_path):
    (repository / "features.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    assert main(["import-feast", str(repository)]) == 0
    assert not (tmp_path / "ran").exists()
