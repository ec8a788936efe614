"""Derivation: a user's function that makes a table out of other tables, as SQL text or over polars frames."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from headrace.declarations.base import Declaration, table_name
from headrace.errors import DeclarationError, UnknownName

FrameKind = Literal["sql", "DataFrame", "LazyFrame"]


@dataclass(frozen=True)
class Derivation:
    """A function, the tables its parameters stand for, and for SQL the statement that it wrote."""

    function: Callable[..., Any] = field(hash=False)
    tables: tuple[tuple[str, Declaration], ...]
    frames: tuple[FrameKind, ...]
    sql: str | None

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return tuple(dict.fromkeys(declaration for _, declaration in self.tables))


def derive(where: str, function: Callable[..., Any], given: Mapping[str, Declaration] | None) -> Derivation:
    """Read `function`'s signature: which tables it takes, and whether it writes SQL or works on frames."""
    parameters = inspect.signature(function).parameters
    tables = tuple((name, _table(where, function, one, given or {})) for name, one in parameters.items())
    if not tables:
        raise DeclarationError(where, "takes no table.", fix="Give its function a parameter named after a declaration.")
    frames = tuple(_frame_kind(parameter) for parameter in parameters.values())
    if len({kind == "sql" for kind in frames}) > 1:
        fix = "Annotate every parameter with a polars frame, or none."
        raise DeclarationError(where, "mixes frames and SQL tables.", fix=fix)
    sql = _statement(where, function, tables) if frames[0] == "sql" else None
    return Derivation(function, tables, frames, sql)


def _table(
    where: str, function: Callable[..., Any], parameter: inspect.Parameter, given: Mapping[str, Declaration]
) -> Declaration:
    """What a parameter stands for: what is given for it, its default, or the declaration in scope of its name."""
    scope = {**getattr(function, "__globals__", {}), **inspect.getclosurevars(function).nonlocals}
    default = {} if parameter.default is parameter.empty else {parameter.name: parameter.default}
    found = {**scope, **default, **given}.get(parameter.name)
    if isinstance(found, Declaration) and found.kind:
        return found
    known = [key for key, value in scope.items() if isinstance(value, Declaration) and value.kind]
    raise UnknownName(where, "table for parameter", parameter.name, known)


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
