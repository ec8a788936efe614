"""Feast's side: a repository of two views, asked through Feast's own Python. It runs in Feast's environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType, types
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

from benchmarks.feature_store_worker import percentiles

CONFIG = """
project: bench
registry: registry.db
provider: local
offline_store: {{type: {offline}}}
online_store: {online}
entity_key_serialization_version: 3
"""
_stores: dict[str, FeatureStore] = {}
_frames: dict[str, pd.DataFrame] = {}


def declare(
    folder: str,
    data: str,
    views: dict[str, list[str]],
    offline: str,
    online: str,
    created: str | None = None,
    kind: str = "Float64",
) -> None:
    """A repository in a folder, applied once."""
    known = (Path(folder) / "registry.db").exists()
    (Path(folder) / "feature_store.yaml").write_text(CONFIG.format(offline=offline, online=online))
    store = _stores["store"] = FeatureStore(repo_path=folder)
    if known:
        return
    entity = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
    made = [
        _view(name, entity, Path(data) / f"{name}.parquet", features, created, kind) for name, features in views.items()
    ]
    store.apply([entity, *made, FeatureService(name="both", features=made)])


def _view(name: str, entity: Entity, path: Path, features: list[str], created: str | None, kind: str) -> FeatureView:
    times = {"timestamp_field": "at", "created_timestamp_column": created or ""}
    source = FileSource(name=f"{name}_rows", path=str(path), **times)
    schema = [Field(name=feature, dtype=getattr(types, kind)) for feature in features]
    return FeatureView(name=name, entities=[entity], ttl=timedelta(days=30), schema=schema, source=source)


def load(path: str) -> None:
    """Rows as a frame, which is what Feast takes."""
    _frames[path] = pd.read_parquet(path)


def historical(spine: str, out: str, cutoff: bool = False) -> Callable[[], int]:
    """The features of every asking row, as an Arrow table; afterwards it is written to a file."""
    store = _stores["store"]
    options = {"filter_by_created_timestamp": True} if cutoff else {}
    rows = _frames[spine].copy()  # Feast changes what it is given
    job = store.get_historical_features(entity_df=rows, features=store.get_feature_service("both"), **options)
    table = job.to_arrow()

    def finish() -> int:
        pq.write_table(table, out)
        return table.num_rows

    return finish


def fill(start: str, end: str) -> None:
    """Every key's latest row of a stretch of time, into the online store."""
    _stores["store"].materialize(datetime.fromisoformat(start), datetime.fromisoformat(end))


def refill(end: str) -> None:
    """The rows since then."""
    _stores["store"].materialize_incremental(datetime.fromisoformat(end))


def push(paths: dict[str, str]) -> None:
    """Rows of each view into the online store alone."""
    for view, path in paths.items():
        _stores["store"].write_to_online_store(view, _frames[path])


def read(questions: list[list[list[int]]]) -> list[dict[str, float]]:
    """How long reading takes, with values as Python has them, for each list of questions."""
    store = _stores["store"]
    service = store.get_feature_service("both")

    def answer(keys: list[dict[str, int]]) -> object:
        return store.get_online_features(service, keys).to_dict()

    return [percentiles(answer, [_rows(one) for one in given]) for given in questions]


def values(keys: list[int], names: list[str]) -> list[dict[str, list[Any]]]:
    """Of each key its values, and the statuses that Feast gives them."""
    store = _stores["store"]
    response = store.get_online_features(store.get_feature_service("both"), _rows(keys))
    found, proto = response.to_dict(), response.proto
    columns = dict(zip(proto.metadata.feature_names.val, proto.results, strict=True))
    return [
        {
            "values": [found[name][row] for name in names],
            "statuses": [FieldStatus.Name(columns[name].statuses[row]) for name in names],
        }
        for row in range(len(keys))
    ]


def _rows(keys: list[int]) -> list[dict[str, int]]:
    return [{"key": key} for key in keys]


TASKS = {one.__name__: one for one in (declare, load, historical, fill, refill, push, read, values)}
