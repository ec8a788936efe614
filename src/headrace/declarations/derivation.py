"""Derivation: a user's function that makes a table out of other tables, as SQL text or over polars frames."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from headrace.declarations.base import Declaration, table_name
from headrace.declarations.selection import ColumnSelection
from headrace.errors import DeclarationError, UnknownName

FrameKind = Literal["sql", "DataFrame", "LazyFrame"]


@dataclass(frozen=True)
class Derivation:
    """A function, the tables its parameters stand for, and for SQL the statement that it wrote.

    Attributes:
        picked: for functions over frames, the columns that a parameter was given of a table, by asset key.
    """

    function: Callable[..., Any] = field(hash=False)
    tables: tuple[tuple[str, Declaration], ...]
    frames: tuple[FrameKind, ...]
    sql: str | None
    picked: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return tuple(dict.fromkeys(declaration for _, declaration in self.tables))

    @property
    def observed(self) -> tuple[str, ...]:
        """The tables, by asset key, of which only a run shows what is read."""
        kinds = zip(self.tables, self.frames, strict=True)
        lazy = (table.key for (_, table), kind in kinds if kind == "LazyFrame" and table.key not in self.picked)
        return tuple(dict.fromkeys(lazy))


def derive(where: str, function: Callable[..., Any], given: Mapping[str, Any] | None) -> Derivation:
    """Read `function`'s signature: which tables it takes, and whether it writes SQL or works on frames."""
    parameters = inspect.signature(function).parameters
    if not parameters:
        raise DeclarationError(where, "takes no table.", fix="Give its function a parameter named after a declaration.")
    found = [(name, *_table(where, function, one, given or {})) for name, one in parameters.items()]
    tables = tuple((name, table) for name, table, _ in found)
    picked = _picked(where, [(table, columns) for _, table, columns in found])
    frames = tuple(_frame_kind(parameter) for parameter in parameters.values())
    if len({kind == "sql" for kind in frames}) > 1:
        fix = "Annotate every parameter with a polars frame, or none."
        raise DeclarationError(where, "mixes frames and SQL tables.", fix=fix)
    if picked and frames[0] == "sql":
        fix = "Give the whole table: SQL says itself which columns it reads."
        raise DeclarationError(where, f"picks columns of {next(iter(picked))}.", fix=fix)
    sql = _statement(where, function, tables) if frames[0] == "sql" else None
    return Derivation(function, tables, frames, sql, picked)


def _table(
    where: str, function: Callable[..., Any], parameter: inspect.Parameter, given: Mapping[str, Any]
) -> tuple[Declaration, tuple[str, ...] | None]:
    """What a parameter stands for: what is given for it, its default, or the declaration in scope of its name.

    With it the columns that were picked, or None for all.
    """
    scope = {**getattr(function, "__globals__", {}), **inspect.getclosurevars(function).nonlocals}
    default = {} if parameter.default is parameter.empty else {parameter.name: parameter.default}
    found = {**scope, **default, **given}.get(parameter.name)
    if isinstance(found, Declaration) and found.kind:
        return found, None
    selected = _selected(found)
    if selected is not None:
        return selected
    known = [key for key, value in scope.items() if isinstance(value, Declaration) and value.kind]
    raise UnknownName(where, "table for parameter", parameter.name, known)


def _selected(found: Any) -> tuple[Declaration, tuple[str, ...]] | None:
    """A part of a table, such as `orders["amount"]`; of a feature view, with its keys and times."""
    if isinstance(found, ColumnSelection):
        return found.table, found.chosen
    view, chosen = getattr(found, "view", None), getattr(found, "chosen", None)
    if not isinstance(view, Declaration) or not chosen or found.mapping or found.prefix:
        return None
    moment = (*getattr(view, "keys", ()), getattr(view, "timestamp", None), getattr(view, "created", None))
    return view, tuple(dict.fromkeys(filter(None, (*moment, *chosen))))


def _picked(where: str, tables: Iterable[tuple[Declaration, tuple[str, ...] | None]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...] | None] = {}
    for table, columns in tables:
        if found.setdefault(table.key, columns) != columns:
            fix = "Pick the same columns for each of its parameters."
            raise DeclarationError(where, f"takes {table.key} twice with different columns.", fix=fix)
    return {key: columns for key, columns in found.items() if columns is not None}


def _frame_kind(parameter: inspect.Parameter) -> FrameKind:
    annotation = parameter.annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    last = text.rpartition(".")[2]
    if last == "DataFrame":
        return "DataFrame"
    return "LazyFrame" if last == "LazyFrame" else "sql"


def _statement(where: str, function: Callable[..., Any], tables: tuple[tuple[str, Declaration], ...]) -> str:
    sql = function(**{name: table_name(declaration.key) for name, declaration in tables})
    if isinstance(sql, str):
        return inspect.cleandoc(sql)
    fix = "Annotate its parameters with pl.DataFrame or pl.LazyFrame to write it in polars."
    raise DeclarationError(where, f"should return SQL text but returned {type(sql).__name__}.", fix=fix)
