"""ColorHistogram: which colours a picture has, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_integer


@dataclass(frozen=True, init=False)
class ColorHistogram(Encoder):
    """Shares of the pixels by hue, by saturation and by value, `bins` each, from 0 to 1.

    HSV rather than RGB, because light changes all three channels of RGB but mostly one of HSV. A pixel counts
    towards its hue with its saturation as the weight: the hue of a grey pixel is noise.

    Args:
        column: encoded images (PNG, JPEG, ...) as bytes.
        bins: columns a channel.

    Gives a dense float32 block of 3 x bins. Transparency is laid over white; null is all zeros; broken bytes are
    an error.

    >>> ColorHistogram("photo").bins
    8
    >>> ColorHistogram("photo", bins=1)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: ColorHistogram('photo'): bins must be an integer from 2 to 256, got 1.
    """

    bins: int

    kind: ClassVar[str] = "color_histogram"
    accepts: ClassVar[Accepts] = "image"

    def __init__(self, column: str, bins: int = 8) -> None:
        self._declare((column,), bins=bins)
        require_integer(self, "bins", bins, 2, 256)
