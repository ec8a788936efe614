"""Rows packed side by side: a file in which all values of a row lie together, so that a row is one place in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine.parts import in_parts
from headrace.engine.point_in_time_timeline import NOWHERE, Ints
from headrace.errors import CorruptObject

_WORD = 8


@dataclass(frozen=True)
class Layout:
    """Where each column lies in a row.

    Attributes:
        schema: the packed columns' names and types; a nullable field has a byte beside it, 1 for a value.
        row: the row as a numpy type, a whole number of words long: values `c0`, `c1`, ..., bytes `v0`, ...
    """

    schema: pa.Schema
    row: np.dtype[np.void]


def packable(kind: pa.DataType) -> bool:
    """Whether values of a type have one of the lengths that processors move at once."""
    if pa.types.is_boolean(kind):
        return True
    fixed = pa.types.is_primitive(kind) and not pa.types.is_null(kind)
    return fixed and kind.bit_width in (8, 16, 32, 64)


def layout_of(schema: pa.Schema) -> Layout:
    """The layout of these columns: the longest values first, so that each lies at a multiple of its length."""
    lengths = {f"c{number}": _stored(field.type).itemsize for number, field in enumerate(schema)}
    marks = [f"v{number}" for number, field in enumerate(schema) if field.nullable]
    order = [*sorted(lengths, key=lambda name: -lengths[name]), *marks]
    kinds = {f"c{number}": _stored(field.type) for number, field in enumerate(schema)}
    offsets, place = [], 0
    for name in order:
        offsets.append(place)
        place += lengths.get(name, 1)
    formats = [kinds.get(name, np.dtype(np.uint8)) for name in order]
    row = {"names": order, "formats": formats, "offsets": offsets, "itemsize": -(-place // _WORD) * _WORD}
    return Layout(schema, np.dtype(row))  # type: ignore[call-overload]  # numpy's stubs know no such dicts


def _stored(kind: pa.DataType) -> np.dtype[np.generic]:
    """Bits of a value as an integer of its length: what they mean is the schema's business."""
    return np.dtype(np.uint8) if pa.types.is_boolean(kind) else np.dtype(f"u{kind.bit_width // 8}")


def write_rows(path: Path, layout: Layout, rows: int, column: Callable[[str], pa.ChunkedArray]) -> None:
    """Write a file of packed rows, column after column: one of them at a time is in memory."""
    if not rows:
        path.write_bytes(b"")
        return
    file = np.memmap(path, dtype=layout.row, mode="w+", shape=(rows,))
    for number, field in enumerate(layout.schema):
        start = 0
        for chunk in column(field.name).chunks:
            within = slice(start, start + len(chunk))
            file[f"c{number}"][within] = _bits(chunk)
            if field.nullable:
                file[f"v{number}"][within] = np.asarray(chunk.is_valid())
            start += len(chunk)
    file.flush()


def _bits(chunk: pa.Array) -> npt.NDArray[np.generic]:
    if pa.types.is_boolean(chunk.type):
        return np.asarray(chunk.fill_null(False).to_numpy(zero_copy_only=False)).view(np.uint8)
    data = chunk.buffers()[1]
    stored = _stored(chunk.type)
    values = np.frombuffer(data, stored, count=chunk.offset + len(chunk)) if data is not None else np.empty(0, stored)
    return values[chunk.offset :]


@dataclass(frozen=True)
class PackedRows:
    """A mapped file of packed rows, and columns beside it whose values have no fixed length."""

    layout: Layout
    rows: npt.NDArray[np.void]
    others: dict[str, pa.ChunkedArray]

    def take(self, places: Ints, columns: Sequence[str]) -> list[pa.ChunkedArray]:
        """These columns of the rows at these places, in their order; nulls for `NOWHERE`."""
        numbers = {field.name: number for number, field in enumerate(self.layout.schema)}
        packed = self._gathered(places, [numbers[name] for name in dict.fromkeys(columns) if name in numbers])
        chosen = None
        found = []
        for name in columns:
            if name in numbers:
                found.append(packed[numbers[name]])
                continue
            chosen = pa.array(places, mask=places == NOWHERE) if chosen is None else chosen
            found.append(pa.chunked_array([self.others[name].combine_chunks().take(chosen)]))
        return found

    def kind(self, name: str) -> pa.DataType:
        """The type of a column."""
        return self.others[name].type if name in self.others else self.layout.schema.field(name).type

    def column(self, name: str) -> pa.Array:
        """All values of a column, copied out of the rows."""
        if name in self.others:
            whole = self.others[name].combine_chunks()
            return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
        return self.take(np.arange(len(self.rows)), [name])[0].chunk(0)

    def _gathered(self, places: Ints, numbers: list[int]) -> dict[int, pa.ChunkedArray]:
        seen = places != NOWHERE
        fields = {number: self.layout.schema.field(number) for number in numbers}
        values = {number: np.zeros(len(places), _stored(fields[number].type)) for number in numbers}
        valid = {number: np.zeros(len(places), np.bool_) for number in numbers if fields[number].nullable}
        if len(self.rows) and numbers:
            words = self.rows.view(np.uint64).reshape(len(self.rows), -1)

            def fill(part: slice) -> None:
                block = words.take(places[part], axis=0, mode="clip").reshape(-1).view(self.layout.row)
                for number in numbers:
                    values[number][part] = block[f"c{number}"]
                    if number in valid:
                        valid[number][part] = block[f"v{number}"]

            in_parts(len(places), fill)
        everywhere = _mask(seen)
        masks = {number: _mask(valid[number] & seen) if number in valid else everywhere for number in numbers}
        return {number: _column(fields[number].type, values[number], masks[number]) for number in numbers}


def _mask(valid: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _column(kind: pa.DataType, values: npt.NDArray[np.generic], mask: pa.Buffer | None) -> pa.ChunkedArray:
    stored = np.packbits(values.astype(np.bool_), bitorder="little") if pa.types.is_boolean(kind) else values
    return pa.chunked_array([pa.Array.from_buffers(kind, len(values), [mask, pa.py_buffer(stored)])])


def load_rows(path: Path, schema: pa.Schema, rows: int, others: dict[str, pa.ChunkedArray]) -> PackedRows:
    """Map a file of packed rows; raises CorruptObject where it has another length."""
    layout = layout_of(schema)
    if not layout.row.itemsize:  # every column is a file of its own
        return PackedRows(layout, np.empty(rows, layout.row), others)
    size = path.stat().st_size if path.exists() else -1
    if size != rows * layout.row.itemsize:
        raise CorruptObject(f"{path} has {size} bytes instead of {rows * layout.row.itemsize}. Build its index again.")
    mapped = np.memmap(path, dtype=layout.row, mode="r") if rows else np.empty(0, layout.row)
    return PackedRows(layout, np.asarray(mapped), others)
