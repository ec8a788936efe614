"""Manifest: everything known about one immutable version of an asset."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.errors import CorruptObject

FORMAT = 2
FILE_NAME = "manifest.json"
MAIN_TABLE = "data.parquet"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What made a version, what is in it, and how long it took.

    Attributes:
        asset, version: whose version this is; `version` begins with 16 hex digits of `fingerprint`.
        fingerprint: hash of everything that decides the content: `parts` and the digests in `inputs`.
        digest: hash of the content as consumers see it; equal digests mean that nothing downstream has to run.
        parts: the declaration's fields, code and files, by name, so that a change can be named.
        inputs: `{asset: {"version": ..., "digest": ..., "reads": ...}}`: the columns that were read (None for all) and
            the digest of just these.
        columns: `[[name, SQL type], ...]` of the main table, `rows` its length.
        column_digests: `{column: digest}` of each column by itself, to tell which of them changed.
        content: the file whose rows `digest` is of; empty where it is of something else, as of a model.
        definitions: for aggregates, how each is computed from the events in `content`.
        partitions: of a partitioned asset, `{label: {"fingerprint": ..., "object": ..., "digest": ..., "rows": ...}}`;
            its files are then folders with a file for each.
        outdated: the labels that were left as they were, when only some were asked for.
        hash_probe: which digests these can be compared with (see store.digests); empty for those of format 1.
        files: `{name: {"bytes": ..., "blake2b": ...}}` of every file beside the manifest.
        details: facts for people, such as metrics, column lineage and fitted state, as JSON values.
    """

    asset: str
    version: str
    fingerprint: str
    digest: str
    parts: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    columns: list[list[str]]
    rows: int
    files: dict[str, dict[str, Any]]
    column_digests: dict[str, str] = field(default_factory=dict)
    content: str = ""
    definitions: dict[str, Any] = field(default_factory=dict)
    partitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    outdated: list[str] = field(default_factory=list)
    hash_probe: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    created_at: str = ""
    run_id: str = ""
    format: int = FORMAT

    def to_json(self) -> str:
        """One line for each field."""
        fields = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
        return "{\n" + ",\n".join(f' "{name}": {encoder.encode(fields[name])}' for name in sorted(fields)) + "\n}"

    @property
    def input_digests(self) -> dict[str, str]:
        return {asset: one["digest"] for asset, one in self.inputs.items()}

    @property
    def short(self) -> str:
        """The version as people write it: its first eight characters."""
        return self.version[:8]


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`. Raises CorruptObject when it is absent, broken, or from a newer Headrace."""
    path = folder / FILE_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptObject(f"{path} cannot be read: {error}. Delete that folder and build again.") from error
    if not isinstance(values, dict):
        raise CorruptObject(f"{path} is no manifest. Delete that folder and build again.")
    if values.get("format", 0) > FORMAT:
        raise CorruptObject(f"{path} was written by a newer Headrace (format {values['format']}). Upgrade headrace.")
    try:
        return Manifest(**values)
    except TypeError as error:
        raise CorruptObject(f"{path} is no manifest: {error}. Delete that folder and build again.") from error
