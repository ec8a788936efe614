"""What differs between two versions of an asset, and between two environments."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from headrace.builder.edges import Edges
from headrace.builder.project import Project
from headrace.builder.sensitivity import HIDDEN, Sensitivity
from headrace.errors import CorruptObject
from headrace.lineage.fingerprint import name_changes
from headrace.lineage.reads import SCHEMA, column_names
from headrace.store.manifest import Manifest

if TYPE_CHECKING:
    from headrace.engine.block_differences import BlockDifference
    from headrace.engine.differences import TableDifference

Relation = Literal["same", "equal", "differs", "only"]
# Known from the table itself, or shown elsewhere.
_NO_FACTS = (
    "checks",
    "column lineage",
    "row lineage",
    "statement",
    "reasons",
    "members",
    "blocks",
    "partitions",
    "online",
)


@dataclass(frozen=True)
class AssetDifference:
    """One asset in two environments.

    Attributes:
        relation: `same` version, `equal` content in two versions, `differs`, or `only` in one of them.
        rows: before and now.
        columns: those that are new, gone, of another type or with other values; `every` says that none is left.
    """

    asset: str
    relation: Relation
    versions: tuple[str | None, str | None]
    rows: tuple[int | None, int | None]
    columns: tuple[str, ...] = ()
    every: bool = False


@dataclass(frozen=True)
class Fact:
    """A number or word among a version's details, such as `metrics: test: auc`, or in a fitted state."""

    name: str
    before: Any
    now: Any


@dataclass(frozen=True)
class VersionDifference:
    """Everything that differs between two versions of one asset.

    Attributes:
        why: what a person would say of the code, declaration and inputs.
        partitions: by label, "differs", "new" or "gone".
        tables: by file name, for each table whose file differs.
        blocks: a matrix's blocks whose values differ.
        facts: metrics and other details; fitted: what a transform learnt.
        files: for every other file, "differs", "new" or "gone".
    """

    asset: str
    before: Manifest
    now: Manifest
    why: tuple[str, ...]
    partitions: Mapping[str, str]
    tables: Mapping[str, TableDifference]
    blocks: tuple[BlockDifference, ...]
    facts: tuple[Fact, ...]
    fitted: tuple[Fact, ...]
    files: Mapping[str, str]


def compare_environments(project: Project, before: str, now: str, assets: Sequence[str] = ()) -> list[AssetDifference]:
    """How `now` differs from `before`, asset by asset; all that either has when none are named."""
    old, new = project.store.refs(before).current(), project.store.refs(now).current()
    edges = project.edges
    return [
        _compare_assets(project, edges, asset, old.get(asset), new.get(asset))
        for asset in assets or sorted({*old, *new})
        if asset in old or asset in new
    ]


def _compare_assets(project: Project, edges: Edges, asset: str, before: str | None, now: str | None) -> AssetDifference:
    versions = (before, now)
    old, new = (None if version is None else project.store.load(asset, version) for version in versions)
    rows = (old.rows if old else None, new.rows if new else None)
    if old is None or new is None:
        return AssetDifference(asset, "only", versions, rows)
    if before == now:
        return AssetDifference(asset, "same", versions, rows)
    columns = _changed_columns(old, new)
    equal = not columns and edges.digest(old, None) == edges.digest(new, None)
    every = {name for name, _ in (*old.columns, *new.columns)} == {*columns}
    return AssetDifference(asset, "equal" if equal else "differs", versions, rows, columns, every)


def _changed_columns(before: Manifest, now: Manifest) -> tuple[str, ...]:
    """Columns whose type or values differ, as far as the manifests tell."""
    old, new = (dict(one.columns) for one in (before, now))
    comparable = before.hash_probe == now.hash_probe
    changed = []
    for name in dict.fromkeys((*new, *old)):
        digests = before.column_digests.get(name), now.column_digests.get(name)
        if old.get(name) != new.get(name) or (comparable and digests[0] != digests[1]):
            changed.append(name)
    return tuple(changed)


def compare_versions(project: Project, asset: str, before: str, now: str, *, examples: int = 3) -> VersionDifference:
    """Everything that differs between two stored versions of `asset`; raises CorruptObject for a damaged one.

    Args:
        examples: how many rows to show of each kind of difference.
    """
    old, new = (project.store.load(asset, version) for version in (before, now))
    differing = [name for name in sorted({*old.files, *new.files}) if _hash(old, name) != _hash(new, name)]
    shared = [name for name in differing if name in old.files and name in new.files]
    tables = _tables(project, old, new, _shared_tables(old, new, differing), examples)
    blocks = _blocks(project, old, new, shared, tables)
    fitted = {name: tuple(_fitted(project, old, new, name)) for name in shared if _is_state(name)}
    told = {*tables, *(one.file for one in blocks), *(name for name, found in fitted.items() if found)}
    return VersionDifference(
        asset=asset,
        before=old,
        now=new,
        why=tuple(_why(old, new)),
        partitions=_partitions(old, new),
        tables=tables,
        blocks=blocks,
        facts=tuple(_changed(_leaves(_facts(old)), _leaves(_facts(new)))),
        fitted=tuple(fact for found in fitted.values() for fact in found),
        files={name: _file_state(old, new, name) for name in differing if not {name, _table(name)} & told},
    )


def _table(file: str) -> str:
    """The table that a file is, or is a part of: those of a partitioned asset are folders."""
    return file.partition("/")[0]


def _read(reads: Sequence[str] | None) -> set[str]:
    """The columns read of an input, in words."""
    if reads is None:
        return {"every column"}
    schema = ["the names of all columns"] if SCHEMA in reads else []
    return {*(column_names(tuple(reads)) or ()), *schema}


def _shared_tables(before: Manifest, now: Manifest, differing: Sequence[str]) -> list[str]:
    """The tables that both versions have, where they differ."""
    both = {_table(name) for name in before.files} & {_table(name) for name in now.files}
    return sorted({_table(name) for name in differing if _table(name).endswith(".parquet")} & both)


def _partitions(before: Manifest, now: Manifest) -> dict[str, str]:
    old, new = before.partitions, now.partitions
    states = {name: "new" if name not in old else "gone" if name not in new else "differs" for name in {*old, *new}}
    return {name: states[name] for name in sorted(states) if _content(old.get(name)) != _content(new.get(name))}


def _content(partition: Mapping[str, Any] | None) -> Any:
    return None if partition is None else (partition.get("digest"), partition.get("rows"))


def _hash(manifest: Manifest, name: str) -> str | None:
    return str(manifest.files[name]["blake2b"]) if name in manifest.files else None


def _file_state(before: Manifest, now: Manifest, name: str) -> str:
    return "new" if name not in before.files else "gone" if name not in now.files else "differs"


def _why(before: Manifest, now: Manifest) -> Iterator[str]:
    yield from (detail for _, detail in name_changes(before.parts, now.parts))
    for key in sorted({*before.inputs, *now.inputs}):
        if key not in before.inputs:
            yield f"{key} is a new input"
        elif key not in now.inputs:
            yield f"{key} is no longer an input"
        else:
            yield from _input_change(key, before.inputs[key], now.inputs[key])
    for name in sorted({*before.libraries, *now.libraries}):
        if before.libraries.get(name) != now.libraries.get(name):
            yield f"built with {name} {now.libraries.get(name)} instead of {before.libraries.get(name)}"


def _input_change(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("reads") != now.get("reads"):
        old, new = (_read(one.get("reads")) for one in (before, now))
        said = [*(f"also {name}" for name in sorted(new - old)), *(f"no longer {name}" for name in sorted(old - new))]
        yield f"{key} is read otherwise: {', '.join(said) or 'in another order'}"
    elif before["digest"] != now["digest"]:
        yield f"{key} changed, from {before['version'][:8]} to {now['version'][:8]}"


def _tables(
    project: Project, before: Manifest, now: Manifest, names: Sequence[str], examples: int
) -> dict[str, TableDifference]:
    from headrace.engine.differences import compare_tables, without_values
    from headrace.engine.session import connect

    if not names:
        return {}
    old, new = (project.store.folder(one.asset, one.version) for one in (before, now))
    keys = key_candidates(project, now)
    with tempfile.TemporaryDirectory() as scratch, connect(scratch=Path(scratch), memory=project.memory or None) as one:
        found = {name: compare_tables(one, old / name, new / name, keys, examples) for name in names}
    hidden = {name for made in (before, now) for name in Sensitivity(project).of(made)}
    return {name: without_values(one, hidden, HIDDEN) for name, one in found.items()} if hidden else found


def key_candidates(project: Project, manifest: Manifest) -> list[list[str]]:
    """The columns that may identify a row, the fewest first, from the declaration that made the version.

    A training set has the keys of its spine, a matrix those of its training set, a stage those of its matrix.
    """
    parts = manifest.parts
    if manifest.asset.startswith("transforms/"):
        return [["column"]]
    own = list(parts.get("keys") or ())
    upstream = parts.get("spine") or parts.get("rows") or parts.get("matrix")
    found = [own] if own else []
    if isinstance(upstream, str) and upstream in manifest.inputs:
        found = _upstream_keys(project, upstream, str(manifest.inputs[upstream]["version"]))
    if not found:
        return [["output", "row"]]  # a cascade's answers; no other table has these
    times = [parts[name] for name in ("timestamp", "created") if parts.get(name)]
    return [*found, *([*found[0], *times[:count]] for count in range(1, len(times) + 1))]


def _upstream_keys(project: Project, asset: str, version: str) -> list[list[str]]:
    for name in (version, project.store.refs(project.environment).current().get(asset)):
        try:
            return key_candidates(project, project.store.load(asset, name)) if name else []
        except CorruptObject:
            continue  # no longer stored: the declaration of the current one will do
    return []


def _blocks(
    project: Project, before: Manifest, now: Manifest, names: Iterable[str], tables: Mapping[str, TableDifference]
) -> tuple[BlockDifference, ...]:
    chosen = [name for name in names if name.startswith("blocks/") and name.endswith(".arrow")]
    if not chosen:
        return ()
    from headrace.engine.block_differences import compare_blocks

    main = tables.get("data.parquet")
    # Values can be compared where the same rows stand in the same places.
    aligned = main is None or main.is_none or not (main.added or main.removed)
    old, new = (project.store.folder(one.asset, one.version) for one in (before, now))
    return tuple(compare_blocks(name, old / name, new / name, aligned=aligned) for name in chosen)


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in manifest.details.items() if name not in _NO_FACTS}


def _is_state(name: str) -> bool:
    return name.startswith("state/") and name.endswith(".json")


def _fitted(project: Project, before: Manifest, now: Manifest, name: str) -> Iterator[Fact]:
    """What an encoder learnt, from its state as JSON; vocabularies show in the transform's table."""
    old, new = (project.store.folder(one.asset, one.version) / name for one in (before, now))
    return _changed(_learnt(Path(name).stem, old), _learnt(Path(name).stem, new))


def _learnt(block: str, path: Path) -> dict[str, Any]:
    """A state's values by name; a list with one entry a column is told by column."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorruptObject(f"{path} cannot be read: {error}.") from error
    if not isinstance(state, dict):
        return {}
    columns, found = state.get("columns", []), dict[str, Any]()
    for name, value in state.get("values", {}).items():
        if isinstance(value, list) and len(value) == len(columns):
            found |= {f"{block}: {column}: {name}": one for column, one in zip(columns, value, strict=True)}
        else:
            found[f"{block}: {name}"] = value
    return found


def _leaves(value: Any, name: str = "") -> dict[str, Any]:
    """Every number, word and list in nested objects, by the names on the way to it."""
    if not isinstance(value, dict):
        return {name: value}
    return {
        path: leaf
        for key, inner in value.items()
        for path, leaf in _leaves(inner, f"{name}: {key}" if name else str(key)).items()
    }


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Fact]:
    for name in dict.fromkeys((*now, *before)):
        if before.get(name) != now.get(name):
            yield Fact(name, before.get(name), now.get(name))
