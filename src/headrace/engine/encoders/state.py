"""State: what an encoder learnt, as plain numbers, strings and Arrow tables; saved as JSON and Arrow IPC."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from headrace.declarations.encoders.base import JSON
from headrace.engine.encoders import ENGINES, engine_for
from headrace.errors import CorruptObject, name_list

FORMAT = 1
_PARTS = {"format", "digest", "tables", "kind", "version", "columns", "values"}


@dataclass(frozen=True)
class State:
    """A fitted encoder.

    Args:
        kind, version: which engine made it, and the version of that engine's meaning.
        columns: the input columns.
        values: small JSON values; floats keep every bit through JSON.
        tables: vocabularies and other arrays.
    """

    kind: str
    version: int
    columns: tuple[str, ...]
    values: Mapping[str, JSON] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)

    def integer(self, key: str) -> int:
        """An integer among the values."""
        return cast(int, self.values[key])

    def flag(self, key: str) -> bool:
        """A boolean among the values."""
        return cast(bool, self.values[key])

    def text(self, key: str) -> str:
        """A string among the values."""
        return cast(str, self.values[key])

    def numbers(self, key: str) -> list[float]:
        """A list of floats among the values, usually one a column."""
        return cast("list[float]", self.values[key])

    def strings(self, key: str) -> list[str]:
        """A list of strings among the values, usually one a column."""
        return cast("list[str]", self.values[key])

    def digest(self) -> str:
        """BLAKE2b over everything in it, whatever the chunks and buffers of its Arrow tables."""
        content = hashlib.blake2b(_canonical(self._head()), digest_size=16)
        for name, table in sorted(self.tables.items()):
            content.update(_canonical([name, [[column.name, str(column.type)] for column in table.schema]]))
            for column in table.columns:
                content.update(_canonical(column.to_pylist()))
        return content.hexdigest()

    def save(self, folder: Path, stem: str) -> None:
        """Write `<stem>.json` and one `<stem>.<table>.arrow` a table into an existing folder."""
        for name, table in self.tables.items():
            path = str(folder / f"{stem}.{name}.arrow")
            with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        document = {"format": FORMAT, "digest": self.digest(), "tables": sorted(self.tables), **self._head()}
        (folder / f"{stem}.json").write_bytes(_canonical(document))

    @classmethod
    def load(cls, folder: Path, stem: str) -> State:
        """Read what `save` wrote. Raises CorruptObject, naming the file, for anything it cannot vouch for."""
        path = folder / f"{stem}.json"
        document = _read_document(path)
        _require_known(path, document)
        state = cls(
            kind=document["kind"],
            version=document["version"],
            columns=tuple(document["columns"]),
            values=document["values"],
            tables={name: _read_table(folder / f"{stem}.{name}.arrow") for name in document["tables"]},
        )
        if state.digest() != document["digest"]:
            raise CorruptObject(f"{path}: its content does not match its digest; nothing was loaded. Build it again.")
        return state

    def _head(self) -> dict[str, object]:
        columns, values = list(self.columns), dict(self.values)
        return {"kind": self.kind, "version": self.version, "columns": columns, "values": values}


def _canonical(value: object) -> bytes:
    """JSON with one spelling for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{path}: cannot be read as a fitted state: {error}") from error
    if not isinstance(document, dict):
        raise CorruptObject(f"{path}: is not a fitted state, but a JSON {type(document).__name__}.")
    missing = _PARTS - set(document)
    if missing:
        raise CorruptObject(f"{path}: is not a fitted state: without {name_list(missing)}.")
    return cast("dict[str, Any]", document)


def _require_known(path: Path, document: Mapping[str, Any]) -> None:
    """Refuse what this installation cannot apply with the meaning it was saved with."""
    kind, version = document["kind"], document["version"]
    if document["format"] != FORMAT:
        problem = f"is a state of format {document['format']}, this Headrace reads format {FORMAT}."
        raise CorruptObject(f"{path}: {problem} Upgrade, or build it again.")
    if kind not in ENGINES:
        raise CorruptObject(f"{path}: is the state of an unknown encoder {kind!r}. Known: {name_list(ENGINES)}.")
    current = engine_for(kind).version
    if version != current:
        age = "a newer" if version > current else "an older"
        fix = "Upgrade Headrace." if version > current else "Build it again."
        raise CorruptObject(f"{path}: is {age} {kind} state, version {version}; this Headrace applies {current}. {fix}")


def _read_table(path: Path) -> pa.Table:
    try:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise CorruptObject(f"{path}: cannot be read as an Arrow table: {error}") from error
