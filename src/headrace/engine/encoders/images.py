"""What the encoders of images share: decoding bytes, once a distinct image, in threads, with broken ones named."""

from __future__ import annotations

import io
import os
import struct
from abc import abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeAlias, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import PIL
import pyarrow as pa
from PIL import Image, ImageOps

from headrace.declarations.encoders.base import Encoder
from headrace.engine.encoders.base import (
    EncoderEngine,
    RowEncoder,
    State,
    absent_in_row,
    column_types,
    distinct,
    row_numbers,
    table_column,
)
from headrace.errors import EncodingError

ImageSpec = TypeVar("ImageSpec", bound=Encoder)
Vector: TypeAlias = npt.NDArray[np.float64]

# what Pillow's decoders raise for broken bytes
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)
_RESIZE_FILTERS = {"box": Image.Resampling.BOX}


class _UnreadableImage(Exception):
    """Bytes that are no image; the encoders add column and rows."""


class ImageEngine(EncoderEngine[ImageSpec], Generic[ImageSpec]):
    """Encodes the square RGB picture of an image; a subclass says how large, and what is computed from it."""

    @abstractmethod
    def side(self, state: State) -> int:
        """Pixels a side of the picture that `vector` gets."""

    @abstractmethod
    def vector(self, state: State, picture: Image.Image) -> Vector:
        """The values of one picture, from 0 to 1."""

    def libraries(self) -> dict[str, str]:
        return {"pillow": PIL.__version__}

    def fit(self, spec: ImageSpec, rows: duckdb.DuckDBPyRelation) -> State:
        for column, duck_type in column_types(self.kind, spec.columns, rows).items():
            if duck_type != "blob":
                raise EncodingError(self.kind, column, f"takes encoded images as BLOB, got {duck_type.upper()}.")
        values = {**spec.parameters(), "resize": "box", "draft": True, "libraries": self.libraries()}
        return State(self.kind, self.version, spec.columns, values)

    def apply(self, state: State, rows: pa.Table) -> npt.NDArray[np.float32]:
        column = state.columns[0]
        images, positions = _images(state.kind, column, rows)
        # the row after the last image stays zero and stands for null
        encoded = np.zeros((len(images) + 1, len(self.columns(state))), dtype=np.float32)
        encode = self._encoder(state)

        def write(place: int) -> str:
            try:
                encoded[place] = encode(images[place].as_py())
            except _UnreadableImage as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = list(pool.map(write, range(len(images))))
        if any(problems):
            broken = np.array([bool(problem) for problem in problems] + [False])
            first = next(problem for problem in problems if problem)
            raise EncodingError(state.kind, column, first, row_numbers(broken[positions]))
        return encoded[positions]

    def row_encoder(self, state: State) -> RowEncoder:
        column, width, encode = state.columns[0], len(self.columns(state)), self._encoder(state)

        def encode_row(row: Mapping[str, object]) -> list[float]:
            if column not in row:
                raise absent_in_row(state, row)
            image = row[column]
            if image is None:
                return [0.0] * width
            if not isinstance(image, (bytes, bytearray, memoryview)):
                raise EncodingError(state.kind, column, f"takes encoded images as bytes, got {type(image).__name__}.")
            try:
                return list(encode(bytes(image)).tolist())
            except _UnreadableImage as error:
                raise EncodingError(state.kind, column, str(error)) from error

        return encode_row

    def _encoder(self, state: State) -> Callable[[bytes], Vector]:
        side, resize = self.side(state), state.text("resize")
        return lambda data: self.vector(state, decode_square(data, side, resize))


def decode_square(data: bytes, side: int, resize: str) -> Image.Image:
    """An encoded image as an RGB picture of `side` x `side`: upright, over white where it is transparent."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            # lets the JPEG decoder skip detail that the resize would drop anyway
            image.draft("RGB", (2 * side, 2 * side))
            picture = _over_white(ImageOps.exif_transpose(image))
    except _BROKEN as error:
        raise _UnreadableImage(f"cannot be decoded as an image: {error}") from error
    return picture.resize((side, side), _RESIZE_FILTERS[resize])


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # convert() would clip 16 bits to white instead of scaling them
        levels = np.asarray(image).astype(np.uint16) >> 8
        return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} has no defined range; save it with 8 bits a channel")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _images(kind: str, column: str, rows: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    found = table_column(kind, rows, column)
    if not (
        pa.types.is_binary(found.type)
        or pa.types.is_large_binary(found.type)
        or pa.types.is_binary_view(found.type)
        or pa.types.is_null(found.type)
    ):
        raise EncodingError(kind, column, f"takes encoded images as bytes, got {found.type}.")
    return distinct(found, pa.large_binary())
