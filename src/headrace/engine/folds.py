"""Folds by group: a row's fold depends on its group's value alone, so it is the same in every table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def group_names(rows: pa.Table, columns: Sequence[str]) -> list[str]:
    """One text a row for its values in `columns`, without collisions; rows of one group have the same text."""
    if not columns:
        return [str(number) for number in range(rows.num_rows)]
    values = zip(*(rows.column(name).to_pylist() for name in columns), strict=True)
    return [repr(tuple(str(value) for value in row)) for row in values]


def fold_of(groups: Sequence[str], folds: int) -> npt.NDArray[np.int64]:
    """The fold of each row, in [0, folds): MD5 of its group's text, so it never changes."""
    known: dict[str, int] = {}
    for group in groups:
        if group not in known:
            known[group] = int(hashlib.md5(group.encode(), usedforsecurity=False).hexdigest()[:8], 16) % folds
    return np.array([known[group] for group in groups], dtype=np.int64)
