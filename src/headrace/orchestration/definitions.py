"""A project as Dagster loads it: every declaration an asset, beside the project's own Dagster definitions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

from headrace.builder.governance import check_governance
from headrace.builder.project import Project, project_from
from headrace.declarations.base import Declaration
from headrace.orchestration.assets import asset_of
from headrace.orchestration.automation import BUILD_ALL, schedules, sensors
from headrace.orchestration.checks import asset_key
from headrace.orchestration.partition_runs import by_kind
from headrace.orchestration.warehouse import Warehouse
from headrace.settings import find_root


def definitions(
    package: ModuleType | Iterable[Declaration],
    *,
    resources: Mapping[str, object] | None = None,
    also: dg.Definitions | None = None,
    executor: dg.ExecutorDefinition | None = None,
) -> dg.Definitions:
    """Dagster definitions of a project: its declarations, and whatever Dagster objects its modules hold.

    Args:
        package: the package with the declarations; assets, checks, jobs, schedules and sensors in its modules are
            included. Or the declarations themselves, of the project at or above the working directory.
        resources: for the project's own assets, by name; an `hr.Warehouse` learns here which project it shows.
        also: further definitions to merge.
        executor: how runs are executed; by default in one process, which saves two seconds a step.

    Nothing is opened, read or built here but the declarations' code. Raises ProjectError outside a project and
    DeclarationError for declarations that contradict each other, GovernanceError for those without the owners or tags
    that the project requires.
    """
    project = _project(package)
    check_governance(project)
    others = [*([_found_in(package)] if isinstance(package, ModuleType) else []), *([also] if also else [])]
    given = any(one.executor for one in others)
    own = dg.Definitions(
        assets=[asset_of(project, declaration) for declaration in project.graph.nodes.values()],
        jobs=_jobs(project, others),
        sensors=sensors(project, _names(one.sensors for one in others)),
        schedules=schedules(project, _names(one.schedules for one in others)),
        resources=_resources(project, resources or {}),
        executor=executor or (None if given else dg.in_process_executor),
    )
    return dg.Definitions.merge(own, *others)


def _project(package: ModuleType | Iterable[Declaration]) -> Project:
    if not isinstance(package, ModuleType):
        return project_from(package, find_root(Path.cwd()))
    place = package.__file__ or next(iter(package.__path__))
    return project_from(package, find_root(Path(place)))


def _found_in(package: ModuleType) -> dg.Definitions:
    """The ordinary Dagster objects among the globals of the package and its submodules."""
    prefix = f"{package.__name__}."  # the graph has imported every submodule
    modules = [package, *(module for name, module in sorted(sys.modules.items()) if name.startswith(prefix))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.load_definitions_from_modules(modules)


def _jobs(project: Project, others: Iterable[dg.Definitions]) -> list[Any]:
    """A job that builds everything, unless the project has one of that name or nothing to build."""
    if BUILD_ALL in _names(one.jobs for one in others) or not project.graph.keys:
        return []
    text = "Make every asset current; what is current already is not computed again."
    kinds = by_kind(project, project.graph.keys)
    if len(kinds) < 2:
        return [dg.define_asset_job(BUILD_ALL, selection=dg.AssetSelection.all(), description=text)]
    rest = [key for key in project.graph.keys if not any(key in keys for keys in kinds.values())]
    text = "Make every asset without partitions current."
    own = [dg.define_asset_job(BUILD_ALL, selection=_selection(rest), description=text)] if rest else []
    for number, keys in enumerate(kinds.values(), start=1):
        about = f"Make these partitioned assets current: {', '.join(keys)}."
        own.append(dg.define_asset_job(f"build_partitions_{number}", selection=_selection(keys), description=about))
    return own


def _selection(keys: Iterable[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*map(asset_key, keys))


def _names(given: Iterable[Iterable[object] | None]) -> set[str]:
    """The names of the project's own jobs, sensors or schedules: ours step back."""
    return {str(getattr(one, "name", "")) for several in given for one in several or ()}


def _resources(project: Project, given: Mapping[str, object]) -> dict[str, object]:
    return {name: one.of(project) if isinstance(one, Warehouse) else one for name, one in given.items()}
