"""Small product photos that show a product's style, and nothing else about it.

A classic product (style 0) is muted, dark and plain; a playful one (style 1) is saturated, bright and striped.
Hue, shape and phase say nothing: they are drawn at random, as is the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE = 32
STRIPE_WIDTH = 8

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


def draw_photos(style: Floats, rng: np.random.Generator) -> Pixels:
    """Draw one photo a product.

    Args:
        style: float64 of shape (n,), from 0 (classic) to 1 (playful).
        rng: the source of hue, shape, phase and noise; the same state draws the same photos.

    Returns:
        uint8 of shape (n, 32, 32, 3): height, width, RGB.

    >>> photos = draw_photos(np.array([0.0, 1.0]), np.random.default_rng(7))
    >>> photos.shape, photos.dtype
    ((2, 32, 32, 3), dtype('uint8'))
    >>> (photos.max(axis=3) - photos.min(axis=3)).mean(axis=(1, 2)).round()  # the playful one is more colourful
    array([ 20., 128.])

    """
    inside = _shapes(len(style), rng)
    hue = rng.random(len(style))[:, None, None]
    saturation = _visible(style, 0.10, 0.80, rng) * np.where(inside, 1.0, 0.5)
    stripes = _stripes(len(style), rng) * _visible(style, 0.0, 0.20, rng)
    brightness = _visible(style, 0.55, 0.80, rng) + stripes * inside + np.where(inside, 0.0, 0.1)
    image = _rgb(hue, saturation, np.clip(brightness, 0.0, 1.0))
    noisy = image + rng.normal(0.0, 0.04, image.shape)
    return np.rint(np.clip(noisy, 0.0, 1.0) * 255.0).astype(np.uint8)


def save_photos(photos: Pixels, paths: Sequence[Path]) -> None:
    """Write `photos` (n, height, width, 3) as PNG files, one a path; a file that exists is overwritten."""
    from PIL import Image

    for pixels, path in zip(photos, paths, strict=True):
        Image.fromarray(pixels).save(path, format="PNG")


def _visible(style: Floats, low: float, high: float, rng: np.random.Generator) -> Floats:
    """Grow a property from `low` to `high` with the style, with noise; shape (n, 1, 1)."""
    noisy = style + rng.normal(0.0, 0.12, len(style))
    return (low + (high - low) * np.clip(noisy, 0.0, 1.0))[:, None, None]


def _shapes(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Masks (count, 32, 32) of a diamond, a disc or a rounded square, of random size."""
    across = np.abs(np.arange(SIDE) - (SIDE - 1) / 2)
    power = rng.choice([1.0, 2.0, 6.0], count)[:, None, None]
    radius = rng.uniform(10.0, 14.0, count)[:, None, None]
    inside: NDArray[np.bool_] = across[:, None] ** power + across[None, :] ** power <= radius**power
    return inside


def _stripes(count: int, rng: np.random.Generator) -> Floats:
    """Diagonal stripes (count, 32, 32) of -1 and 1, each photo with its own phase."""
    diagonal = np.add.outer(np.arange(SIDE), np.arange(SIDE))
    phase = rng.integers(0, STRIPE_WIDTH, count)[:, None, None]
    return np.where((diagonal + phase) % STRIPE_WIDTH < STRIPE_WIDTH // 2, 1.0, -1.0)


def _rgb(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """Colours of 0..1, channels last, by https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative."""
    sector = (np.array([5.0, 3.0, 1.0]) + hue[..., None] * 6.0) % 6.0
    weight = np.clip(np.minimum(sector, 4.0 - sector), 0.0, 1.0)
    colours: Floats = value[..., None] * (1.0 - saturation[..., None] * weight)
    return colours
