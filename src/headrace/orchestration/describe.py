"""What a declaration says of itself in Dagster before it is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headrace.declarations.base import Declaration
from headrace.declarations.cascade import Cascade, CascadeStage, Stage
from headrace.declarations.feature_service import FeatureService, as_tuple
from headrace.declarations.feature_view import FeatureView
from headrace.declarations.index import Index
from headrace.declarations.online import OnlineView
from headrace.declarations.source import Source
from headrace.declarations.training_set import TrainingSet
from headrace.declarations.transform import Transform

_MOST_NAMES = 12


def description(declaration: Declaration) -> str:
    """The declaration's own description, then what it says in short, as Markdown."""
    facts = "\n".join(f"- **{name}:** {value}" for name, value in _facts(declaration) if value)
    return "\n\n".join(part for part in (declaration.description, facts) if part)


def _facts(declaration: Declaration) -> Iterator[tuple[str, str]]:
    if isinstance(declaration, Source):
        place = "files" if declaration.path else "table" if declaration.database else "function"
        yield place, _code([declaration.origin])
        yield "keys", _code(declaration.keys)
        yield "images", _code(declaration.images)
    elif isinstance(declaration, FeatureView):
        yield "keys", _code(declaration.keys)
        yield "features", _code(declaration.feature_names() or ())
        yield "valid for", declaration.ttl or ""
        yield "kept beside it", _code(_beside(declaration))
    elif isinstance(declaration, TrainingSet):
        yield "keys", _code(declaration.keys)
        yield "label", _code(declaration.labels)
        yield "service", _code(one.name for one in as_tuple(declaration.features) if isinstance(one, FeatureService))
        yield "split", ", ".join(f"{name} {value}" for name, value in _split(declaration).items() if value is not None)
    elif isinstance(declaration, Transform):
        yield "blocks", ", ".join(f"`{block}` ({one.noun})" for block, one in declaration.encode.items())
    elif isinstance(declaration, OnlineView | Index):
        yield from _kept_facts(declaration)
    else:
        yield from _model_facts(declaration)
    times = (getattr(declaration, name, None) for name in ("timestamp", "created"))
    yield "time", _code(name for name in times if name)
    yield "inputs", _code([one.key for one in declaration.inputs])


def _beside(view: FeatureView) -> Iterator[str]:
    """The assets that a view has of itself."""
    yield from (f"{kind}/{view.name}" for kind, wanted in (("indexes", view.index), ("online", view.online)) if wanted)


def _kept_facts(kept: OnlineView | Index) -> Iterator[tuple[str, str]]:
    view = kept.view
    yield "keys", _code(view.keys)
    if isinstance(kept, OnlineView):
        yield "holds", "the events that windows still reach" if view.windowed else "the latest row of each entity"
        yield "serves", _code(view.feature_names() or ())
        yield "valid for", view.ttl or ""
        yield "refreshed every", view.every or ""
    yield "time", _code(name for name in (view.timestamp, view.created) if name)


def _model_facts(declaration: Declaration) -> Iterator[tuple[str, str]]:
    if isinstance(declaration, Cascade):
        yield "stages", ", ".join(f"`{stage.name}`{_route(stage)}" for stage in declaration.stages)
        yield "answers", _code(declaration.targets)
    if isinstance(declaration, CascadeStage):
        stage = declaration.stage
        yield "target", _code([stage.target])
        yield "estimator", _code([" ".join(repr(stage.estimator).split())])
        yield "serves", _route(stage).strip(" ()")
        yield "reads predictions of", _code(stage.inputs)


def _split(training_set: TrainingSet) -> dict[str, object]:
    return training_set.split.data() if training_set.split else {}


def _route(stage: Stage) -> str:
    routes = [f"{name} = {' or '.join(map(str, answers))}" for name, answers in stage.when.items()]
    return f" (rows with {' and '.join(routes)})" if routes else ""


def _code(given: Iterable[str]) -> str:
    found = list(given)
    shown = ", ".join(f"`{name}`" for name in found[:_MOST_NAMES])
    return f"{shown} and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else shown
