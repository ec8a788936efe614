"""A version of a partitioned asset: hard links to its partitions' files, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from importlib.metadata import version
from operator import add
from typing import Any

from headrace.builder.changes import reasons_json
from headrace.builder.edges import with_definitions
from headrace.builder.facts import ProjectFacts
from headrace.builder.making import record
from headrace.builder.outcome import Request
from headrace.builder.project import Project
from headrace.declarations.base import Declaration
from headrace.declarations.partitions import file_name, partitions_of
from headrace.declarations.source import Source
from headrace.engine.session import connect, parquet, write_parquet
from headrace.errors import ValidationError
from headrace.lineage.canonical import canonical_json, digest
from headrace.lineage.column_lineage import column_lineage
from headrace.lineage.partitioned import counted, partitions_fingerprint
from headrace.lineage.plan import Step
from headrace.store.atomic import disk_errors
from headrace.store.digests import Sums, describe, hash_probe, quote, table_sums
from headrace.store.manifest import MAIN_TABLE, Manifest
from headrace.store.partitions import Partition, PartitionObjects, link

Parts = Mapping[str, Partition]


class Assembly:
    """Puts a version together. Costs no reading of what was there before, but for keys that must not repeat."""

    def __init__(
        self,
        project: Project,
        declaration: Declaration,
        facts: ProjectFacts,
        step: Step,
        inputs: Mapping[str, Manifest],
        request: Request,
    ) -> None:
        self._project = project
        self._declaration = declaration
        self._facts = facts
        self._step = step
        self._inputs = inputs
        self._request = request
        self._objects = PartitionObjects(project.store, declaration.key)

    def publish(self, parts: Parts, before: Manifest | None, seconds: float) -> Manifest:
        """The version that consists of `parts`, by label in order; raises ValidationError for rows that repeat."""
        parts = self._alike(parts)
        self._refuse_nothing(parts)
        self._refuse_repeats(parts, before)
        store = self._project.store
        with store.draft() as folder, disk_errors(folder):
            draft = folder / "object"
            draft.mkdir()
            files = link(self._objects, [(file_name(label), one) for label, one in parts.items()], draft)
            made = replace(
                self._describe(parts),
                seconds=round(seconds, 3),
                created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
                run_id=self._request.run_id,
            )
            return store.publish(draft, made, files)

    def _describe(self, parts: Parts) -> Manifest:
        with connect() as connection:
            probe = hash_probe(connection)
        sums = {label: self._sums(one, probe) for label, one in parts.items()}
        main = reduce(add, (one[MAIN_TABLE] for one in sums.values()))
        whole = main.digest(probe)
        marks = {label: _mark(one) for label, one in parts.items()}
        outdated = [label for label, mark in self._step.marks.items() if marks.get(label) != mark]
        definitions = self._definitions(parts, outdated)
        events = [name for name in next(iter(sums.values())) if name != MAIN_TABLE]
        content = events[0] if definitions and events else MAIN_TABLE
        known = {key: [name for name, _ in one.columns] for key, one in self._inputs.items()}
        reading = {key: edge.reads for key, edge in self._step.edges.items()}
        dependencies = self._facts.known_dependencies(self._declaration, self._inputs)
        names = [name for name, _ in main.columns]
        told = reduce(add, (one[content] for one in sums.values())).digest(probe).whole
        return Manifest(
            asset=self._declaration.key,
            version="",
            fingerprint=partitions_fingerprint(marks),
            digest=with_definitions(definitions, told) if definitions else told,
            parts=self._facts.parts(self._declaration),
            inputs={key: record(edge) for key, edge in self._step.edges.items()},
            columns=main.columns,
            rows=main.rows,
            files={},
            column_digests=whole.columns,
            content=content,
            definitions=definitions,
            partitions={label: _entry(marks[label], parts[label], one, probe) for label, one in sums.items()},
            outdated=outdated,
            hash_probe=probe,
            details={
                "partitions": counted([*parts]),
                **column_lineage(self._declaration, names, known, reading, dependencies).details(),
                "reasons": reasons_json(self._step.reasons),
                "checks": {"schema": {**_last_check(parts), "rows": main.rows}},
            },
            libraries={name: version(name) for name in ("headrace", "duckdb", "polars", "scikit-learn")},
        )

    def _definitions(self, parts: Parts, outdated: Sequence[str]) -> dict[str, Any]:
        """Those of now. What was computed otherwise makes another table of the same events, so it is named."""
        found = [one.definitions for label, one in parts.items() if label not in outdated]
        found = found or [one.definitions for one in parts.values()]
        left = {label: parts[label].name for label in outdated if label in parts}
        return {**found[-1], "outdated": left} if found[-1] and left else dict(found[-1])

    def _sums(self, part: Partition, probe: str) -> dict[str, Sums]:
        if part.probe == probe:
            return dict(part.sums)
        folder = self._objects.folder(part.name)
        with connect() as connection:
            return {name: table_sums(connection, parquet(folder / name)) for name in part.sums}

    def _alike(self, parts: Parts) -> dict[str, Partition]:
        """The partitions with the same columns each: one that lacks some gets them, with nulls."""
        wanted = self._columns(parts)
        found = {}
        for label, one in parts.items():
            own = {name: sums.columns for name, sums in one.sums.items()}
            found[label] = one if own == wanted else self._like(one, wanted)
        return found

    def _columns(self, parts: Parts) -> dict[str, list[list[str]]]:
        """The columns of each file that all partitions have together."""
        wanted: dict[str, list[list[str]]] = {}
        for name in next(iter(parts.values())).sums:
            kinds = {canonical_json(one.sums[name].columns): one for one in parts.values() if name in one.sums}
            if len(kinds) == 1:
                wanted[name] = next(iter(kinds.values())).sums[name].columns
                continue
            files = [self._objects.folder(one.name) / name for one in kinds.values()]
            with connect() as connection:
                wanted[name] = describe(connection, parquet(*files))
        return wanted

    def _like(self, part: Partition, wanted: Mapping[str, list[list[str]]]) -> Partition:
        mark = digest({"part": part.name, "columns": wanted})
        standing = self._objects.find(mark)
        if standing is not None:
            return standing
        folder = self._objects.folder(part.name)
        with self._project.store.draft() as scratch, disk_errors(scratch), connect() as connection:
            draft = scratch / "object"
            draft.mkdir()
            for name, columns in wanted.items():
                own = {column for column, _ in part.sums[name].columns}
                picked = [f"{quote(one) if one in own else 'null'}::{kind} as {quote(one)}" for one, kind in columns]
                write_parquet(connection, f"select {', '.join(picked)} from {parquet(folder / name)}", draft / name)
            made = replace(
                part,
                fingerprint=mark,
                sums={name: table_sums(connection, parquet(draft / name)) for name in wanted},
                probe=hash_probe(connection),
                inputs={**part.inputs, "like others": _mark(part)},
            )
            return self._objects.publish(draft, made)

    def _refuse_nothing(self, parts: Parts) -> None:
        source = self._declaration
        rows = sum(one.sums[MAIN_TABLE].rows for one in parts.values())
        if isinstance(source, Source) and not rows and not source.allow_empty:
            failure: dict[str, object] = {"column": "(table)", "check": "has no rows", "count": 0}
            raise ValidationError(source.key, [failure], "allow_empty=True permits that. Nothing was published.")

    def _refuse_repeats(self, parts: Parts, before: Manifest | None) -> None:
        """Keys are checked in each partition when that is computed; here, that none is in two of them."""
        known = {one["object"] for one in before.partitions.values()} if before is not None else set()
        stood = before is not None and before.parts.get("keys") == self._facts.parts(self._declaration).get("keys")
        new = [one for one in parts.values() if not stood or one.name not in known]
        old = [one for one in parts.values() if stood and one.name in known]
        failures: list[dict[str, object]] = []
        for columns, check in self._unique() if new and len(parts) > 1 else ():
            failures += self._repeats(columns, check, new, old)
        if failures:
            raise ValidationError(self._declaration.key, failures, "Mend the data. Nothing was published.")

    def _unique(self) -> list[tuple[list[str], str]]:
        """The columns whose values may not come twice, and what is said then; not those that tell partitions apart."""
        partitions = partitions_of(self._declaration)
        rules = getattr(self._declaration, "rules", None) or {"columns": {}, "unique": []}
        found = [([name], "is not unique") for name, rule in rules["columns"].items() if rule["unique"]]
        found += [(list(rules["unique"]), "is not unique")] if rules["unique"] else []
        if isinstance(self._declaration, Source) and self._declaration.keys:
            found.insert(0, ([*self._declaration.keys], "key is repeated"))
        return [one for one in found if partitions is None or partitions.column not in one[0]]

    def _repeats(
        self, columns: Sequence[str], check: str, new: Sequence[Partition], old: Sequence[Partition]
    ) -> list[dict[str, object]]:
        keys = ", ".join(quote(name) for name in columns)
        rows, others = (f"select {keys} from {self._tables(several)}" if several else "" for several in (new, old))
        if others:
            rows = f"{rows} union all (from ({others}) semi join ({rows}) using ({keys}))"
        query = f"select {keys}, count(*) as n from ({rows}) group by {keys} having n > 1 order by {keys}"
        with connect() as connection:
            found = connection.sql(f"from ({query}) where {quote(columns[0])} is not null").fetchall()
        if not found:
            return []
        examples = [row[0] if len(columns) == 1 else row[:-1] for row in found[:5]]
        count = sum(row[-1] for row in found)
        return [{"column": ", ".join(columns), "check": check, "count": count, "examples": examples}]

    def _tables(self, parts: Sequence[Partition]) -> str:
        return parquet(*(self._objects.folder(one.name) / MAIN_TABLE for one in parts))


def _mark(part: Partition) -> str:
    """The fingerprint that a partition was made for; one made to be like others has another of its own."""
    return str(part.inputs.get("like others", part.fingerprint))


def _entry(mark: str, part: Partition, sums: Mapping[str, Sums], probe: str) -> dict[str, Any]:
    content = digest([sums[name].digest(probe).whole for name in sorted(sums)])
    return {"fingerprint": mark, "object": part.name, "digest": content, "rows": sums[MAIN_TABLE].rows}


def _last_check(parts: Parts) -> dict[str, Any]:
    found: dict[str, Any] = [*parts.values()][-1].details.get("checks", {}).get("schema", {})
    return found
