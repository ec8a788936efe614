"""Declarations by name, out of the project's own code, for questions that need more than a description."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_service import as_tuple, expand
from headrace.declarations.feature_view import FeatureView
from headrace.errors import ProjectError, RequestError, closest, name_list
from headrace.lineage.graph import declarations_in, services_in


def features_named(root: Path, assets: str, given: Any, where: str, full_names: bool = False) -> FeatureList:
    """What `given` asks for: declarations, the name of a service, or references `view` and `view:feature`."""
    if isinstance(given, str):
        services = {one.name: one for one in services_in(assets_package(root, assets))}
        if given not in services:
            raise _no("unknown_service", "service", given, list(services))
        found: Sequence[Any] = (services[given],)
    else:
        found = as_tuple(given)
        if any(isinstance(one, str) for one in found):
            views = {
                one.name: one for one in declarations_in(assets_package(root, assets)) if isinstance(one, FeatureView)
            }
            found = [_reference(one, views) if isinstance(one, str) else one for one in found]
    listed = expand(where, found, full_names)
    listed.check(where, {})
    return listed


def _reference(text: str, views: dict[str, FeatureView]) -> Any:
    view, colon, feature = text.partition(":")
    if view not in views:
        raise _no("unknown_view", "view", view, list(views))
    return views[view][feature] if colon else views[view]


def assets_package(root: Path, assets: str) -> ModuleType:
    """The project's package of declarations, imported; raises ProjectError where there is none."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(assets)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{assets}.".startswith(f"{error.name}."):
            raise  # a module that theirs imports
        fix = f"Make {root / assets}/__init__.py, name it in [tool.headrace] assets, or ask by declarations."
        raise ProjectError(f"{root} has no package {assets!r}, where names are looked up. {fix}") from error


def _no(reason: str, what: str, given: str, known: list[str]) -> RequestError:
    near = closest(given, known)
    hint = f" Did you mean {near!r}?" if near else ""
    return RequestError(reason, f"unknown {what} {given[:80]!r}.{hint} Known: {name_list(known)}.")
