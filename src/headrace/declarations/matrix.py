"""Matrix: the rows of a training set as numbers, in dense and sparse blocks with named, traced columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.declarations.base import Declaration, require_known
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class Matrix(Declaration):
    """Every row of `rows`, encoded by `transform`; keys, timestamp, labels and split stay beside the blocks."""

    rows: TrainingSet
    transform: Transform

    kind = "matrices"
    noun = "Matrix"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.rows, TrainingSet) or not isinstance(self.transform, Transform):
            raise DeclarationError(self.where, "needs rows=TrainingSet and transform=Transform.")
        require_known(f"{self.where}.rows={self.rows.key}", "column", self.transform.required(), self.rows.columns())

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return (self.rows, self.transform)

    def data(self) -> dict[str, Any]:
        return {"rows": self.rows.key, "transform": self.transform.key}
