"""What a person may do to a generated project: edits of its data and code, and accidents of its store."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from headrace.builder.project import Project
from tests.incremental.project import Model, draw_any_view
from tests.incremental.tables import ANCHORS, Column, Table, draw_column, draw_value
from tests.incremental.views import STYLES, View

VALUES = ("int", "double", "text")
Edit = Callable[[Random, Model], Model | None]
Lost = set[tuple[str, str]]
Accident = Callable[[Random, Project], Lost]


def _table(rng: Random, model: Model) -> Table:
    return model.tables[rng.choice(sorted(model.tables))]


def _with_table(model: Model, table: Table) -> Model:
    return replace(model, tables={**model.tables, table.name: table})


def _column(rng: Random, table: Table, *kinds: str) -> tuple[str, Column]:
    name = rng.choice([name for name, column in table.columns.items() if column.kind in kinds])
    return name, table.columns[name]


def _view(rng: Random, model: Model) -> View | None:
    return rng.choice(model.views) if model.views else None


def _with_view(model: Model, view: View) -> Model:
    return replace(model, views=tuple(view if one.name == view.name else one for one in model.views))


def change_value(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    name, column = _column(rng, table, *VALUES, "key", "label")
    row = rng.randrange(ANCHORS, table.rows)
    values = [*column.values]
    values[row] = draw_value(rng, column.kind, row)
    return _with_table(model, table.with_columns(**{name: replace(column, values=tuple(values))}))


def change_time(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    if table.timestamp is None:
        return None
    column = table.columns[table.timestamp]
    row = rng.randrange(ANCHORS, table.rows)
    values = (*column.values[:row], draw_value(rng, "time", row), *column.values[row + 1 :])
    return _with_table(model, table.with_columns(**{table.timestamp: replace(column, values=values)}))


def _new_rows(rng: Random, table: Table, count: int) -> dict[str, tuple[object, ...]]:
    rows = range(table.rows, table.rows + count)
    return {name: tuple(draw_value(rng, one.kind, row) for row in rows) for name, one in table.columns.items()}


def add_rows(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    return _with_table(model, table.with_rows(_new_rows(rng, table, rng.randint(1, 2))))


def late_file(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    return _with_table(model, table.with_rows(_new_rows(rng, table, rng.randint(1, 2)), new_file=True))


def duplicate_row(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    row = rng.randrange(table.rows)
    copied = {name: (column.values[row],) for name, column in table.columns.items()}
    return None if table.keys else _with_table(model, table.with_rows(copied))


def shuffle_column(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    name, column = _column(rng, table, *VALUES)
    anchored, rest = column.values[:ANCHORS], [*column.values[ANCHORS:]]
    rng.shuffle(rest)
    return _with_table(model, table.with_columns(**{name: replace(column, values=(*anchored, *rest))}))


def reorder_rows(rng: Random, model: Model) -> Model | None:
    return _with_table(model, replace(_table(rng, model), order=rng.randint(0, 20)))


def change_type(rng: Random, model: Model) -> Model | None:
    """The same values in another type, which only Parquet can say."""
    table = _table(rng, model)
    if table.format != "parquet":
        return None
    name, column = _column(rng, table, "int", "key")
    types = ["INTEGER", "BIGINT", "DOUBLE"] if column.kind == "int" else ["INTEGER", "BIGINT"]
    return _with_table(model, table.with_columns(**{name: replace(column, type=rng.choice(types))}))


def add_column(rng: Random, model: Model) -> Model | None:
    table = _table(rng, model)
    added = draw_column(rng, rng.choice(VALUES), table.rows)
    return _with_table(model, table.with_columns(**{f"{table.name}_n{len(table.columns)}": added}))


def rename_column(rng: Random, model: Model) -> Model | None:
    """A column of a source and, in everything that reads it, its name."""
    table = _table(rng, model)
    name, _ = _column(rng, table, *VALUES)
    if name in ("t0_a", "t0_c"):  # kept by the training set
        return None
    new = f"{name}r"
    columns = {new if one == name else one: column for one, column in table.columns.items()}
    renamed = replace(model, views=tuple(view.renamed(name, new) for view in model.views))
    return _with_table(renamed, replace(table, columns=columns))


def change_constant(rng: Random, model: Model) -> Model | None:
    name = rng.choice(sorted(model.constants))
    return replace(model, constants={**model.constants, name: rng.randint(0, 9)})


def change_comment(rng: Random, model: Model) -> Model | None:
    return replace(model, note=rng.randint(0, 9))


def change_style(rng: Random, model: Model) -> Model | None:
    view = _view(rng, model)
    return view and _with_view(model, replace(view, style=rng.randrange(STYLES)))


def reorder_select(rng: Random, model: Model) -> Model | None:
    view = _view(rng, model)
    return view and _with_view(model, replace(view, order=tuple(rng.sample(view.order, len(view.order)))))


def change_number(rng: Random, model: Model) -> Model | None:
    view = _view(rng, model)
    text = f"{view.shape.items}{view.shape.body}" if view else ""
    return _with_view(model, replace(view, number=rng.randint(-5, 5))) if view and "{x}" in text else None


def change_window(rng: Random, model: Model) -> Model | None:
    view = _view(rng, model)
    windowed = view is not None and view.shape.language == "windows"
    return _with_view(model, replace(view, window=rng.randint(1, 12))) if view and windowed else None


def add_view(rng: Random, model: Model) -> Model | None:
    view = draw_any_view(rng, model, f"v{max((int(one.name[1:]) for one in model.views), default=0) + 1}")
    return view and replace(model, views=(*model.views, view))


def remove_view(rng: Random, model: Model) -> Model | None:
    used = {name for view in model.views for name in view.inputs}
    used |= set(model.learning.features) if model.learning else set()
    free = [view for view in model.views if view.name not in used]
    gone = rng.choice(free) if free else None
    return gone and replace(model, views=tuple(view for view in model.views if view is not gone))


def change_estimator(rng: Random, model: Model) -> Model | None:
    """A parameter of the last step of a pipeline."""
    learning = model.learning
    if learning is None or learning.alpha is None:
        return None
    return replace(model, learning=replace(learning, alpha=rng.choice([0.1, 1.0, 7.0])))


def change_encoder(rng: Random, model: Model) -> Model | None:
    learning = model.learning
    return learning and replace(model, learning=replace(learning, missing_flag=not learning.missing_flag))


def change_split(rng: Random, model: Model) -> Model | None:
    learning = model.learning
    splits = ['TimeSplit(test="3d")', 'TimeSplit(test="8d")', 'GroupSplit("t0_id", seed=1)', 'GroupSplit("t0_id")']
    return learning and replace(model, learning=replace(learning, split=rng.choice(splits)))


EDITS: tuple[Edit, ...] = (
    change_value,
    change_time,
    add_rows,
    late_file,
    duplicate_row,
    shuffle_column,
    reorder_rows,
    change_type,
    add_column,
    rename_column,
    change_constant,
    change_comment,
    change_style,
    reorder_select,
    change_number,
    change_window,
    add_view,
    remove_view,
    change_estimator,
    change_encoder,
    change_split,
)


def _versions(project: Project) -> list[Path]:
    return sorted(path.parent for path in (project.store_folder / "objects").rglob("manifest.json"))


def _named(project: Project, folder: Path) -> tuple[str, str]:
    return folder.parent.relative_to(project.store_folder / "objects").as_posix(), folder.name


def touch_file(rng: Random, project: Project) -> Lost:
    path = rng.choice(sorted(path for path in project.data_folder.rglob("*") if path.is_file()))
    os.utime(path, (rng.randint(1, 10**9), rng.randint(1, 10**9)))
    return set()


def delete_version(rng: Random, project: Project) -> Lost:
    folder = rng.choice(_versions(project))
    shutil.rmtree(folder)
    return {_named(project, folder)}


def delete_asset(rng: Random, project: Project) -> Lost:
    """Every version of one asset."""
    asset, _ = _named(project, rng.choice(_versions(project)))
    lost = {_named(project, folder) for folder in _versions(project) if _named(project, folder)[0] == asset}
    for name, version in lost:
        shutil.rmtree(project.store.folder(name, version))
    return lost


def damage_version(rng: Random, project: Project) -> Lost:
    """A file cut short, emptied or removed."""
    folder = rng.choice(_versions(project))
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1))
    size = rng.choice([None, 0, path.stat().st_size // 2])
    if size is None:
        path.unlink()
    else:
        os.truncate(path, size)
    return {_named(project, folder)}


def delete_refs(rng: Random, project: Project) -> Lost:
    (project.store_folder / "refs" / "dev.json").unlink()
    return set()


def delete_ref(rng: Random, project: Project) -> Lost:
    path = project.store_folder / "refs" / "dev.json"
    content = json.loads(path.read_text())
    del content["assets"][rng.choice(sorted(content["assets"]))]
    path.write_text(json.dumps(content))
    return set()


def delete_cache(rng: Random, project: Project) -> Lost:
    shutil.rmtree(project.store_folder / "cache", ignore_errors=True)
    return set()


ACCIDENTS: tuple[Accident, ...] = (
    touch_file,
    delete_version,
    delete_asset,
    damage_version,
    delete_refs,
    delete_ref,
    delete_cache,
)


def draw_edit(rng: Random, model: Model) -> Iterator[tuple[str, Model]]:
    """Edits of `model` that are possible, with their names."""
    while True:
        edit = rng.choice(EDITS)
        edited = edit(rng, model)
        if edited is not None:
            yield edit.__name__, edited
