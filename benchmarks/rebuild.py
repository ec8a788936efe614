"""What is run again after an edit: 30 nodes of SQL over five sources, ours beside SQLMesh's, dbt's and raw SQL's.

The project and the count of nodes that each edit needs are in `rebuild_project`. Every run is a whole process, started
from the project as it was after the cold build; what comes out is compared with a full rebuild from nothing in another
store, value by value (doubles to nine digits). Headrace and raw SQL: medians of three; the peers: once.
`python -m benchmarks.rebuild` prints the table of nodes alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import rebuild_scale
from benchmarks.measure import OURS, ROUNDS, Case, Timing
from benchmarks.rebuild_contestants import Materialized, RawSqlHere, RawSqlOurLayout, RawSqlSideBySide, Unrecorded
from benchmarks.rebuild_course import Board, Course, Result
from benchmarks.rebuild_project import COLD, NOTHING, SCENARIOS

QUICK_ROWS = 1_000
_QUICK = (COLD, NOTHING)
# Of the same build, to say what recording costs and that a run of Dagster's decides alike; rivals to nobody.
_ALSO_OURS = (Unrecorded.name, Materialized.name)


def run(quick: bool = False) -> list[Case]:
    board, floors, missing = _race(quick)
    cases = [_case(name, board, floors) for name in board]
    said = [f"{cases[0].compared}.", "", *table(board), "", *missing, *_cold_ratios(board)]
    cases[0] = replace(cases[0], compared="\n".join(said))
    return [*cases, *rebuild_scale.run(quick)]


def _race(quick: bool) -> tuple[Board, dict[str, Timing], list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        course = Course(Path(folder), QUICK_ROWS, RawSqlHere) if quick else Course(Path(folder))
        missing = course.enter(quick)
        board = course.run(_QUICK if quick else SCENARIOS, rounds=1 if quick else ROUNDS)
        return board, course.floors(1 if quick else ROUNDS), missing


def table(board: Board) -> Iterator[str]:
    """Nodes run (seconds) by contestant and scenario, as Markdown."""
    ideals = {one.name: one.ideal for one in SCENARIOS}
    yield f"| nodes run (seconds) | {' | '.join(board)} |"
    yield f"|---|{'---|' * len(board)}"
    for contestant in dict.fromkeys(name for found in board.values() for name in found):
        yield f"| {contestant} | {' | '.join(_cell(found.get(contestant)) for found in board.values())} |"
    yield f"| **must run** | {' | '.join(str(ideals[name]) for name in board)} |"


def _cell(result: Result | None) -> str:
    if result is None:
        return ""
    return f"{len(result.built)} ({result.timing.wall:.2f}){'' if result.exact else ' **wrong result**'}"


def _cold_ratios(board: Board) -> Iterator[str]:
    cold = board[COLD.name]
    for ours in (OURS, Unrecorded.name):
        for limit in (RawSqlSideBySide.name, RawSqlOurLayout.name):
            if ours in cold and limit in cold:
                one, other = cold[ours].timing, cold[limit].timing
                ratios = f"{one.wall / other.wall:.2f} times the wall time, {one.cpu / other.cpu:.2f} times the CPU"
                yield f"- Cold, {ours}: {ratios} of {limit}"


def _case(name: str, board: Board, floors: Mapping[str, Timing]) -> Case:
    """One scenario. Who got it wrong, or is ours once more, is in the text and not in the race."""
    found = board[name]
    ideal = next(one.ideal for one in SCENARIOS if one.name == name)
    raw = {one for one in found if one.startswith("raw SQL")}
    wrong = [one for one, result in found.items() if not result.exact]
    racing = {one: result.timing for one, result in found.items() if one not in (OURS, *_ALSO_OURS, *wrong)}
    limits = {} if raw else floors
    counts = ", ".join(f"{one} {len(result.built)}" for one, result in found.items())
    equal = f"all but {', '.join(wrong)}" if wrong else "all"
    said = f"nodes run: {counts}; {ideal} must. Equal to a full rebuild from nothing: {equal}"
    timings = {OURS: found[OURS].timing, **racing, **limits}
    return Case(f"30 nodes, {name}", timings, said, frozenset({*raw, *limits}))


def main() -> None:
    board, _, missing = _race("--quick" in sys.argv)
    print("\n".join([*table(board), "", *missing, *_cold_ratios(board)]))


if __name__ == "__main__":
    main()
