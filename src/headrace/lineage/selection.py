"""Which assets a person means: keys, globs, groups, and `+` for everything up- or downstream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from headrace.errors import UnknownAsset
from headrace.lineage.graph import Graph


def select(graph: Graph, selection: Sequence[str]) -> tuple[str, ...]:
    """The keys that match any of `selection`, upstream first; nothing given means all.

    `features/activity` is one asset, `features/*` a glob, `+x` also everything upstream of x, `x+` everything
    downstream, at every distance. Several patterns may be separated by commas or blanks. Dagster's `key:x` and
    `group:features` are understood too. Raises UnknownAsset for a pattern that matches nothing.
    """
    patterns = [pattern for text in selection for pattern in text.replace(",", " ").split()]
    if not patterns:
        return graph.keys
    chosen: set[str] = set()
    for pattern in patterns:
        chosen |= _match(graph, pattern)
    return tuple(key for key in graph.keys if key in chosen)


def keys_named(name: str, keys: Iterable[str]) -> list[str]:
    """The keys that a name may mean: the whole key, else what follows the first slash, else the last part (a stage).

    >>> keys_named("age_band", ["cascades/recommend", "cascades/recommend/age_band"])
    ['cascades/recommend/age_band']
    """
    known = list(keys)
    whole = [key for key in known if key == name] or [key for key in known if key.partition("/")[2] == name]
    return whole or [key for key in known if key.rpartition("/")[2] == name]


def _match(graph: Graph, pattern: str) -> set[str]:
    core = pattern.strip("+").removeprefix("key:")
    if core.startswith("group:"):
        core = f"{core.removeprefix('group:')}/*"
    found = {key for key in graph.keys if fnmatchcase(key, core)} or set(keys_named(core, graph.keys))
    if not found:
        raise UnknownAsset(core, graph.keys)
    reached = set(found)
    for key in found:
        reached |= graph.ancestors(key) if pattern.startswith("+") else set()
        reached |= graph.descendants(key) if pattern.endswith("+") else set()
    return reached
