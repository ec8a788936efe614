"""FeatureView: features of an entity over time, point-in-time correct for every row that asks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from headrace.declarations.aggregate import Aggregate, WindowedFeature, expand
from headrace.declarations.base import Declaration, names, require_known
from headrace.declarations.derivation import Derivation, derive
from headrace.declarations.duration import parse_duration
from headrace.declarations.entity import Entity
from headrace.declarations.partitions import (
    ByKey,
    Partitions,
    check_inputs,
    parse_lookback,
    partitions_of,
    resolve_partitions,
)
from headrace.declarations.refresh import Refresh
from headrace.declarations.schema import describe_schema, resolve_schema, schema_columns
from headrace.declarations.selection import ColumnSelection
from headrace.declarations.source import Source
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class FeatureView(Declaration):
    """Features of an entity: columns of a source, windowed aggregates of its events, SQL, or Python over polars.

    Args:
        entity: whose features these are; None when they depend on time alone.
        source: the table they are read from (not with a function, see `feature_view`).
        features: column names, `{name: column}`, or `{name: Aggregate}`; `{window}` in a name stands for the window.
        timestamp: when a value became true; by default the source's. Without one the values hold for all time.
        created: when a value became known; rows created after a training row's time are hidden from it.
        until: in a table with validities, such as a slowly changing dimension, when a row ceased to hold, that moment
            not included; null is still. From then until the next row of its key begins, features are null.
        ttl: how long a value holds, and how far an aggregate without a window looks back; None is for ever.
        schema: a pandera.polars schema of the result.
        partitions: compute it part by part, as its source is: hr.Daily(start="2024-01-01") or such. Its column is by
            default the timestamp; rows that belong to another partition than the one being computed are left out.
        lookback: how far before a partition SQL and Python look, such as "7d"; windows and ttl say so themselves.
        index: whether an index is kept beside it, the asset `indexes/<view>`, with which many rows are joined faster.
        every: it is refreshed in steps of this length, such as "1h", counted from 1970 in UTC: a row then sees what was
            known at the last step at or before its time, as someone who is served does. None: at its very time.
        online: whether its values are kept in the online store, by the asset `online/<view>`.
        sensitive: columns that are not shown or served, beside those that come from sensitive columns of its inputs.
        version: what its readers rely on: as long as it stays, no column may be dropped or change its type. None: no
            such promise.

    >>> FeatureView("activity", entity=None, source=Source("orders", path="o.csv"), features={"n": Aggregate("count")})
    Traceback (most recent call last):
    headrace.errors.DeclarationError: FeatureView('activity'): has aggregates but no timestamp. ...
    """

    entity: Entity | Sequence[Entity] | None
    source: Declaration | None = None
    features: Sequence[str] | Mapping[str, str | Aggregate] | None = field(default=None, compare=False)
    timestamp: str | None = None
    created: str | None = None
    until: str | None = None
    ttl: str | None = None
    schema: Any = field(default=None, compare=False)
    partitions: Partitions | None = None
    lookback: str | None = None
    derivation: Derivation | None = None
    index: bool = field(default=False, compare=False)
    every: str | None = None
    online: bool = field(default=False, compare=False)
    sensitive: Sequence[str] = field(default=(), compare=False)
    version: int | None = field(default=None, compare=False)
    rules: Any = field(init=False, default=None, repr=False, hash=False)
    windowed: tuple[WindowedFeature, ...] = field(init=False, default=(), repr=False)
    selected: tuple[tuple[str, str], ...] | None = field(init=False, default=None, repr=False)

    kind = "features"
    noun = "FeatureView"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        entity = self.entity
        entities = () if entity is None else tuple(entity) if isinstance(entity, list | tuple) else (entity,)
        for one in entities:
            if not isinstance(one, Entity):
                fix = "Give an hr.Entity, several, or None."
                raise DeclarationError(self.where, f"entity is a {type(one).__name__}, {one!r}.", fix=fix)
        self._set(entity=entities, schema=resolve_schema(self.where, self.schema))
        self._set(rules=describe_schema(self.schema), sensitive=names(self.where, "sensitive", self.sensitive))
        self._check_version()
        if (self.source is None) == (self.derivation is None):
            fix = "Give source= and features=, or decorate a function with @hr.feature_view."
            raise DeclarationError(self.where, "needs either a source or a function.", fix=fix)
        if self.source is not None and not isinstance(self.source, Source | FeatureView):
            fix = "Give a Source or FeatureView."
            raise DeclarationError(self.where, f"source is a {type(self.source).__name__}.", fix=fix)
        if self.source is not None:
            self._set(timestamp=self.timestamp or self.source.timestamp, created=self.created or self._source_created())
        self._read_features()
        self._check_columns()
        self._check_ttl()
        self._check_every()
        self._check_partitions()
        self._check_until()

    def _check_version(self) -> None:
        version = self.version
        if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
            fix = "Give 1, 2, 3 and so on; raise it when a column is dropped or changes its type."
            raise DeclarationError(self.where, f"version {version!r} is not a whole number from 1.", fix=fix)

    def _source_created(self) -> str | None:
        """Of aggregates only the events know when they were recorded."""
        source = self.source
        if not isinstance(source, Source | FeatureView) or (isinstance(source, FeatureView) and source.windowed):
            return None
        return source.created

    def _read_features(self) -> None:
        given = self.features
        if self.source is not None and not given:
            fix = "Give features=['title'], or features={'orders_7d': hr.Aggregate('count', over='7d')}."
            raise DeclarationError(self.where, "has no features.", fix=fix)
        if given is None:
            return
        entries = given if isinstance(given, Mapping) else {name: name for name in names(self.where, "features", given)}
        aggregates = {name: value for name, value in entries.items() if isinstance(value, Aggregate)}
        if aggregates and len(aggregates) < len(entries):
            fix = "Put the columns into a view of their own."
            raise DeclarationError(self.where, "mixes aggregates with plain columns.", fix=fix)
        if aggregates:
            windowed = [one for name, value in aggregates.items() for one in expand(self.where, name, value)]
            names(self.where, "features", [one.name for one in windowed])
            self._set(windowed=tuple(windowed))
        else:
            self._set(selected=tuple((name, str(column)) for name, column in entries.items()))

    def _check_columns(self) -> None:
        table = self.source.columns() if self.source is not None else self.columns_of_schema()
        mentioned = [*self.keys, *filter(None, (self.timestamp, self.created, self.until))]
        mentioned += [one.column for one in self.windowed if one.column is not None]
        mentioned += [column for _, column in self.selected or ()]
        require_known(self.where, "column", mentioned, table)
        if self.windowed and self.timestamp is None:
            fix = "Give the source a timestamp: windows are counted back from it."
            raise DeclarationError(self.where, "has aggregates but no timestamp.", fix=fix)
        clash = [name for name in self.feature_names() or () if name in (*self.keys, self.timestamp, self.created)]
        if clash:
            raise DeclarationError(self.where, f"feature {clash[0]!r} is also a key or a time.", fix="Rename it.")

        require_known(self.where, "column", self.sensitive, self.columns())

    def _check_until(self) -> None:
        if self.until is None:
            return
        if self.selected is None or self.timestamp is None:
            fix = "Only columns of a source with a timestamp have one; of other views, end the rows in SQL."
            raise DeclarationError(self.where, f"has until={self.until!r}.", fix=fix)
        if self.partitions is not None:
            fix = "A row may end in another partition than it began in. Leave them out."
            raise DeclarationError(self.where, "has until= and partitions.", fix=fix)

    def _check_ttl(self) -> None:
        ttl = self.lifetime
        if ttl is not None and self.timestamp is None:
            fix = "Give it a timestamp, or no ttl."
            raise DeclarationError(self.where, f"has ttl {self.ttl!r} but no timestamp to count it from.", fix=fix)
        for one in self.windowed:
            if ttl is not None and one.length is not None and one.length > ttl:
                fix = "Lengthen the ttl or shorten the window."
                raise DeclarationError(self.where, f"window {one.window!r} is longer than ttl {self.ttl!r}.", fix=fix)

    def _check_every(self) -> None:
        if self.every is not None and not parse_duration(self.every, f"{self.where}.every"):
            raise DeclarationError(self.where, f"every {self.every!r} has no length.", fix="As in every='1h'.")
        if self.every is not None and self.timestamp is None:
            raise DeclarationError(self.where, "has every= but no timestamp.", fix="Give it a timestamp, or no every.")

    def _check_partitions(self) -> None:
        partitions = resolve_partitions(self.where, self.partitions, self.timestamp)
        self._set(partitions=partitions)
        fixed = "its windows and ttl say so" if self.windowed else "a view of columns does not look back"
        parse_lookback(self.where, self.lookback, partitions, "" if self.derivation else fixed)
        if partitions is None:
            return
        inputs = {one.key: partitions_of(one) for one in self.inputs}
        check_inputs(self.where, partitions, inputs)
        require_known(self.where, "column", [str(partitions.column)], self.source.columns() if self.source else None)
        require_known(self.where, "column", [str(partitions.column)], self.columns() if self.derivation else None)
        theirs = [one.column for one in inputs.values() if one is not None and one.column != partitions.column]
        if self.source is not None and theirs:
            fix = f"Give it partitions by {theirs[0]!r}, or leave them out: then it is computed whole."
            problem = f"has partitions by {partitions.column!r}, but its source by {theirs[0]!r}."
            raise DeclarationError(self.where, problem, fix=fix)
        if self.windowed and isinstance(partitions, ByKey) and partitions.column not in self.keys:
            problem = f"has windows, which may reach over partitions by {partitions.column!r}."
            raise DeclarationError(self.where, problem, fix=f"Partition by one of its keys: {', '.join(self.keys)}.")

    @property
    def back(self) -> timedelta | None:
        """How far before a partition its rows may depend on those of its inputs; None is for ever."""
        if not self.windowed:
            fixed = "" if self.derivation else "a view of columns does not look back"
            return parse_lookback(self.where, self.lookback, self.partitions, fixed)
        lengths = [one.length or self.lifetime for one in self.windowed]
        return None if None in lengths else max(length for length in lengths if length is not None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns of its entities, in order, each once."""
        entities: Sequence[Entity] = self.entity  # type: ignore[assignment]  # a tuple after __post_init__
        return tuple(dict.fromkeys(key for entity in entities for key in entity.keys))

    @property
    def lifetime(self) -> timedelta | None:
        """The ttl as a duration; None and zero are for ever."""
        return (parse_duration(self.ttl, self.where) or None) if self.ttl is not None else None

    @property
    def step(self) -> timedelta | None:
        """The length of the steps in which it is refreshed."""
        return None if self.every is None else parse_duration(self.every, self.where)

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return self.derivation.inputs if self.derivation else (self.source,) if self.source else ()

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell the events of its windows apart, where they can be corrected by a push."""
        source = self.source
        return tuple(source.keys) if self.windowed and isinstance(source, Source) and source.push else ()

    def columns_of_schema(self) -> tuple[str, ...] | None:
        return None if self.schema is None else schema_columns(self.schema)

    def feature_names(self) -> tuple[str, ...] | None:
        """The features in order, or None while only the data can tell."""
        if self.windowed:
            return tuple(one.name for one in self.windowed)
        if self.selected is not None:
            return tuple(name for name, _ in self.selected)
        known = self.columns_of_schema()
        apart = {*self.keys, self.timestamp, self.created}
        return None if known is None else tuple(name for name in known if name not in apart)

    def columns(self) -> tuple[str, ...] | None:
        features = self.feature_names()
        times = tuple(filter(None, (self.timestamp, None if self.windowed else self.created)))
        return None if features is None else tuple(dict.fromkeys((*self.keys, *times, *features)))

    def __getitem__(self, chosen: str | tuple[str, ...]) -> FeatureSelection:
        """Some of its features, as in `view["units"]` or `view["units", "buyers"]`."""
        return FeatureSelection(self, names(self.where, "features", chosen))

    def on(self, keys: Mapping[str, str], prefix: str = "") -> FeatureSelection:
        """Its features under other key columns of the asking rows: `view.on({"airport": "origin"}, prefix="from_")`."""
        return FeatureSelection(self, None, tuple(keys.items()), prefix)

    def renamed(self, features: Mapping[str, str]) -> FeatureSelection:
        """Its features, some under other names: `view.renamed({"spend_30d": "spend"})`."""
        return FeatureSelection(self).renamed(features)

    def data(self) -> dict[str, Any]:
        return {
            "keys": list(self.keys),
            "source": self.source.key if self.source else None,
            "timestamp": self.timestamp,
            "created": self.created,
            "ttl": self.ttl,
            **({"until": self.until} if self.until else {}),
            "schema": self.rules,
            "order": [name for name, _ in self.selected or ()] or [one.name for one in self.windowed],
            **({"partitions": self.partitions.data(), "lookback": self.lookback} if self.partitions else {}),
            **{f"feature {name}": column for name, column in self.selected or ()},
            **{f"feature {one.name}": one.definition for one in self.windowed},
        }


@dataclass(frozen=True)
class FeatureSelection:
    """Part of a view's features, possibly under other keys, with other names or with a prefix to them."""

    view: FeatureView
    chosen: tuple[str, ...] | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    renames: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        renamed = [name for name, _ in self.renames]
        require_known(self.view.where, "feature", (*(self.chosen or ()), *renamed), self.view.feature_names())
        require_known(self.view.where, "feature", renamed, self.chosen)
        require_known(self.view.where, "key", [key for key, _ in self.mapping], self.view.keys)

    def __getitem__(self, chosen: str | tuple[str, ...]) -> FeatureSelection:
        picked = names(self.view.where, "features", chosen)
        renames = tuple(pair for pair in self.renames if pair[0] in picked)
        return FeatureSelection(self.view, picked, self.mapping, self.prefix, renames)

    def on(self, keys: Mapping[str, str], prefix: str = "") -> FeatureSelection:
        """The same features under other key columns of the asking rows."""
        return FeatureSelection(self.view, self.chosen, tuple(keys.items()), prefix or self.prefix, self.renames)

    def renamed(self, features: Mapping[str, str]) -> FeatureSelection:
        """The same features, some under other names, which get no prefix."""
        names(self.view.where, "renamed features", features.values())
        return FeatureSelection(self.view, self.chosen, self.mapping, self.prefix, tuple(features.items()))

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Pairs of (column of the asking rows, key column of the view)."""
        renamed = dict(self.mapping)
        return tuple((renamed.get(key, key), key) for key in self.view.keys)

    def features(self, known: Sequence[str] | None = None) -> tuple[tuple[str, str], ...] | None:
        """Pairs of (output name, feature of the view); `known` supplies the view's features once data is read."""
        found = self.chosen or self.view.feature_names() or known
        renamed = dict(self.renames)
        return None if found is None else tuple((renamed.get(name, self.prefix + name), name) for name in found)

    def data(self) -> dict[str, Any]:
        """What decides the joined columns; the view's content does not tell how it is read at another moment."""
        chosen = None if self.chosen is None else list(self.chosen)
        view = self.view
        read = [one for one in view.windowed if chosen is None or one.name in chosen]
        return {
            "view": self.view.key,
            "features": chosen,
            "keys": [list(pair) for pair in self.keys],
            "prefix": self.prefix,
            **({"renames": [list(pair) for pair in self.renames]} if self.renames else {}),
            "timestamp": view.timestamp,
            "created": view.created,
            "ttl": view.ttl,
            **({"every": view.every} if view.every else {}),
            "windows": [[one.name, *one.definition] for one in read],
        }


def feature_view(
    *,
    entity: Entity | Sequence[Entity] | None,
    timestamp: str | None = None,
    created: str | None = None,
    ttl: str | None = None,
    schema: Any = None,
    inputs: Mapping[str, Declaration | ColumnSelection | FeatureSelection] | None = None,
    name: str | None = None,
    owners: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    refresh: Refresh | str | None = None,
    partitions: Partitions | None = None,
    lookback: str | None = None,
    index: bool = False,
    every: str | None = None,
    online: bool = False,
    sensitive: Sequence[str] = (),
    version: int | None = None,
) -> Callable[[Callable[..., Any]], FeatureView]:
    """Make a FeatureView of a function whose parameters stand for the declarations it reads.

    A parameter's default says which, as in `def demand(orders=orders)`; or `inputs={"orders": orders}`; or else the
    declaration of that name in the function's module.

    Without annotations the function returns DuckDB SQL, its parameters being table names. With parameters annotated
    as `pl.DataFrame` or `pl.LazyFrame` it gets frames and returns one. Its docstring is the view's description.

    What is rebuilt follows from the columns that it reads. Those of SQL are found by parsing it. A function over lazy
    frames is watched while it runs; one over data frames counts as reading every column, unless its parameter picks
    some, as in `def big(orders: pl.DataFrame = orders["order_id", "amount"])`: it then gets only these. Rows come in
    the order of the table's keys and times, then of its other columns.
    """

    def declare(function: Callable[..., Any]) -> FeatureView:
        title = name or function.__name__
        return FeatureView(
            title,
            entity=entity,
            timestamp=timestamp,
            created=created,
            ttl=ttl,
            schema=schema,
            derivation=derive(f"FeatureView({title!r})", function, inputs),
            description=inspect.getdoc(function) or "",
            owners=owners,
            tags=tags or {},
            refresh=refresh,
            partitions=partitions,
            lookback=lookback,
            index=index,
            every=every,
            online=online,
            sensitive=sensitive,
            version=version,
        )

    return declare
