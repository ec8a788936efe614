from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from headrace.engine.block_differences import compare_blocks
from headrace.engine.blocks import save_block

BEFORE = np.array([[1, 0, 2], [0, 0, 3]], dtype=np.float32)
NOW = np.array([[1, 0, 2.5], [0, 1, 0]], dtype=np.float32)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize(
    ("now", "aligned", "differ", "largest"),
    [(NOW, True, 3, 3.0), (BEFORE, True, 0, 0.0), (NOW, False, None, None), (NOW[:, :2], True, None, None)],
)
def test_values(tmp_path, kind, now, aligned, differ, largest):
    save_block(tmp_path / "before.arrow", kind(BEFORE))
    save_block(tmp_path / "now.arrow", kind(now))
    found = compare_blocks("b", tmp_path / "before.arrow", tmp_path / "now.arrow", aligned=aligned)
    assert (found.shapes, found.differ, found.largest) == ((BEFORE.shape, now.shape), differ, largest)
