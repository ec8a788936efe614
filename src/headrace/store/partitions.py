"""Partition objects: immutable parts of assets. A version of a partitioned asset is hard links to them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from headrace.errors import CorruptObject
from headrace.store.atomic import disk_errors, fsync_tree
from headrace.store.digests import Sums
from headrace.store.store import Store, file_facts

FOLDER = "partitions"
FACTS = "partition.json"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One part of an asset, as it was computed.

    Attributes:
        name: of its folder: the fingerprint, with a number where another content has the same fingerprint.
        sums: for each Parquet file, what its digest is made from; to be compared with others of the same `probe`.
        files: `{name: {"bytes": ..., "blake2b": ...}}`.
        inputs: what it was made from, by asset, for people.
    """

    label: str
    fingerprint: str
    name: str = ""
    sums: Mapping[str, Sums]
    probe: str
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    created_at: str = ""
    run_id: str = ""

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, sort_keys=True)


class PartitionObjects:
    """The partition objects of one asset: `objects/<asset>/partitions/<fingerprint>/`."""

    def __init__(self, store: Store, asset: str) -> None:
        self._store = store
        self._asset = asset
        self.root = store.root / "objects" / asset / FOLDER

    def folder(self, name: str) -> Path:
        return self.root / name

    def load(self, name: str) -> Partition:
        """One object; raises CorruptObject when its files are not what they should be."""
        folder = self.folder(name)
        try:
            values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            values["sums"] = {file: Sums(**one) for file, one in values["sums"].items()}
            found = Partition(**values)
            sound = all((folder / file).stat().st_size == facts["bytes"] for file, facts in found.files.items())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptObject(f"{folder} cannot be read: {error}. Delete it and build again.") from error
        if not sound:
            raise CorruptObject(f"{folder} was changed since it was built. Delete it and build {self._asset} again.")
        return found

    def find(self, fingerprint: str) -> Partition | None:
        """The newest sound object with that fingerprint."""
        for name in reversed(self._names(fingerprint)):
            try:
                return self.load(name)
            except CorruptObject:
                continue  # as good as none: it is made anew beside it
        return None

    def is_sound(self, partition: Partition) -> bool:
        """Whether its files are, byte by byte, what they were."""
        folder = self.folder(partition.name)
        return all(file_facts(folder / name) == dict(facts) for name, facts in partition.files.items())

    def publish(self, draft: Path, partition: Partition) -> Partition:
        """Make the draft an immutable object; what another process published meanwhile stands beside it."""
        name = _name(partition.fingerprint, len(self._names(partition.fingerprint)) + 1)
        files = {path.name: file_facts(path) for path in sorted(draft.glob("*.parquet"))}
        sealed = replace(partition, name=name, files=files)
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            (draft / FACTS).write_text(sealed.to_json(), encoding="utf-8")
            fsync_tree(draft)
            try:
                os.rename(draft, self.folder(name))
            except OSError:
                standing = self.find(partition.fingerprint)
                if standing is None:
                    raise
                return standing
        # The name need not survive a power cut: the version has links of its own, and is forced to disk.
        return sealed

    def _names(self, fingerprint: str) -> list[str]:
        """The objects that stand under one fingerprint, in the order in which they were made."""
        numbers = takewhile(lambda number: self.folder(_name(fingerprint, number)).is_dir(), count(1))
        return [_name(fingerprint, number) for number in numbers]


def _name(fingerprint: str, number: int) -> str:
    return fingerprint if number == 1 else f"{fingerprint}.{number}"


def link(objects: PartitionObjects, partitions: Iterable[tuple[str, Partition]], draft: Path) -> dict[str, Any]:
    """Put each partition's files under its file name into `draft`; returns the facts of all these files.

    `activity/data.parquet/2024-01-05.parquet` is then the `data.parquet` of that day. Links cost no space; where there
    are none, the files are copied.
    """
    files: dict[str, Any] = {}
    for file_name, partition in partitions:
        for name, facts in partition.files.items():
            (draft / name).mkdir(exist_ok=True)
            _link(objects.folder(partition.name) / name, draft / name / file_name)
            files[f"{name}/{file_name}"] = dict(facts)
    return files


def _link(there: Path, here: Path) -> None:
    try:
        os.link(there, here)
    except OSError:
        shutil.copyfile(there, here)
