"""Transform: encoders fitted once on the training split and reused as they are, everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.declarations.base import Declaration, require_known
from headrace.declarations.encoders.base import Encoder
from headrace.declarations.training_set import SPLIT_COLUMN, TrainingSet
from headrace.errors import DeclarationError


@dataclass(frozen=True, kw_only=True)
class Transform(Declaration):
    """Named blocks of encoders, fitted on the `train` rows of one training set.

    Args:
        fit_on: the training set; only its `train` split is looked at.
        encode: `{block: encoder}`; a block becomes one dense or sparse array of a matrix.
    """

    fit_on: TrainingSet
    encode: Mapping[str, Encoder] = field(hash=False)

    kind = "transforms"
    noun = "Transform"
    __hash__ = Declaration.__hash__

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.fit_on, TrainingSet):
            raise DeclarationError(self.where, f"fit_on is a {type(self.fit_on).__name__}.", fix="Give a TrainingSet.")
        self._set(encode=dict(self.encode))
        if not self.encode:
            raise DeclarationError(self.where, "encodes nothing.", fix="Give encode={'numbers': hr.Standardize(...)}.")
        for block, encoder in self.encode.items():
            self._check_block(block, encoder)

    def _check_block(self, block: str, encoder: Encoder) -> None:
        where = f"{self.where}.encode[{block!r}]"
        if not isinstance(block, str) or not block.isidentifier():
            raise DeclarationError(where, "is no block name.", fix="Use letters, digits and underscores.")
        if not isinstance(encoder, Encoder):
            raise DeclarationError(
                where, f"is a {type(encoder).__name__}.", fix="Give an encoder such as hr.OneHot('category')."
            )
        forbidden = {*self.fit_on.labels, SPLIT_COLUMN} & set(encoder.columns)
        if forbidden:
            fix = "What is to be predicted is not known when serving: take it out."
            raise DeclarationError(where, f"encodes {sorted(forbidden)[0]!r}, the label or split.", fix=fix)
        check_carried(where, encoder.columns, self.fit_on, self.fit_on.columns())

    @property
    def inputs(self) -> tuple[Declaration, ...]:
        return (self.fit_on,)

    def required(self) -> tuple[str, ...]:
        """The columns that its encoders read, each once, in order of first use."""
        return tuple(dict.fromkeys(column for encoder in self.encode.values() for column in encoder.columns))

    def data(self) -> dict[str, Any]:
        blocks = {
            f"block {block}": {"encoder": encoder.kind, "columns": list(encoder.columns), **encoder.parameters()}
            for block, encoder in self.encode.items()
        }
        return {"fit_on": self.fit_on.key, "order": list(self.encode), **blocks}


def check_carried(where: str, columns: Sequence[str], rows: TrainingSet, known: Sequence[str] | None) -> None:
    """Refuse columns that `rows` does not have; one that only its spine has must be kept on purpose."""
    for name in columns:
        if known is not None and name not in known and name in (rows.spine.columns() or ()):
            fix = f"If it is known before the label is, add keep=[{name!r}] to {rows.where}."
            raise DeclarationError(
                where, f"{name!r} is a column of {rows.spine.key} that {rows.key} does not keep.", fix=fix
            )
    require_known(where, "column", columns, known)
