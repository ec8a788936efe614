"""GradientHistogram: the directions of a picture's edges, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_integer


@dataclass(frozen=True, init=False)
class GradientHistogram(Encoder):
    """Histograms of oriented gradients over a grid of cells, scaled together to length 1.

    Unsigned gradients of the grey picture vote with their magnitude for the two nearest orientations, after Dalal
    and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005, without its overlapping blocks.

    Args:
        column: encoded images (PNG, JPEG, ...) as bytes.
        cells: cells a side of the grid; a cell is 8 x 8 pixels of the resized picture.
        orientations: bins of 180 degrees; bin 0 is centred on a gradient along the row (a vertical edge).

    Gives a dense float32 block of cells x cells x orientations. Transparency is laid over white; null and a picture
    of one colour are all zeros; broken bytes are an error.

    >>> GradientHistogram("photo", cells=2).cells
    2
    >>> GradientHistogram("photo", cells=100)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: GradientHistogram('photo'): cells must be an integer from 1 to 32, got 100.
    """

    cells: int
    orientations: int

    kind: ClassVar[str] = "gradient_histogram"
    accepts: ClassVar[Accepts] = "image"

    def __init__(self, column: str, cells: int = 4, orientations: int = 8) -> None:
        self._declare((column,), cells=cells, orientations=orientations)
        require_integer(self, "cells", cells, 1, 32)
        require_integer(self, "orientations", orientations, 2, 36)
