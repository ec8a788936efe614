"""Headrace's side: a project of two views, built and asked as its users do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

import headrace as hr
from benchmarks.feature_store_worker import percentiles
from headrace.builder.build import build as build_project
from headrace.builder.project import load_project

ASSETS = """
import headrace as hr

key = hr.Entity("key", keys=["key"])


def declared(name, features):
    source = hr.Source(f"{{name}}_rows", path=f"{{name}}.parquet", timestamp="at", created={created!r}, push={online!r})
    return hr.FeatureView(
        name, entity=key, source=source, features=features, ttl="30d", index={index!r}, online={online!r}
    )


{names}, = views = [declared(name, features) for name, features in {views!r}.items()]
both = hr.FeatureService("both", features=views)
"""
_stores: dict[str, hr.FeatureStore] = {}
_frames: dict[str, pl.DataFrame] = {}


def declare(
    folder: str,
    data: str,
    views: dict[str, list[str]],
    index: bool = False,
    online: bool = False,
    url: str = "",
    created: str | None = None,
) -> None:
    """A project in a folder, which becomes the working directory."""
    root = Path(folder)
    (root / "assets").mkdir(parents=True, exist_ok=True)
    text = ASSETS.format(names=", ".join(views), views=views, index=index, online=online, created=created)
    (root / "assets" / "__init__.py").write_text(text)
    (root / "pyproject.toml").write_text(f'[tool.headrace]\ndata = "{data}"\n')
    if url:
        (root / "pyproject.toml").write_text(
            f'[tool.headrace]\ndata = "{data}"\n[tool.headrace.online]\nurl = "{url}"\n'
        )
    os.chdir(root)


def build() -> list[str]:
    """`headrace build`, in a process that has imported everything; returns what was built."""
    report = build_project(load_project())
    for asset, error in report.failed.items():
        raise RuntimeError(f"{asset} failed: {error}") from error
    return report.keys("built")


def load(path: str) -> None:
    """Rows as a frame in memory."""
    _frames[path] = pl.read_parquet(path)


def historical(spine: str, out: str, cutoff: bool = False) -> Callable[[], int]:
    """The features of every asking row, as an Arrow table; afterwards it is written to a file."""
    table = _store().historical("both", _frames[spine], "event_timestamp", known_only=cutoff).arrow()

    def finish() -> int:
        pq.write_table(table, out)
        return int(table.num_rows)

    return finish


def push(paths: dict[str, str]) -> None:
    """Rows of each view onto the disk, for the next build, and into the online store."""
    for view, path in paths.items():
        _store().push(view, _frames[path])


def read(questions: list[list[list[int]]]) -> list[dict[str, float]]:
    """How long reading takes, with values as Python has them, for each list of questions."""
    store = _store()

    def answer(keys: list[dict[str, int]]) -> object:
        return store.online("both", keys).rows

    return [percentiles(answer, [_rows(one) for one in given]) for given in questions]


def values(keys: list[int], names: list[str]) -> list[dict[str, list[Any]]]:
    """Of each key its values and their statuses."""
    found = _store().online("both", _rows(keys))
    rows = enumerate(found)
    statuses = [found.status(row) for row in range(len(keys))]
    return [
        {"values": [one[name] for name in names], "statuses": [statuses[row][name] for name in names]}
        for row, one in rows
    ]


def _rows(keys: list[int]) -> list[dict[str, int]]:
    return [{"key": key} for key in keys]


def _store() -> hr.FeatureStore:
    if "store" not in _stores:
        _stores["store"] = hr.FeatureStore()
    return _stores["store"]


TASKS = {one.__name__: one for one in (declare, build, load, historical, push, read, values)}
