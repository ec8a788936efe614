"""What a version holds, read back for comparing: tables as multisets of rows, states, blocks and models' answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse

from headrace.builder.project import Project
from headrace.engine.feature_views import EVENTS
from headrace.engine.fitting import STATE_FOLDER, load_transform
from headrace.engine.matrices import BLOCK_FOLDER, load_matrix
from headrace.engine.scoring import load_stage
from headrace.engine.stages import MODEL_FOLDER


@dataclass(frozen=True)
class Content:
    """An asset's content: the main table, and by name whatever else its consumers may read, as rows as well."""

    table: pl.DataFrame
    others: Mapping[str, list[tuple[Any, ...]]]

    def part(self, columns: Iterable[str]) -> str:
        """Some columns with their types, in this order, and the multiset of their rows."""
        table = self.table.select([name for name in columns if name in self.table.columns])
        return repr([[(name, str(kind)) for name, kind in table.schema.items()], ordered(table.rows())])

    def whole(self) -> str:
        return self.part(self.table.columns) + repr(self.others)


def read_contents(project: Project, without: Collection[str] = ()) -> dict[str, Content]:
    """Every current version of a project, but for some assets."""
    versions = project.store.refs(project.environment).current()
    keys = [key for key in project.graph.keys if key not in without]
    return {key: read_content(project.store.folder(key, versions[key])) for key in keys}


def read_content(folder: Path) -> Content:
    """What the folder of a version holds."""
    table = pl.read_parquet(folder / "data.parquet")
    others: dict[str, list[tuple[Any, ...]]] = {}
    if (folder / EVENTS).is_file():
        others["events"] = ordered(pl.read_parquet(folder / EVENTS).rows())
    if (folder / STATE_FOLDER).is_dir():
        others["state"] = _state(folder / STATE_FOLDER)
    if (folder / BLOCK_FOLDER).is_dir():
        others["blocks"] = _blocks(folder)
    if (folder / MODEL_FOLDER).is_dir():
        others["answers"] = _answers(folder / MODEL_FOLDER)
    return Content(table, others)


def _state(folder: Path) -> list[tuple[Any, ...]]:
    found = []
    for name, (_, state) in load_transform(folder).blocks.items():
        tables = {title: table.to_pylist() for title, table in state.tables.items()}
        found.append((name, state.kind, *_flat([state.columns, state.values, tables])))
    return found


def _flat(value: Any) -> list[Any]:
    """Numbers and texts of a nested value, with the names that lead to them."""
    if isinstance(value, Mapping):
        return [part for name in sorted(value) for part in (name, *_flat(value[name]))]
    if isinstance(value, list | tuple):
        return [part for one in value for part in _flat(one)]
    return [value]


def _blocks(folder: Path) -> list[tuple[Any, ...]]:
    """Each row's identity with its numbers in every block."""
    matrix = load_matrix(folder)
    parts = [one.toarray() if scipy.sparse.issparse(one) else one for one in matrix.blocks.values()]
    keys = [repr(sorted(row.items())) for row in matrix.rows.to_pylist()]
    numbers = np.hstack(parts).astype(float).tolist()
    return ordered([(key, *row) for key, row in zip(keys, numbers, strict=True)])


def _answers(folder: Path) -> list[tuple[Any, ...]]:
    """What the final model says of some fixed rows of numbers."""
    stage = load_stage(folder)
    width = int(stage.model.n_features_in_)
    rows = np.linspace(-1.0, 2.0, 5 * width).reshape(5, width)
    return [tuple(np.atleast_1d(answer).tolist()) for answer in stage.model.predict(rows)]


def ordered(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same rows in an order that depends on their values alone, and hardly on the last bits of floats."""
    return sorted(rows, key=lambda row: [f"{one:.10g}" if isinstance(one, float) else repr(one) for one in row])


def difference(found: Content, expected: Content) -> str | None:
    """How two contents differ, in words; None when they are equal up to 1e-9 of each float."""
    if found.table.schema != expected.table.schema:
        return f"columns are {dict(found.table.schema)}, expected {dict(expected.table.schema)}"
    if found.others.keys() != expected.others.keys():
        return f"has {sorted(found.others)}, expected {sorted(expected.others)}"
    parts = [("table", ordered(found.table.rows()), ordered(expected.table.rows()))]
    parts += [(name, rows, expected.others[name]) for name, rows in found.others.items()]
    for name, ours, theirs in parts:
        if len(ours) != len(theirs):
            return f"{name} has {len(ours)} rows, expected {len(theirs)}"
        for one, other in zip(ours, theirs, strict=True):
            if not _same(one, other):
                return f"{name} has the row {one}, expected {other}"
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
