"""The world as the plan sees it: raw files, the store, and one moment of the refs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.builder.partition_marks import source_marks, view_marks, with_partition_columns
from headrace.builder.project import Project
from headrace.builder.raw_data import raw_partitions, raw_parts
from headrace.declarations.base import Declaration
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.partitions import partitions_of
from headrace.declarations.source import Source
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform
from headrace.engine.encoders import encoder_version
from headrace.errors import CorruptObject
from headrace.lineage.canonical import canonical_json
from headrace.lineage.plan import Version
from headrace.lineage.reads import ROWS, SCHEMA, Dependencies, Reading, Reads, dependencies_of, reading_of, stored_rows
from headrace.store.manifest import Manifest

if TYPE_CHECKING:
    from headrace.builder.statements import RowOrder

# So many versions are looked at for one whose inputs were as they are now.
_RUNS = 10


class ProjectFacts:
    """Facts for one plan; every file is looked at once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._refs = project.store.refs(project.environment).current()
        self._parts: dict[str, dict[str, Any]] = {}
        self._labelled: dict[str, dict[str, dict[str, str]]] = {}
        self._current: dict[str, Manifest | None] = {}
        self._statements = project.statements
        self._edges = project.edges

    def parts(self, declaration: Declaration) -> dict[str, Any]:
        if declaration.key not in self._parts:
            self._parts[declaration.key] = parts_with_files(self._project, declaration)
            self._warn(declaration)
            if isinstance(declaration, Source) and declaration.partitions:
                self.labelled(declaration)  # what belongs to no partition is found out here
        return self._parts[declaration.key]

    def current(self, asset: str) -> Manifest | None:
        if asset not in self._current:
            version = self._refs.get(asset)
            self._current[asset] = None if version is None else self._project.store.load(asset, version)
        return self._current[asset]

    def find(self, asset: str, fingerprint: str) -> Manifest | None:
        return self._project.store.find(asset, fingerprint)

    def version(self, asset: str, name: str) -> Manifest | None:
        try:
            return self._project.store.load(asset, name)
        except CorruptObject:
            return None  # deleted, or as good as that

    def reading(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Reading:
        analysis = self._statements.analysis(declaration, inputs)
        found = reading_of(declaration, analysis)
        if analysis is None and len(inputs) < len(declaration.inputs):
            found |= self._read_before(declaration)
        found |= {key: _every_row(inputs[key]) for key in stored_rows(declaration) if key in inputs and not found[key]}
        if partitions_of(declaration):
            return with_partition_columns(declaration, found, inputs)
        return {**found, **self._observed(declaration, inputs)}

    def marks(self, declaration: Declaration, inputs: Mapping[str, Version], reading: Reading) -> dict[str, str]:
        parts = self.parts(declaration)
        if isinstance(declaration, Source):
            return source_marks(parts, self.labelled(declaration))
        return view_marks(self._edges, declaration, parts, inputs, reading)

    def labelled(self, source: Source) -> dict[str, dict[str, str]]:
        """What stands for the content of each partition of a source; raises SourceError for rows of none."""
        if source.key not in self._labelled:
            self._labelled[source.key] = raw_partitions(self._project, source, self.parts(source))
        return self._labelled[source.key]

    def dependencies(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Dependencies | None:
        return dependencies_of(declaration, self._statements.analysis(declaration, inputs))

    def known_dependencies(self, declaration: Declaration, inputs: Mapping[str, Version]) -> Dependencies | None:
        """The same as far as a build needs not wait for it; of SQL see `builder.lineages`."""
        derived = isinstance(declaration, FeatureView) and declaration.derivation is not None
        return None if derived else self.dependencies(declaration, inputs)

    def edge(self, asset: str, version: Version, reads: Reads) -> str:
        return self._edges.digest(version, reads)

    def recorded(self, asset: str, reader: Version, reads: Reads) -> str | None:
        if reader.hash_probe == self._edges.probe:
            return (
                str(reader.inputs[asset]["digest"])
                if _listed(reader.inputs[asset].get("reads")) == _listed(reads)
                else None
            )
        version = self.version(asset, reader.inputs[asset]["version"])
        return None if version is None else self._edges.digest(version, reads)

    def _warn(self, declaration: Declaration) -> None:
        """Say what makes its data differ from build to build, where something does."""
        code = {name: one for name, one in self._parts[declaration.key].items() if name.startswith(("code ", "sql"))}
        if not isinstance(declaration, FeatureView | TrainingSet) or not code:
            return
        reasons = self._statements.unstable(declaration, code)
        if reasons:
            from headrace.lineage.determinism import NondeterminismWarning

            warnings.warn(NondeterminismWarning(declaration.where, reasons), stacklevel=2)

    def row_order(self, declaration: Declaration, inputs: Mapping[str, Version]) -> RowOrder:
        """What its statement needs to come out the same each time."""
        return self._statements.row_order(declaration, inputs)

    def _observed(self, declaration: Declaration, inputs: Mapping[str, Version]) -> dict[str, Reads]:
        """What a lazy function took of inputs like these, or else when it last ran as it is now; see engine.frames."""
        if not isinstance(declaration, FeatureView) or declaration.derivation is None:
            return {}
        lazy = declaration.derivation.observed
        if not lazy or not set(lazy) <= set(inputs):
            return {}
        runs = self._runs(declaration)
        run = next((one for one in runs if self._made_from(one, inputs)), runs[0] if runs else None)
        return {} if run is None else {key: _as_reads(run.inputs[key].get("reads")) for key in lazy}

    def _read_before(self, declaration: Declaration) -> dict[str, Reads]:
        """What the current version read, for a statement that has not changed but lost one of its tables."""
        current = self._sound(declaration.key)
        if current is None or canonical_json(current.parts) != canonical_json(self.parts(declaration)):
            return {}
        known = {one.key for one in declaration.inputs} & set(current.inputs)
        return {key: _as_reads(current.inputs[key].get("reads")) for key in known}

    def _sound(self, asset: str) -> Manifest | None:
        try:
            return self.current(asset)
        except CorruptObject:
            return None  # whoever decides about this asset says so

    def _runs(self, declaration: Declaration) -> list[Manifest]:
        """Versions that exactly this code made, the current one first, then the newest."""
        parts = canonical_json(self.parts(declaration))
        current = self._sound(declaration.key)
        newest = reversed(self._project.store.versions(declaration.key)[-_RUNS:])
        found = [*([current] if current is not None else []), *newest]
        return [one for one in found if canonical_json(one.parts) == parts]

    def _made_from(self, run: Manifest, inputs: Mapping[str, Version]) -> bool:
        """Whether a version was made from what its inputs hold now: then it would take the same columns again."""
        if set(run.inputs) != set(inputs):
            return False
        reads = {key: _as_reads(one.get("reads")) for key, one in run.inputs.items()}
        return all(self.recorded(key, run, one) == self.edge(key, inputs[key], one) for key, one in reads.items())


def _every_row(version: Version) -> Reads:
    """All that a view of windows stores, for code that reads it whole."""
    return (*(name for name, _ in version.columns), SCHEMA, ROWS)


def _as_reads(listed: Sequence[str] | None) -> Reads:
    return None if listed is None else tuple(listed)


def _listed(reads: Sequence[str] | None) -> list[str] | None:
    return None if reads is None else list(reads)


def observed_reads(declaration: Declaration, key: str, taken: Sequence[str]) -> Reads:
    """What counts as read by code that was seen to take these columns: it may have looked at the schema as well."""
    return (*taken, SCHEMA, *([ROWS] if key in stored_rows(declaration) else []))


def parts_with_files(project: Project, declaration: Declaration) -> dict[str, Any]:
    """A declaration's parts, for a source with the hashes of its files and images, for a transform its engines."""
    parts = project.declared_parts(declaration)
    if isinstance(declaration, Source):
        parts |= raw_parts(project, declaration)
    if isinstance(declaration, Transform):
        parts |= {f"encoder {one.kind}": encoder_version(one.kind) for one in declaration.encode.values()}
    return parts
