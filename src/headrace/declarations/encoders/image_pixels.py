"""ImagePixels: a picture shrunk to a few pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.declarations.encoders.base import Accepts, Encoder, require_choice, require_integer


@dataclass(frozen=True, init=False)
class ImagePixels(Encoder):
    """The picture resized to `size` x `size`, each channel from 0 to 1: rows, then columns, then channels.

    Args:
        column: encoded images (PNG, JPEG, ...) as bytes.
        size: pixels a side; the picture is stretched to a square.
        color: "rgb" (3 columns a pixel) or "gray" (1).

    Gives a dense float32 block. Transparency is laid over white; null is all zeros; broken bytes are an error.

    >>> ImagePixels("photo", size=8, color="gray").parameters()
    {'size': 8, 'color': 'gray'}
    >>> ImagePixels("photo", size=0)
    Traceback (most recent call last):
    headrace.errors.DeclarationError: ImagePixels('photo'): size must be an integer from 1 to 512, got 0.
    """

    size: int
    color: str

    kind: ClassVar[str] = "image_pixels"
    accepts: ClassVar[Accepts] = "image"

    def __init__(self, column: str, size: int = 12, color: str = "rgb") -> None:
        self._declare((column,), size=size, color=color)
        require_integer(self, "size", size, 1, 512)
        require_choice(self, "color", color, ("rgb", "gray"))
