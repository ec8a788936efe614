"""Which engine function computes which noun."""

from __future__ import annotations

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import Index
from headrace.declarations.matrix import Matrix
from headrace.declarations.online import OnlineView
from headrace.declarations.source import Source
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform
from headrace.engine.workbench import Computed, Workbench
from headrace.errors import HeadraceError


def compute(declaration: Declaration, bench: Workbench) -> Computed:
    """Write `declaration`'s result into the workbench's draft. Engines are imported when first needed."""
    if isinstance(declaration, Source):
        from headrace.engine.sources import read_source

        return read_source(declaration, bench)
    if isinstance(declaration, FeatureView):
        from headrace.engine.feature_views import compute_feature_view

        return compute_feature_view(declaration, bench)
    if isinstance(declaration, TrainingSet):
        from headrace.engine.training_sets import compute_training_set

        return compute_training_set(declaration, bench)
    if isinstance(declaration, Index):
        from headrace.engine.index import compute_index

        return compute_index(declaration, bench)
    if isinstance(declaration, OnlineView):
        from headrace.engine.online import compute_online

        return compute_online(declaration, bench)
    return _compute_model(declaration, bench)


def _compute_model(declaration: Declaration, bench: Workbench) -> Computed:
    if isinstance(declaration, Transform):
        from headrace.engine.fitting import compute_transform

        return compute_transform(declaration, bench)
    if isinstance(declaration, Matrix):
        from headrace.engine.matrices import compute_matrix

        return compute_matrix(declaration, bench)
    if isinstance(declaration, CascadeStage):
        from headrace.engine.stages import compute_stage

        return compute_stage(declaration, bench)
    if isinstance(declaration, Cascade):
        from headrace.engine.cascades import compute_cascade

        return compute_cascade(declaration, bench)
    raise HeadraceError(f"{declaration.key}: nothing computes a {declaration.noun}.")
