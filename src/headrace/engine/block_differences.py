"""What differs between two versions of a matrix's block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse

from headrace.engine.blocks import load_block
from headrace.engine.encoders.base import Block


@dataclass(frozen=True)
class BlockDifference:
    """How a block's values differ.

    Attributes:
        file: its name in the version's folder; shapes: (rows, columns) before and now.
        differ: how many values, and `largest` by how much; None where the rows or columns are others.
    """

    file: str
    shapes: tuple[tuple[int, int], tuple[int, int]]
    differ: int | None
    largest: float | None


def compare_blocks(name: str, before: Path, now: Path, *, aligned: bool) -> BlockDifference:
    """Compare two blocks.

    Args:
        aligned: whether the same rows stand in the same places of both.
    """
    old, new = load_block(before), load_block(now)
    shapes = _shape(old), _shape(new)
    if not aligned or shapes[0] != shapes[1]:
        return BlockDifference(name, shapes, None, None)
    values = _distances(old, new)
    return BlockDifference(name, shapes, int(np.count_nonzero(values)), float(values.max(initial=0.0)))


def _shape(block: Block) -> tuple[int, int]:
    rows, columns = block.shape
    return int(rows), int(columns)


def _distances(before: Block, now: Block) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if isinstance(before, np.ndarray) and isinstance(now, np.ndarray):
        return np.abs(now - before)
    apart = abs(scipy.sparse.csr_matrix(now) - scipy.sparse.csr_matrix(before))
    return np.asarray(apart.data, dtype=np.float32)
