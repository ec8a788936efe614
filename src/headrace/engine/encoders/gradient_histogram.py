"""GradientHistogram: the directions of a picture's edges, cell by cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from headrace.declarations.encoders.gradient_histogram import GradientHistogram
from headrace.engine.encoders.base import OutputColumn, State
from headrace.engine.encoders.images import ImageEngine, Vector

_CELL = 8


class GradientHistogramEngine(ImageEngine[GradientHistogram]):
    """Dalal and Triggs (CVPR 2005) with cells of 8 x 8 pixels, unsigned gradients, and one length for the picture."""

    kind = "gradient_histogram"

    def side(self, state: State) -> int:
        return _CELL * state.integer("cells")

    def columns(self, state: State) -> list[OutputColumn]:
        (feature,), cells, orientations = state.columns, state.integer("cells"), state.integer("orientations")
        degrees = [180.0 * place / orientations for place in range(orientations)]
        return [
            OutputColumn(f"{feature}:cell_{y:02}_{x:02}_{place:02}", feature, self.kind, {"degrees": degrees[place]})
            for y in range(cells)
            for x in range(cells)
            for place in range(orientations)
        ]

    def vector(self, state: State, picture: Image.Image) -> Vector:
        cells, orientations = state.integer("cells"), state.integer("orientations")
        votes = _oriented_votes(np.asarray(picture.convert("L"), dtype=np.float64), orientations)
        gridded = votes.reshape(cells, _CELL, cells, _CELL, orientations).sum(axis=(1, 3)).reshape(-1)
        length = float(np.sqrt((gridded * gridded).sum()))
        normed: Vector = gridded / length if length > 0.0 else gridded
        return normed


def _oriented_votes(gray: npt.NDArray[np.float64], orientations: int) -> npt.NDArray[np.float64]:
    """Each pixel's gradient magnitude, shared between its two nearest orientations: (side, side, orientations)."""
    down, right = np.zeros_like(gray), np.zeros_like(gray)
    down[1:-1] = gray[2:] - gray[:-2]
    right[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    place = (np.arctan2(down, right) % np.pi) * (orientations / np.pi)
    lower = np.floor(place)
    share = place - lower
    magnitude = np.hypot(down, right)
    votes = np.zeros((*gray.shape, orientations))
    y, x = np.indices(gray.shape)
    votes[y, x, lower.astype(np.int64) % orientations] = magnitude * (1.0 - share)
    votes[y, x, (lower.astype(np.int64) + 1) % orientations] += magnitude * share
    return votes
