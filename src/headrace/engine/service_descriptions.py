"""From a list of features to the description by which it is read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_view import FeatureSelection, FeatureView
from headrace.declarations.on_demand import OnDemand
from headrace.errors import OnDemandError, UnknownName
from headrace.lineage.canonical import digest
from headrace.lineage.code import code_parts
from headrace.store.services import Columns, Computation, ServiceDescription, ViewRead

Types = Mapping[str, str]
"""SQL types of a view's columns, keys included, in the order of its table."""


def describe_list(
    name: str, version: int, listed: FeatureList, types: Callable[[FeatureView], Types], **facts: Any
) -> ServiceDescription:
    """The description of `listed`.

    Args:
        types: of a view's columns; raises where they are not known.
        facts: further fields of the description.

    Raises UnknownName for a feature that a view lacks, OnDemandError for a function that does not run.
    """
    reads = {selection: _read(selection, types(selection.view)) for selection in listed.reads}
    numbers = {selection: number for number, selection in enumerate(listed.reads)}
    made = {one: _computation(one, reads, numbers) for one in listed.on_demand}
    items: list[tuple[str, int]] = []
    outputs: list[tuple[str, str]] = []
    for item in listed.items:
        if isinstance(item, FeatureSelection):
            items.append(("read", numbers[item]))
            outputs += _outputs(reads[item])
        else:
            items.append(("computation", list(made).index(item)))
            outputs += made[item].outputs
    return ServiceDescription(
        name=name,
        version=version,
        keys=_keys(reads.values()),
        requests=tuple((one.name, one.type) for one in listed.requests),
        reads=tuple(reads.values()),
        computations=tuple(made.values()),
        items=tuple(items),
        outputs=tuple(outputs),
        **facts,
    )


def _read(selection: FeatureSelection, types: Types) -> ViewRead:
    view = selection.view
    apart = {*view.keys, view.timestamp, view.created}
    known = tuple(name for name in types if name not in apart)
    features = selection.features(known) or ()
    for _, name in features:
        if name not in known:
            raise UnknownName(view.where, "feature", name, known)
    return ViewRead(
        view=view.name,
        keys=tuple((column, key, types[key]) for column, key in selection.keys),
        features=tuple((output, name, types[name]) for output, name in features),
        online=bool(getattr(view, "online", False)),
    )


def _outputs(read: ViewRead) -> Columns:
    return tuple((output, kind) for output, _, kind in read.features)


def _keys(reads: Iterable[ViewRead]) -> Columns:
    """Each asking column once; of two types the first, as each view takes its own from it."""
    found: dict[str, str] = {}
    for read in reads:
        for column, _, kind in read.keys:
            found.setdefault(column, kind)
    return tuple(found.items())


def _computation(
    one: OnDemand, reads: Mapping[FeatureSelection, ViewRead], numbers: Mapping[FeatureSelection, int]
) -> Computation:
    inputs = [column for selection in one.selections for column in _outputs(reads[selection])]
    inputs += [(request.name, request.type) for request in one.requests]
    taken = tuple(numbers[selection] for selection in one.selections)
    return Computation(one.name, import_path(one), code_digest(one), taken, tuple(inputs), _returned(one, inputs))


def _returned(one: OnDemand, inputs: list[tuple[str, str]]) -> Columns:
    """Its features with their types: as declared, or as they come out of a frame without rows."""
    names, types = one.feature_names(), one.types
    if names is not None and len(types) == len(names):
        return tuple((name, types[name]) for name in names)
    import polars as pl

    from headrace.engine.frames import polars_types
    from headrace.engine.on_demand import run_on_demand
    from headrace.engine.session import connect
    from headrace.store.digests import describe

    kinds = polars_types(tuple(kind for _, kind in inputs))
    made = run_on_demand(one, pl.DataFrame(schema=dict(zip((name for name, _ in inputs), kinds, strict=True))))
    with connect() as connection:
        connection.register("made", made.to_arrow())
        return tuple((name, kind) for name, kind in describe(connection, "made"))


def import_path(one: OnDemand) -> str:
    """`module:name`, where on-demand features can be imported from; empty for what a function keeps to itself."""
    module = getattr(one.function, "__module__", "") or ""
    for name, value in vars(sys.modules[module]).items() if module in sys.modules else ():
        if value is one:
            return f"{module}:{name}"
    return ""


def code_digest(one: OnDemand) -> str:
    """A hash of what on-demand features are: what they take, and all code that they reach."""
    return digest([one.data(), code_parts(one.where, one.function)])


def require_importable(service: ServiceDescription) -> None:
    """Refuse on-demand features that a server could not import."""
    for one in service.computations:
        if not one.function:
            problem = f"service {service.name!r} needs it when serving, but it cannot be imported."
            raise OnDemandError(f"OnDemand({one.name!r})", f"{problem} Give it a name at the top level of its module.")
