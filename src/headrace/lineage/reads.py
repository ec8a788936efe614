"""Which columns of its inputs an asset reads, and which of its own columns hang on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage, Stage
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.matrix import Matrix
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.split import ColumnSplit
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform

Reads = tuple[str, ...] | None
"""Columns of one input; None for every column. Their order counts for code that may see it, else they are sorted."""

SCHEMA = "*"
"""Among the columns read: the names and types of all columns, for code that may have looked at them."""

ROWS = "="
"""Among the columns read: only the rows that a view of windows stores, not what it would give at other moments."""

Reading = Mapping[str, Reads]
"""The columns read of each input, by asset key."""

Dependencies = Mapping[str, Reading]
"""For each column of an asset, what can change it."""


class Analysis(Protocol):
    """What is known of a statement's columns; see `engine.sql_columns`."""

    @property
    def reads(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def outputs(self) -> Mapping[str, Mapping[str, tuple[str, ...]]] | None: ...


def reading_of(declaration: Declaration, analysis: Analysis | None = None) -> dict[str, Reads]:
    """The columns that `declaration` reads of each input; every column where only its code can tell.

    Args:
        analysis: of its SQL, or of the conditions of its aggregates, by asset key.
    """
    found: dict[str, list[str] | None] = {}
    for key, columns in _readings(declaration, analysis):
        before = found.get(key, [])
        found[key] = None if before is None or columns is None else [*before, *columns]
    stored = stored_rows(declaration)
    return {
        key: None if columns is None else (*_in_order(declaration, columns), *([ROWS] if key in stored else []))
        for key, columns in found.items()
    }


def column_names(reads: Reads) -> list[str] | None:
    """The columns in `reads`, without what stands for more than a column; None for every column.

    >>> column_names(("amount", SCHEMA))
    ['amount']
    """
    return None if reads is None else [name for name in reads if name not in (SCHEMA, ROWS)]


def stored_rows(declaration: Declaration) -> set[str]:
    """The views of windows whose rows it reads as a table, by key; a training set asks them at its own moments."""
    if not isinstance(declaration, FeatureView):
        return set()
    return {one.key for one in declaration.inputs if isinstance(one, FeatureView) and one.windowed}


def _in_order(declaration: Declaration, columns: Iterable[str]) -> tuple[str, ...]:
    """Each once; sorted, unless it is code that may look at their order, such as `select *`."""
    once = tuple(dict.fromkeys(columns))
    by_code = isinstance(declaration, FeatureView) and declaration.derivation is not None
    return once if by_code else tuple(sorted(once))


def _readings(declaration: Declaration, analysis: Analysis | None) -> Iterator[tuple[str, Iterable[str] | None]]:
    if isinstance(declaration, FeatureView) and declaration.source is not None:
        yield declaration.source.key, _view_columns(declaration, analysis)
    elif isinstance(declaration, FeatureView) and analysis is not None:
        yield from analysis.reads.items()
    elif isinstance(declaration, FeatureView) and declaration.derivation is not None:
        for _, table in declaration.derivation.tables:
            yield table.key, declaration.derivation.picked.get(table.key)
    elif isinstance(declaration, TrainingSet):
        split = declaration.split
        own = [split.column] if isinstance(split, ColumnSplit) else []
        yield declaration.spine.key, [*declaration.spine_columns(), *declaration.request_columns(), *own]
        for selection in declaration.listed.reads:
            yield selection.view.key, _selected(selection)
        for index in declaration.indexes:
            yield index.key, ()  # it changes how long a join takes, and nothing else
    elif isinstance(declaration, Transform):
        yield declaration.fit_on.key, [*declaration.required(), SPLIT_COLUMN]
    elif isinstance(declaration, Matrix):
        rows = declaration.rows
        yield rows.key, [*rows.spine_columns(), SPLIT_COLUMN, *declaration.transform.required()]
        yield declaration.transform.key, None
    elif isinstance(declaration, Cascade | CascadeStage):
        yield from _model_readings(declaration)
    else:
        for one in declaration.inputs:
            yield one.key, None


def _model_readings(declaration: Cascade | CascadeStage) -> Iterator[tuple[str, Iterable[str] | None]]:
    """Matrices, transforms and members are read whole; of training sets what is asked about their rows."""
    for one in declaration.inputs:
        if not isinstance(one, TrainingSet):
            yield one.key, None
        elif isinstance(declaration, Cascade):
            yield one.key, [*one.spine_columns(), SPLIT_COLUMN, *_asked(declaration, declaration.stages, one)]
        else:
            yield one.key, _asked(declaration.cascade, declaration.cascade.feeders(declaration.stage), one)


def _asked(cascade: Cascade, stages: Iterable[Stage], rows: TrainingSet) -> list[str]:
    """The columns of `rows` that it takes to ask `stages`, and those upstream of them, about these rows."""
    reached = {one.name: one for stage in stages for one in (stage, *cascade.feeders(stage))}
    found: list[str] = []
    for stage in reached.values():
        found += cascade.groups(stage)
        if stage.matrix.rows != rows:
            found += stage.matrix.transform.required()
    return found


def _view_columns(view: FeatureView, analysis: Analysis | None) -> list[str] | None:
    """What a view without code reads of its source. A condition on events may mention any column."""
    if any(one.where for one in view.windowed) and analysis is None:
        return None
    conditions = next(iter(analysis.reads.values()), ()) if analysis else ()
    columns = [one.column for one in view.windowed if one.column is not None]
    columns += [column for _, column in view.selected or ()]
    columns += [*view.identity, *filter(None, [view.until])]
    return [*_moment(view), *columns, *conditions]


def _moment(view: FeatureView) -> list[str]:
    return [*view.keys, *filter(None, (view.timestamp, view.created))]


def _selected(selection: FeatureSelection) -> list[str] | None:
    features = selection.features()
    return None if features is None else [*_shown_moment(selection.view), *(name for _, name in features)]


def _shown_moment(view: FeatureView) -> list[str]:
    """The keys and times in a view's own table; of aggregates the events alone know when they were recorded."""
    return [name for name in _moment(view) if not view.windowed or name != view.created]


def dependencies_of(declaration: Declaration, analysis: Analysis | None = None) -> Dependencies | None:
    """What can change each column of `declaration`; None where any input column can change any of them."""
    if isinstance(declaration, FeatureView) and declaration.derivation is not None:
        return analysis.outputs if analysis is not None else None
    if isinstance(declaration, FeatureView):
        return _view_dependencies(declaration, analysis)
    if isinstance(declaration, TrainingSet):
        return _training_dependencies(declaration)
    return None


def _view_dependencies(view: FeatureView, analysis: Analysis | None) -> Dependencies | None:
    key, moment = view.inputs[0].key, _moment(view)
    if view.selected is not None:
        ends = (*moment, view.until) if view.until else ()  # when a row ends, another begins, of nulls
        taken = {name: name for name in moment} | dict(view.selected)
        return {name: {key: tuple(dict.fromkeys((one, *ends)))} for name, one in taken.items()}
    if any(one.where for one in view.windowed) and analysis is None:
        return None
    conditions = next(iter(analysis.reads.values()), ()) if analysis else ()
    found: dict[str, Reading] = {name: {key: tuple(moment)} for name in moment}
    for one in view.windowed:
        found[one.name] = {key: tuple(filter(None, (*moment, one.column, *(conditions if one.where else ()))))}
    return found


def _training_dependencies(training_set: TrainingSet) -> Dependencies | None:
    spine = training_set.spine.key
    found: dict[str, Reading] = {name: {spine: (name,)} for name in training_set.spine_columns()}
    found[SPLIT_COLUMN] = {spine: reading_of(training_set)[spine]}
    for item in training_set.listed.items:
        one = _on_demand_dependencies(item, training_set) if isinstance(item, OnDemand) else _joined(item, training_set)
        if one is None:
            return None
        found |= one
    return found


def _joined(selection: FeatureSelection, training_set: TrainingSet) -> dict[str, Reading] | None:
    """What can change each feature of one view in a training set."""
    features = selection.features()
    if features is None:
        return None
    spine, view = training_set.spine.key, selection.view
    time = [training_set.timestamp] if training_set.timestamp else []
    asked = (*(column for column, _ in selection.keys), *time)
    names = [name for _, name in features]
    found: dict[str, Reading] = {}
    for output, name in features:
        # Of rows with one key and time, all features together decide which is taken.
        decide = [name] if view.windowed else names
        moment = {view.key: (*_shown_moment(view), *decide)}
        found[output] = {**moment, spine: (*moment.get(spine, ()), *asked)}
    return found


def _on_demand_dependencies(one: OnDemand, training_set: TrainingSet) -> dict[str, Reading] | None:
    """What a function takes can change whatever it returns."""
    names = one.feature_names()
    parts = [_joined(selection, training_set) for selection in one.selections]
    if names is None or None in parts:
        return None
    whole: dict[str, tuple[str, ...]] = {training_set.spine.key: tuple(request.name for request in one.requests)}
    for reading in (reading for part in parts if part for reading in part.values()):
        for key, columns in reading.items():
            whole[key] = tuple(dict.fromkeys((*whole.get(key, ()), *(columns or ()))))
    return dict.fromkeys(names, whole)


def affected(dependencies: Dependencies | None, changed: Mapping[str, Collection[str] | None]) -> frozenset[str] | None:
    """The columns that may come out different when those in `changed` do; None for any column.

    >>> sorted(affected({"a": {"t": ("x",)}, "b": {"t": ("y",)}}, {"t": ["x"]}))
    ['a']
    """
    if dependencies is None or any(columns is None for columns in changed.values()):
        return None
    return frozenset(
        output
        for output, reading in dependencies.items()
        if any(touches(reading[key], columns) for key, columns in changed.items() if key in reading)
    )


def touches(reads: Reads, columns: Collection[str] | None) -> bool:
    """Whether a reader of `reads` can notice that `columns` changed."""
    if reads is None or columns is None or SCHEMA in reads:
        return columns is None or bool(columns)
    return not set(reads).isdisjoint(columns)
