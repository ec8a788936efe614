"""Which columns of which inputs each column of an asset comes from, and which can change it in other ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.index import Index
from headrace.declarations.matrix import Matrix
from headrace.declarations.on_demand import OnDemand
from headrace.declarations.online import OnlineView
from headrace.declarations.partitions import partitions_of
from headrace.declarations.source import Source
from headrace.declarations.split import ColumnSplit, GroupSplit
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.declarations.transform import Transform
from headrace.lineage.reads import Dependencies, Reading, column_names

Origins = dict[str, list[str]]
"""For each column, input columns as `sources/orders.amount`.

`sources/orders.*` is every column of it, and `sources/orders` alone the number of its rows.
"""

Known = Mapping[str, Sequence[str]]
EVERY = "*"
# The columns of a transform's table, which describes what was fitted.
FITTED_TABLE = ("block", "column", "feature", "encoder", "fitted")
# Encoders that fit each of their columns by itself.
_COLUMN_BY_COLUMN = frozenset(
    {"bag_of_words", "color_histogram", "gradient_histogram", "image_pixels", "impute", "one_hot", "standardize"}
    | {"tf_idf"}
)


@dataclass(frozen=True)
class Lineage:
    """Where columns come from. Together, `values` and `rows` hold everything that can change a column.

    Attributes:
        values: the columns that its values are made of.
        rows: all others that can change it: in filters, joins, groups, orders and splits, they decide which rows there
            are and which of them meet.
        sql: the statement by which `values` can be told from `rows`, which are all in `values` until then.
    """

    values: Origins = field(default_factory=dict)
    rows: Origins = field(default_factory=dict)
    sql: str | None = None

    def details(self) -> dict[str, Any]:
        """How it is kept in a manifest's details; `lineage_in` reads it back."""
        statement = {} if self.sql is None else {"statement": self.sql}
        return {"column lineage": self.values, "row lineage": self.rows, **statement}


def lineage_in(details: Mapping[str, Any], inputs: Iterable[str]) -> Lineage:
    """The lineage in a manifest's details; of a version that has only a part of it, every input counts as well."""
    values: Origins = details.get("column lineage", {})
    if "row lineage" in details:
        return Lineage(values, details["row lineage"], details.get("statement"))
    everything = [f"{key}.{EVERY}" for key in inputs]
    return Lineage(values, dict.fromkeys(values, everything))


def column_lineage(
    declaration: Declaration,
    columns: Sequence[str],
    known: Known,
    reading: Reading | None = None,
    dependencies: Dependencies | None = None,
) -> Lineage:
    """The lineage of every column of an asset; nothing for a source, whose columns come from its files.

    A SQL statement is not parsed here, as a build waits for this: see `sql_lineage.refined`.

    Args:
        columns: the asset's columns.
        known: the columns of each input, by asset key.
        reading: for code, the columns that it took of each input; every column where not given.
        dependencies: for SQL and for conditions, everything that can change each column, where that is known.
    """
    if isinstance(declaration, FeatureView):
        found = _of_view(declaration, columns, known, reading or {}, dependencies)
        if partitions_of(declaration) is not None:
            found = _with_partitions(found, reading or {})
    elif isinstance(declaration, TrainingSet):
        found = _of_training_set(declaration, columns, known)
    elif isinstance(declaration, Index):
        found = _of_index(declaration)
    elif isinstance(declaration, Matrix):
        found = _of_matrix(declaration)
    elif isinstance(declaration, Transform):
        found = _of_transform(declaration)
    elif isinstance(declaration, OnlineView):
        found = _of_online(declaration.view, columns)
    elif isinstance(declaration, CascadeStage):
        found = _of_stage(declaration, columns)
    else:
        found = _of_cascade(declaration, columns) if isinstance(declaration, Cascade) else Lineage()
    rows = {name: [one for one in origins if one not in found.values[name]] for name, origins in found.rows.items()}
    return Lineage(found.values, {name: origins for name, origins in rows.items() if origins}, found.sql)


def _of_online(view: FeatureView, columns: Sequence[str]) -> Lineage:
    """A snapshot's columns are the view's; an event column is told by the features that are computed from it."""
    values: Origins = {name: [f"{view.key}.{name}"] for name in columns}
    for name in columns:
        if view.windowed and name not in (*view.keys, view.timestamp, view.created):
            values[name] = _columns_of(view.key, [one.name for one in view.windowed if one.column in (name, None)])
    return Lineage(values)


def _columns_of(key: str, names: Iterable[str]) -> list[str]:
    return [f"{key}.{name}" for name in dict.fromkeys(names)]


def _everything(known: Known) -> list[str]:
    return [f"{key}.{EVERY}" for key in known]


def listed(reading: Reading, known: Known) -> list[str]:
    """A reading as origins.

    >>> listed({"t": ("a",), "u": (), "v": None}, {"t": ["a", "b"], "u": ["a"], "v": ["a"]})
    ['t.a', 'u', 'v.*']
    """
    found: list[str] = []
    for key, reads in reading.items():
        names = column_names(reads)
        if names is None or (len(names) > 1 and set(names) >= {*known.get(key, names), *names}):
            found.append(f"{key}.{EVERY}")
        else:
            found += _columns_of(key, names) or [key]
    return found


def _of_view(
    view: FeatureView, columns: Sequence[str], known: Known, reading: Reading, dependencies: Dependencies | None
) -> Lineage:
    taken = listed({key: reading.get(key) for key in known}, known)
    if view.derivation is not None and view.derivation.sql is not None:
        outputs = dependencies or {}
        values = {name: listed(outputs[name], known) if name in outputs else taken for name in columns}
        return Lineage(values, sql=view.derivation.sql)
    if view.derivation is not None:
        return Lineage(dict.fromkeys(columns, taken))
    key = view.inputs[0].key
    moment = _moment(view)
    values = {name: [f"{key}.{name}"] for name in moment}
    if view.selected is not None:
        values |= {name: [f"{key}.{column}"] for name, column in view.selected}
        return Lineage(values, dict.fromkeys(values, _columns_of(key, [*moment, view.until])) if view.until else {})
    rows = {name: _columns_of(key, moment) for name in moment}
    for one in view.windowed:
        values[one.name] = [f"{key}.{one.column}"] if one.column is not None else []
        mentioned = dependencies[one.name][key] if dependencies else None
        conditions = _columns_of(key, mentioned) if mentioned is not None else [f"{key}.{EVERY}"]
        rows[one.name] = list(dict.fromkeys([*_columns_of(key, moment), *(conditions if one.where else [])]))
    return Lineage(values, rows)


def _with_partitions(lineage: Lineage, reading: Reading) -> Lineage:
    """A view computed by partition sees a part of its inputs, told by columns that are read besides."""
    counted = {one for part in (lineage.values, lineage.rows) for origins in part.values() for one in origins}
    besides = [
        f"{key}.{name}"
        for key, reads in reading.items()
        for name in column_names(reads) or ()
        if not counted & {f"{key}.{name}", f"{key}.{EVERY}"}
    ]
    rows = {name: [*lineage.rows.get(name, ()), *besides] for name in lineage.values}
    return Lineage(lineage.values, rows, lineage.sql)


def _moment(view: FeatureView) -> list[str]:
    return list(dict.fromkeys([*view.keys, *filter(None, (view.timestamp, view.created))]))


def _of_training_set(training_set: TrainingSet, columns: Sequence[str], known: Known) -> Lineage:
    spine = training_set.spine.key
    values: Origins = {name: [f"{spine}.{name}"] for name in training_set.spine_columns()}
    rows: Origins = {}
    for selection in training_set.selections:
        joined = _of_selection(training_set, selection, known)
        for output in joined.values:
            if output in columns and output not in values:
                values[output], rows[output] = joined.values[output], joined.rows[output]
    values[SPLIT_COLUMN] = _columns_of(spine, _split_columns(training_set))
    unnamed = [name for name in columns if name not in values]
    for one in training_set.listed.on_demand:
        named = one.feature_names()
        for output in unnamed if named is None else named:
            taken = _of_on_demand(training_set, one, known)
            values[output] = [*values.get(output, ()), *taken.values[""]]
            rows[output] = [*rows.get(output, ()), *taken.rows[""]]
    return Lineage(values, rows)


def _of_selection(training_set: TrainingSet, selection: FeatureSelection, known: Known) -> Lineage:
    view = selection.view
    features = _features(selection, known)
    asked = [*(column for column, _ in selection.keys), *filter(None, [training_set.timestamp])]
    # Among rows of the same moment the one with the greatest values is taken, so each feature decides.
    tied = [] if view.windowed or _has_unique_rows(view) else [name for _, name in features]
    deciding = [*_columns_of(view.key, [*_moment(view), *tied]), *_columns_of(training_set.spine.key, asked)]
    values = {output: [f"{view.key}.{name}"] for output, name in features}
    return Lineage(values, dict.fromkeys(values, deciding))


def _of_on_demand(training_set: TrainingSet, one: OnDemand, known: Known) -> Lineage:
    """Whatever a function takes is in whatever it returns; its one column here has no name."""
    parts = [_of_selection(training_set, selection, known) for selection in one.selections]
    values = [origin for part in parts for origins in part.values.values() for origin in origins]
    values += _columns_of(training_set.spine.key, [request.name for request in one.requests])
    rows = [origin for part in parts for origins in part.rows.values() for origin in origins]
    return Lineage({"": list(dict.fromkeys(values))}, {"": list(dict.fromkeys(rows))})


def _has_unique_rows(view: FeatureView) -> bool:
    """Whether no two rows have the same keys and times: a source with a repeated key is not published."""
    keys = view.source.keys if isinstance(view.source, Source) else ()
    return bool(keys) and set(keys) <= set(_moment(view))


def _of_index(index: Index) -> Lineage:
    """Its keys are those of the view; how many rows each has follows from their keys and times."""
    view = index.view
    moment = _columns_of(view.key, [*view.keys, *filter(None, [view.timestamp])])
    values = {name: [f"{view.key}.{name}"] for name in view.keys}
    return Lineage({**values, "first_row": [], "rows": []}, {"first_row": moment, "rows": moment})


def _features(selection: FeatureSelection, known: Known) -> Sequence[tuple[str, str]]:
    apart = _moment(selection.view)
    names = [name for name in known.get(selection.view.key, ()) if name not in apart]
    return selection.features(names) or ()


def _split_columns(training_set: TrainingSet) -> list[str]:
    split = training_set.split
    if isinstance(split, ColumnSplit):
        return [split.column]
    if isinstance(split, GroupSplit):
        return [split.by]
    return [training_set.timestamp] if training_set.timestamp and split is not None else []


def _of_transform(transform: Transform) -> Lineage:
    """Of each feature what was fitted for it; of the table that lists what was fitted, everything."""
    rows = transform.fit_on.key
    fitted = dict.fromkeys(FITTED_TABLE, _columns_of(rows, transform.required()))
    for name in transform.required():
        fitted[name] = _columns_of(rows, [name, *_fitted_with(transform, name)])
    return Lineage(fitted, {name: [f"{rows}.{SPLIT_COLUMN}"] for name in fitted})


def _fitted_with(transform: Transform, name: str) -> Iterator[str]:
    for encoder in transform.encode.values():
        if name in encoder.columns and encoder.kind not in _COLUMN_BY_COLUMN:
            yield from encoder.columns


def _of_matrix(matrix: Matrix) -> Lineage:
    """Its rows as they are; the many columns of a block go by the block's name.

    A block has nothing but its place to say which row is whose, and the order of rows follows from the spine.
    """
    rows, transform = matrix.rows.key, matrix.transform
    values = {name: [f"{rows}.{name}"] for name in (*matrix.rows.spine_columns(), SPLIT_COLUMN)}
    ordered = _columns_of(rows, matrix.rows.spine_columns())
    for block, encoder in transform.encode.items():
        values[block] = [*_columns_of(rows, encoder.columns), *_columns_of(transform.key, encoder.columns)]
    return Lineage(values, dict.fromkeys(transform.encode, ordered))


def _of_stage(member: CascadeStage, columns: Sequence[str]) -> Lineage:
    """Answers come from a model, and that from its matrix as a whole: the order of rows can change it too."""
    stage = member.stage
    matrix, rows = stage.matrix, stage.matrix.rows
    copied = {name: name for name in (*rows.keys, SPLIT_COLUMN)} | {"target": stage.target}
    learnt = _columns_of(matrix.key, [*matrix.transform.encode, stage.target])
    learnt += [f"{one.key}.prediction" for one in member.feeders if one.stage.name in stage.inputs]
    decided = [f"{one.key}.prediction" for one in member.feeders]
    for feeder in member.feeders:  # each is asked about the rows of this stage, which it encodes in its own way
        transform = feeder.stage.matrix.transform
        decided += _columns_of(rows.key, [*transform.required(), *member.cascade.groups(feeder.stage)])
        decided += _columns_of(transform.key, transform.required())
    decided = list(dict.fromkeys([*decided, f"{matrix.key}.{EVERY}"]))
    values = {name: [f"{matrix.key}.{copied[name]}"] if name in copied else learnt for name in columns}
    return Lineage(values, {name: decided for name in columns if name not in copied})


def _of_cascade(cascade: Cascade, columns: Sequence[str]) -> Lineage:
    """The answers of its stages for the held-out rows, which their own lineage leads to."""
    answers = [f"{one.key}.prediction" for one in cascade.members]
    truths = dict.fromkeys(f"{stage.matrix.rows.key}.{stage.target}" for stage in cascade.stages)
    splits = dict.fromkeys(f"{stage.matrix.rows.key}.{SPLIT_COLUMN}" for stage in cascade.stages)
    origins: Origins = dict.fromkeys(("prediction", "score", "stage"), answers)
    origins |= {"truth": [*truths], "split": [*splits]}
    values = {name: origins.get(name, []) for name in columns}
    rows = [*answers, *splits, *truths]
    return Lineage(values, dict.fromkeys(columns, rows))
