"""ColorHistogram: which colours a picture has, wherever they are."""

from __future__ import annotations

import numpy as np
from PIL import Image

from headrace.declarations.encoders.color_histogram import ColorHistogram
from headrace.engine.encoders.base import OutputColumn, State
from headrace.engine.encoders.images import ImageEngine, Vector

_SIDE = 64


class ColorHistogramEngine(ImageEngine[ColorHistogram]):
    """Shares of the pixels of a 64 x 64 picture; a pixel counts towards its hue as far as it is saturated."""

    kind = "color_histogram"

    def side(self, state: State) -> int:
        return _SIDE

    def columns(self, state: State) -> list[OutputColumn]:
        (feature,), bins = state.columns, state.integer("bins")
        edges = [{"from": place / bins, "to": (place + 1) / bins} for place in range(bins)]
        return [
            OutputColumn(f"{feature}:{channel}_{place:02}", feature, self.kind, edges[place])
            for channel in ("hue", "saturation", "value")
            for place in range(bins)
        ]

    def vector(self, state: State, picture: Image.Image) -> Vector:
        bins = state.integer("bins")
        pixels = np.asarray(picture.convert("HSV")).reshape(-1, 3)
        places = (pixels.astype(np.int64) * bins) >> 8
        saturation = pixels[:, 1] / 255.0
        hue = np.bincount(places[:, 0], weights=saturation, minlength=bins)
        rest = [np.bincount(places[:, channel], minlength=bins) for channel in (1, 2)]
        return np.concatenate([hue, *rest]) / len(pixels)
