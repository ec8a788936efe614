"""Feature lists: every feature that is asked for, stored or computed on demand, joined to the rows that ask."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from headrace.declarations.feature_list import FeatureList
from headrace.declarations.feature_view import FeatureSelection
from headrace.engine.feature_joins import join_features
from headrace.engine.on_demand import join_on_demand
from headrace.engine.workbench import Workbench


def join_list(
    connection: duckdb.DuckDBPyConnection, spine: str, spine_time: str | None, listed: FeatureList, bench: Workbench
) -> list[tuple[str, tuple[str, ...]]]:
    """Temp tables with `__row` and the features of each spine row: (table, its features), in the order asked for.

    Args:
        spine: has `__row`, 0 to n - 1, the key columns of `listed` and what its on-demand features request.
    """
    joined: dict[FeatureSelection, tuple[str, Sequence[str]]] = {}
    for number, selection in enumerate(listed.reads):
        bench.progress(f"joining {selection.view.key}", number / len(listed.reads))
        target = f"joined_{number}"
        joined[selection] = target, join_features(connection, spine, spine_time, selection, bench, target)
    found: list[tuple[str, tuple[str, ...]]] = []
    for number, one in enumerate(listed.items):
        if isinstance(one, FeatureSelection):
            table, names = joined[one]
        else:
            bench.progress(f"computing {one.name}", None)
            table = f"computed_{number}"
            names = join_on_demand(connection, spine, one, joined, table)
        found.append((table, tuple(names)))
    return found
