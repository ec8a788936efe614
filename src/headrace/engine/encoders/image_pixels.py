"""ImagePixels: a picture shrunk to a few pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from headrace.declarations.encoders.image_pixels import ImagePixels
from headrace.engine.encoders.base import OutputColumn, State
from headrace.engine.encoders.images import ImageEngine, Vector


class ImagePixelsEngine(ImageEngine[ImagePixels]):
    """The mean colour of each tile of the picture, read row by row."""

    kind = "image_pixels"

    def side(self, state: State) -> int:
        return state.integer("size")

    def columns(self, state: State) -> list[OutputColumn]:
        (feature,), size = state.columns, state.integer("size")
        channels = ("_red", "_green", "_blue") if state.text("color") == "rgb" else ("",)
        return [
            OutputColumn(f"{feature}:pixel_{y:02}_{x:02}{channel}", feature, self.kind, {"row": y, "column": x})
            for y in range(size)
            for x in range(size)
            for channel in channels
        ]

    def vector(self, state: State, picture: Image.Image) -> Vector:
        pixels = picture if state.text("color") == "rgb" else picture.convert("L")
        return np.asarray(pixels, dtype=np.float64).reshape(-1) / 255.0
