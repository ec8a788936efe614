"""What decides an asset's content, by name, and the hash of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.source import Source
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform
from headrace.lineage.canonical import canonical_json, canonical_sql, digest
from headrace.lineage.code import code_parts
from headrace.lineage.libraries import library_version
from headrace.lineage.part_names import part_change
from headrace.lineage.user_code import check_functions, estimator_code

# Raise a noun's number when Headrace itself starts to compute something else from the same declaration.
MEANING = {"sources": 1, "features": 1, "training_sets": 1, "transforms": 1, "matrices": 1, "cascades": 1} | {
    "online": 1,
    "indexes": 1,
}


def canonical_digest(sql: str) -> str:
    """A hash that is the same for statements that differ in layout, comments and the case of keywords."""
    return digest(canonical_sql(sql))


def parts_of(declaration: Declaration, statement: Callable[[str], str] = canonical_digest) -> dict[str, Any]:
    """Everything but the inputs' content that decides an asset's content, as JSON values by name.

    Args:
        statement: what identifies a SQL statement; `canonical_digest`, or something that remembers it.
    """
    parts: dict[str, Any] = {"headrace": MEANING[declaration.kind], **declaration.data()}
    parts |= code_parts(f"{declaration.where}.schema", *check_functions(getattr(declaration, "schema", None)))
    if isinstance(declaration, Source) and declaration.function is not None:
        parts |= code_parts(declaration.where, declaration.function)
    if isinstance(declaration, FeatureView) and declaration.derivation is not None:
        derivation = declaration.derivation
        if derivation.sql is not None:
            parts["sql"] = statement(derivation.sql)
        else:
            parts |= code_parts(declaration.where, derivation.function)
    if isinstance(declaration, TrainingSet) and declaration.listed.on_demand:
        parts |= code_parts(declaration.where, *(one.function for one in declaration.listed.on_demand))
    if isinstance(declaration, Cascade | CascadeStage):
        stages = declaration.stages if isinstance(declaration, Cascade) else [declaration.stage]
        parts |= code_parts(declaration.where, *(one for stage in stages for one in estimator_code(stage.estimator)))
        parts["library scikit-learn"] = library_version("scikit-learn")
    if isinstance(declaration, Transform):
        parts |= _encoder_libraries(declaration)
    return parts


def _encoder_libraries(transform: Transform) -> dict[str, str]:
    reads_images = any(encoder.accepts == "image" for encoder in transform.encode.values())
    return {"library pillow": library_version("pillow")} if reads_images else {}


def fingerprint(parts: Mapping[str, Any], input_digests: Mapping[str, str]) -> str:
    """The hash of `parts` and of the content of the inputs, 32 hex digits."""
    return digest({"parts": dict(parts), "inputs": dict(input_digests)})


def name_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, what a person would say) for each part that differs between two versions."""
    changes = []
    for name in sorted({*before, *now}):
        if canonical_json(before.get(name)) != canonical_json(now.get(name)):  # one of them has been through JSON
            changes.append((_change_kind(name), part_change(name, before.get(name), now.get(name))))
    return changes


def _change_kind(name: str) -> str:
    if name.startswith("file "):
        return "file_changed"
    return "code_changed" if name.startswith("code ") or name == "sql" else "declaration_changed"
