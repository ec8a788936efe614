"""Encoder: the parameters of one encoder and the columns it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, TypeAlias

from headrace.declarations.base import names
from headrace.errors import DeclarationError, UnknownName

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None
Accepts: TypeAlias = Literal["number", "category", "text", "image"]


@dataclass(frozen=True, init=False)
class Encoder:
    """A frozen value: what to do with `columns`. What was learnt from data is the engine's State, not this.

    Subclasses name their `kind`, which is kept in saved state and never changes, and what columns they accept.
    """

    columns: tuple[str, ...]

    kind: ClassVar[str] = ""
    accepts: ClassVar[Accepts] = "number"

    def _declare(self, columns: Sequence[str], **parameters: object) -> None:
        """Set every field once; the columns must be distinct names, at least one."""
        object.__setattr__(self, "columns", names(self.noun, "columns", columns))
        if not self.columns:
            raise DeclarationError(self.noun, "has no columns.", fix="Name the columns it encodes.")
        for key, value in parameters.items():
            object.__setattr__(self, key, value)

    @property
    def noun(self) -> str:
        """The class name, as messages use it."""
        return type(self).__name__

    @property
    def where(self) -> str:
        """How messages name this encoder."""
        return f"{self.noun}({', '.join(map(repr, self.columns))})"

    def parameters(self) -> dict[str, JSON]:
        """Everything that changes the data, except the columns."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "columns"}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def require_choice(encoder: Encoder, parameter: str, given: object, known: Sequence[str]) -> None:
    """Refuse a value that is not one of `known`."""
    if given not in known:
        raise UnknownName(encoder.where, parameter, str(given), known)


def require_integer(encoder: Encoder, parameter: str, given: object, least: int, most: int | None = None) -> None:
    """Refuse what is not an integer from `least` to `most`."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= least and (most is None or given <= most):
        return
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise DeclarationError(encoder.where, f"{parameter} must be an integer {bounds}, got {given!r}.")


def require_flag(encoder: Encoder, parameter: str, given: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(given, bool):
        raise DeclarationError(encoder.where, f"{parameter} must be True or False, got {given!r}.")


def require_flag_names(encoder: Encoder) -> None:
    """Refuse a column that is named as the missing flag of another one."""
    for column in encoder.columns:
        if f"{column}:missing" in encoder.columns:
            problem = f"column '{column}:missing' is named as the missing flag of {column!r}."
            raise DeclarationError(encoder.where, problem, fix="Rename it, or encode it in another block.")
