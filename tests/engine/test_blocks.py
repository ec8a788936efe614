"""Blocks come back as they were written, mapped and not copied."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from headrace.engine.blocks import blocks_digest, load_block, save_block, stack
from headrace.errors import CorruptObject

DENSE = np.arange(12, dtype=np.float32).reshape(4, 3)
SPARSE = scipy.sparse.csr_matrix(np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], dtype=np.float32))


@pytest.mark.parametrize("block", [DENSE, DENSE[:0], DENSE[:1]], ids=["some", "no rows", "one row"])
def test_a_dense_block_round_trips(tmp_path, block):
    save_block(tmp_path / "a.arrow", block)
    found = load_block(tmp_path / "a.arrow")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, block)


@pytest.mark.parametrize("block", [SPARSE, SPARSE[:0]], ids=["some", "no rows"])
def test_a_sparse_block_round_trips(tmp_path, block):
    save_block(tmp_path / "a.arrow", block)
    found = load_block(tmp_path / "a.arrow")
    assert found.shape == block.shape
    assert (found != block).nnz == 0
    assert found.has_sorted_indices


def test_dense_values_are_mapped_not_copied(tmp_path):
    save_block(tmp_path / "a.arrow", DENSE)
    assert not load_block(tmp_path / "a.arrow").flags.owndata


def test_a_truncated_block_is_refused_by_name(tmp_path):
    save_block(tmp_path / "a.arrow", DENSE)
    content = (tmp_path / "a.arrow").read_bytes()
    (tmp_path / "a.arrow").write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptObject, match=r"a\.arrow cannot be read as a block"):
        load_block(tmp_path / "a.arrow")


@pytest.mark.parametrize("sparse", [True, False])
def test_stacking_keeps_values_and_order(sparse):
    found = stack({"a": SPARSE, "b": DENSE[:3]}, sparse=sparse)
    assert scipy.sparse.issparse(found) is sparse
    whole = np.hstack([SPARSE.toarray(), DENSE[:3]]).astype(np.float64)
    np.testing.assert_array_equal(found.toarray() if sparse else found, whole)


def test_a_digest_tells_values_and_shapes_apart():
    others = [{"a": DENSE + 1}, {"b": DENSE}, {"a": DENSE.reshape(3, 4)}, {"a": DENSE[::-1]}]
    assert len({blocks_digest(one) for one in [{"a": DENSE}, *others]}) == 5
    assert blocks_digest({"a": DENSE}) == blocks_digest({"a": DENSE.copy()})
