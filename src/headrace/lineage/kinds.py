"""What an asset is made with, as Dagster's kinds: shown with an icon in the webserver, and usable in selections."""

from __future__ import annotations

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage, Stage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import Index
from headrace.declarations.matrix import Matrix
from headrace.declarations.online import OnlineView
from headrace.declarations.source import Source
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform

_MOST_KINDS = 3


def kinds(declaration: Declaration) -> set[str]:
    """At most three kinds; those known to the webserver are shown with an icon."""
    if isinstance(declaration, Source):
        return {"duckdb", str(declaration.format)}
    if isinstance(declaration, FeatureView) and declaration.derivation is not None:
        return {"python", "polars"} if declaration.derivation.sql is None else {"duckdb", "sql"}
    if isinstance(declaration, FeatureView | TrainingSet):
        return {"duckdb", "parquet"}
    if isinstance(declaration, Transform):
        return {"python", "numpy"}
    if isinstance(declaration, Index):
        return {"numpy", "arrow"}
    if isinstance(declaration, Matrix):
        return {"numpy", "arrow"}
    if isinstance(declaration, CascadeStage):
        return {_library(declaration.stage)}
    if isinstance(declaration, Cascade):
        return set(sorted({_library(stage) for stage in declaration.stages})[:_MOST_KINDS])
    if isinstance(declaration, OnlineView):
        return {"duckdb", "lmdb"}
    return {"python"}


def _library(stage: Stage) -> str:
    package = type(stage.estimator).__module__.partition(".")[0]
    return {"sklearn": "scikitlearn"}.get(package, package)
