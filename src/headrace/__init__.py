"""Headrace: declare features, transforms, matrices and cascades; lineage decides what is rebuilt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.declarations.aggregate import Aggregate
from headrace.declarations.cascade import Cascade, Stage
from headrace.declarations.encoders import (
    BagOfWords,
    ColorHistogram,
    GradientHistogram,
    ImagePixels,
    Impute,
    OneHot,
    Standardize,
    TfIdf,
)
from headrace.declarations.entity import Entity
from headrace.declarations.feature_service import FeatureService
from headrace.declarations.feature_view import FeatureView, feature_view
from headrace.declarations.matrix import Matrix
from headrace.declarations.on_demand import OnDemand, on_demand
from headrace.declarations.partitions import ByKey, Daily, Hourly, Monthly
from headrace.declarations.refresh import Cron, OnChange
from headrace.declarations.request import Request
from headrace.declarations.source import Source
from headrace.declarations.source_function import source
from headrace.declarations.split import ColumnSplit, GroupSplit, TimeSplit
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.builder.sharing import published
    from headrace.orchestration.definitions import definitions
    from headrace.orchestration.warehouse import Warehouse
    from headrace.serving.feature_store import FeatureStore

__all__ = [
    "Aggregate",
    "BagOfWords",
    "ByKey",
    "Cascade",
    "ColorHistogram",
    "ColumnSplit",
    "Cron",
    "Daily",
    "Entity",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "GradientHistogram",
    "GroupSplit",
    "HeadraceError",
    "Hourly",
    "ImagePixels",
    "Impute",
    "Matrix",
    "Monthly",
    "OnChange",
    "OnDemand",
    "OneHot",
    "Request",
    "Source",
    "Stage",
    "Standardize",
    "TfIdf",
    "TimeSplit",
    "TrainingSet",
    "Transform",
    "Warehouse",
    "definitions",
    "feature_view",
    "on_demand",
    "published",
    "source",
]

_LAZY = {
    "FeatureStore": "headrace.serving.feature_store",
    "definitions": "headrace.orchestration.definitions",
    "published": "headrace.builder.sharing",
    "Warehouse": "headrace.orchestration.warehouse",
}


def __getattr__(name: str) -> Any:
    """Import what needs Dagster only when it is asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
