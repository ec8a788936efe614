"""Predictor: the current bundle of a cascade, answering for tables and for single rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from headrace.engine.bundle import BUNDLE_FOLDER, Bundle, load_bundle
from headrace.errors import ProjectError, UnknownAsset
from headrace.settings import find_root, read_settings
from headrace.store.manifest import Manifest
from headrace.store.store import Store


class Predictor:
    """A loaded bundle.

    Attributes:
        version: the version of the cascade that answers.
        columns: `{column: kind}` that rows must have.
    """

    def __init__(self, bundle: Bundle, manifest: Manifest) -> None:
        self._bundle = bundle
        self._one = bundle.row_predictor()
        self.version = manifest.version
        self.columns = dict(bundle.columns)

    def predict(self, rows: pl.DataFrame | pa.Table) -> pl.DataFrame:
        """Answers for many rows, in their order, as columns `<target>`, `<target>_probability_<class>` (float32).

        With routing, `<target>_stage` names the stage that answered; a row that no stage serves has nulls. Raises
        ValidationError for rows of another shape than in training, EncodingError for values that cannot be encoded.
        """
        return self._bundle.predict(rows.to_arrow() if isinstance(rows, pl.DataFrame) else rows)

    def predict_row(self, row: Mapping[str, object]) -> dict[str, Any]:
        """The answer for one row, the same as `predict` gives for it, without building a frame of inputs."""
        return self._one(row)


def load(cascade: str, project: Path | str | None = None, environment: str | None = None) -> Predictor:
    """The current version of `cascade`, its files checked against their hashes first.

    Args:
        cascade: its name, as in `load("recommend")`.
        project: the project's folder, or one below it; by default the working directory.
        environment: whose version; by default the project's.

    Raises UnknownAsset when it was never built and CorruptObject when a file was damaged.
    """
    root = find_root(Path(project) if project is not None else Path.cwd())
    settings = read_settings(root)
    store = Store(root / settings.store)
    named = environment or settings.environment
    key = f"cascades/{cascade.removeprefix('cascades/')}"
    built = store.refs(named).current()
    if key not in built:
        known = [one for one in built if one.startswith("cascades/") and one.count("/") == 1]
        if not known:
            raise ProjectError(f"No cascade is built in environment {named!r} of {root}. Run `headrace build` first.")
        raise UnknownAsset(key, known)
    manifest = store.load(key, built[key])
    store.verify(manifest)
    return Predictor(load_bundle(store.folder(key, manifest.version) / BUNDLE_FOLDER), manifest)
