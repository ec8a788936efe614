"""ImagePixels, ColorHistogram and GradientHistogram on small pictures made here."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from headrace.declarations.encoders import ColorHistogram, GradientHistogram, ImagePixels
from headrace.engine.encoders import engine_for
from headrace.errors import EncodingError

SPECS = [ImagePixels("p", size=4), ImagePixels("p", color="gray"), ColorHistogram("p"), GradientHistogram("p")]


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def photos() -> pa.Table:
    png, jpeg = encoded(noise(1)), encoded(noise(2, (640, 480)), "JPEG")
    return pa.table({"p": pa.array([png, None, jpeg, encoded(noise(3).convert("P")), jpeg, encoded(noise(4), "WEBP")])})


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_bulk_and_row_agree_values_are_shares_and_null_is_zero(spec, fit, encode, names) -> None:
    rows = photos()
    state = fit(spec, rows)
    block = encode(state, rows)
    assert len(set(names(state))) == block.shape[1]
    assert block.min() >= 0.0
    assert block.max() <= 1.0
    assert not block[1].any()
    assert (block[2] == block[4]).all()
    assert block[[0, 2, 3, 5]].any(axis=1).all()


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_order_is_kept_over_many_images(spec, fit) -> None:
    images = [encoded(noise(seed, (9, 9))) for seed in range(40)]
    rows = pa.table({"p": images})
    state, engine = fit(spec, rows), engine_for(spec.kind)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(engine.apply(state, rows)[order], engine.apply(state, rows.take(order)))


def test_pixels_are_the_picture_itself_at_its_own_size(fit, encode, names) -> None:
    image = noise(5, (4, 4))
    rows = pa.table({"p": [encoded(image)]})
    state = fit(ImagePixels("p", size=4), rows)
    np.testing.assert_allclose(encode(state, rows)[0], np.asarray(image).reshape(-1) / 255.0, rtol=1e-7)
    assert names(state)[:4] == ["p:pixel_00_00_red", "p:pixel_00_00_green", "p:pixel_00_00_blue", "p:pixel_00_01_red"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), 1.0),
        (Image.new("LA", (8, 8), (0, 0)), 1.0),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 51)), 0.8),
        (Image.new("1", (8, 8), 1), 1.0),
        (Image.new("L", (8, 8), 51), 0.2),
        (Image.fromarray(np.full((8, 8), 51 * 256, dtype=np.uint16)), 0.2),
    ],
    ids=["transparent", "gray transparent", "half", "bilevel", "gray", "16 bits"],
)
def test_modes_and_transparency_over_white(image, expected, fit, encode) -> None:
    rows = pa.table({"p": [encoded(image)]})
    np.testing.assert_allclose(encode(fit(ImagePixels("p", size=2), rows), rows), expected, atol=0.003)


def test_a_photo_is_turned_upright(fit, encode) -> None:
    left_half_white = Image.new("L", (16, 16), 0)
    left_half_white.paste(255, (0, 0, 8, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    rows = pa.table({"p": [encoded(left_half_white, exif=exif)]})
    assert encode(fit(ImagePixels("p", size=2, color="gray"), rows), rows).tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize(("color", "hue"), [("red", 0), ("lime", 2), ("blue", 5)])
def test_the_hue_of_a_plain_colour(color, hue, fit, encode, names) -> None:
    rows = pa.table({"p": [encoded(Image.new("RGB", (8, 8), color))]})
    state = fit(ColorHistogram("p"), rows)
    found = dict(zip(names(state), encode(state, rows)[0], strict=True))
    assert {name for name, share in found.items() if share} == {f"p:hue_{hue:02}", "p:saturation_07", "p:value_07"}
    assert set(found.values()) == {0.0, 1.0}


def test_grey_has_no_hue(fit, encode) -> None:
    rows = pa.table({"p": [encoded(Image.new("RGB", (8, 8), "gray"))]})
    block = encode(fit(ColorHistogram("p", bins=4), rows), rows)
    assert block.reshape(3, 4).sum(axis=1).tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(("turned", "orientation"), [(False, 0), (True, 2)])
def test_the_direction_of_stripes(turned, orientation, fit, encode) -> None:
    stripes = np.tile(np.repeat([0, 255], 4), (32, 4)).astype(np.uint8)
    rows = pa.table({"p": [encoded(Image.fromarray(stripes.T.copy() if turned else stripes))]})
    block = encode(fit(GradientHistogram("p", orientations=4), rows), rows).reshape(16, 4)
    assert block[:, orientation].all()
    assert not np.delete(block, orientation, axis=1).any()
    assert np.linalg.norm(block) == pytest.approx(1.0)


def test_a_picture_of_one_colour_has_no_gradient(fit, encode) -> None:
    rows = pa.table({"p": [encoded(Image.new("RGB", (8, 8), "red"))]})
    assert not encode(fit(GradientHistogram("p"), rows), rows).any()


@pytest.mark.parametrize("spec", SPECS, ids=repr)
@pytest.mark.parametrize("broken", [b"", b"no image", encoded(noise(1))[:60], encoded(noise(1), "JPEG")[:300]])
def test_broken_bytes_are_an_error_with_rows(spec, broken, fit) -> None:
    state, engine = fit(spec, photos()), engine_for(spec.kind)
    good = encoded(noise(1))
    with pytest.raises(EncodingError, match=r"column 'p': cannot be decoded as an image.* \(rows 1, 3\)"):
        engine.apply(state, pa.table({"p": [good, broken, None, broken]}))
    with pytest.raises(EncodingError, match="cannot be decoded as an image"):
        engine.apply_row(state, {"p": broken})


def test_only_bytes_are_taken(fit) -> None:
    state, engine = fit(SPECS[0], photos()), engine_for("image_pixels")
    with pytest.raises(EncodingError, match="takes encoded images as bytes, got string"):
        engine.apply(state, pa.table({"p": ["photo.png"]}))
    with pytest.raises(EncodingError, match="takes encoded images as bytes, got str"):
        engine.apply_row(state, {"p": "photo.png"})
    with pytest.raises(EncodingError, match="takes encoded images as BLOB, got VARCHAR"):
        fit(SPECS[0], pa.table({"p": ["photo.png"]}))
    with pytest.raises(EncodingError, match="the rows have no such column"):
        engine.apply_row(state, {})


def test_no_rows_and_only_nulls(fit, encode) -> None:
    state = fit(SPECS[0], photos())
    assert encode(state, pa.table({"p": pa.array([], pa.binary())})).shape == (0, 48)
    assert not encode(state, pa.table({"p": pa.nulls(3, pa.binary())})).any()


def test_the_state_says_how_pixels_were_made(fit) -> None:
    values = fit(SPECS[0], photos()).values
    assert values["resize"] == "box"
    assert values["draft"] is True
    assert "pillow" in values["libraries"]
