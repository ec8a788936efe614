"""Arrays of Python values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def objects(values: Iterable[Any]) -> npt.NDArray[np.object_]:
    """A one-dimensional object array, whatever its values are.

    >>> objects([True, None]).shape
    (2,)
    """
    found = list(values)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def known(values: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Where an object array is not None."""
    return np.array([value is not None for value in values], dtype=bool)
