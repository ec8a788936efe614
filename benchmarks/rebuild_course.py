"""The race over the 30 nodes: who runs which scenario from where, how long it takes, and whether it comes out right."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.measure import OURS, Timing, interleave
from benchmarks.rebuild_contestants import (
    Contestant,
    Headrace,
    Materialized,
    Place,
    RawSql,
    RawSqlOurLayout,
    RawSqlSideBySide,
    Unrecorded,
    finished,
)
from benchmarks.rebuild_peers import Dbt, Peer, SqlMesh, SqlMeshUntold
from benchmarks.rebuild_project import (
    COLD,
    NOTHING,
    RESULTS,
    ROWS,
    SOURCES,
    Node,
    Scenario,
    make_nodes,
    write_source,
)

_PEERS: tuple[type[Peer], ...] = (Dbt, SqlMesh, SqlMeshUntold)
_KEY = "customer_id"


@dataclass(frozen=True)
class Result:
    """One contestant's run of one scenario; `exact` is whether its results equal those of a full rebuild."""

    built: tuple[str, ...]
    timing: Timing
    exact: bool


Board = dict[str, dict[str, Result]]


class Course:
    """The sources, a reference that is built from nothing, and everyone who runs."""

    def __init__(self, folder: Path, rows: int = ROWS, reference: type[Contestant] = Unrecorded) -> None:
        self.folder = folder
        self.rows = rows
        self.data = folder / "data"
        self.contestants: list[Contestant] = []
        self._reference_maker = reference
        self._references: dict[object, dict[str, Place]] = {}
        for source in SOURCES:
            write_source(self.data, source, rows)

    def enter(self, quick: bool = False) -> list[str]:
        """Enter everyone; returns why who is missing is."""
        ours: list[type[Contestant]] = [Unrecorded] if quick else [Headrace, Unrecorded, Materialized]
        everyone = [*ours, RawSql, RawSqlSideBySide, RawSqlOurLayout]
        self.contestants = [make(self.folder / make.__name__, self.data) for make in everyone]
        if quick:
            self.contestants[0].name = OURS
            return []
        reasons = {make: make.install() for make in _PEERS}
        for make in (make for make, reason in reasons.items() if not reason):
            self.contestants.append(make(self.folder / make.__name__, self.data))
            self.contestants[-1].name = make.title()
        return [f"- Not here: {reason}" for reason in dict.fromkeys(reasons.values()) if reason]

    def run(self, scenarios: Sequence[Scenario], rounds: int) -> Board:
        """Everyone's results by scenario, in the order given; scenarios that edit data run last."""
        board: Board = {one.name: {} for one in scenarios}
        for scenario in sorted(scenarios, key=lambda one: one.data is not None):
            entered = [one for one in self.contestants if takes_part(one, scenario)]
            board[scenario.name] = self.race(scenario, entered, rounds)
        return board

    def race(self, scenario: Scenario, contestants: Sequence[Contestant], rounds: int = 1) -> dict[str, Result]:
        """Run a scenario from where the cold build left the project; a cold build is kept for the others.

        Everyone runs once a round; whoever is slow only in the first.
        """
        runs: dict[str, list[tuple[list[str], Timing]]] = {one.name: [] for one in contestants}
        exact: dict[str, bool] = {}
        with self._data_of(scenario):
            for number in range(rounds):
                for one in contestants:
                    if number == 0 or not isinstance(one, Peer | Materialized):
                        runs[one.name].append(self._once(one, scenario))
            wanted = self._reference(scenario)
            for one in contestants:
                with duckdb.connect() as connection:
                    exact[one.name] = all(same(connection, one.place(node), wanted[node]) for node in RESULTS)
                if scenario is COLD:
                    one.build(NOTHING)  # what is remembered only when it is looked at again
                    one.save()
        return {name: Result(tuple(made[-1][0]), _median(made), exact[name]) for name, made in runs.items()}

    def _once(self, contestant: Contestant, scenario: Scenario) -> tuple[list[str], Timing]:
        if scenario is COLD:
            contestant.forget()
        else:
            contestant.restore()
        contestant.write(nodes_of(scenario))
        if scenario.undone:
            contestant.build(scenario)
            contestant.write(make_nodes())
        return contestant.timed(scenario)

    @contextmanager
    def _data_of(self, scenario: Scenario) -> Iterator[None]:
        """The raw files as the scenario has them, and afterwards as they were."""
        if scenario.data is None:
            yield
            return
        write_source(self.data, scenario.data.source, self.rows, scenario.data)
        yield
        write_source(self.data, scenario.data.source, self.rows)

    def _reference(self, scenario: Scenario) -> dict[str, Place]:
        """The results of a full build from nothing, in a store of its own."""
        state = (None, None) if scenario.undone else (scenario.code, scenario.data)
        if state not in self._references:
            maker = self._reference_maker(self.folder / f"reference{len(self._references)}", self.data)
            maker.write(make_nodes() if scenario.undone else nodes_of(scenario))
            maker.build(scenario)
            self._references[state] = {one: maker.place(one) for one in RESULTS}
        return self._references[state]

    def floors(self, rounds: int) -> dict[str, Timing]:
        """What no command of ours can do without."""
        code = {"python starting": "pass", "python importing duckdb": "import duckdb"}
        folder = next(one.folder for one in self.contestants if isinstance(one, Headrace))
        code["python importing the project's assets"] = "import assets.wide"
        calls = {name: partial(finished, [sys.executable, "-c", text], folder) for name, text in code.items()}
        return interleave(calls, rounds=rounds, warm=False)[0]


def _median(runs: Sequence[tuple[list[str], Timing]]) -> Timing:
    walls, loads = [timing.wall for _, timing in runs], [timing.cpu for _, timing in runs]
    return Timing(statistics.median(walls), statistics.median(loads))


def takes_part(contestant: Contestant, scenario: Scenario) -> bool:
    """Raw SQL runs everything whatever changed; who is not told of a change is of interest only where data changed."""
    if isinstance(contestant, RawSql):
        return scenario is COLD
    return not isinstance(contestant, SqlMeshUntold) or scenario is COLD or scenario.data is not None


def nodes_of(scenario: Scenario) -> list[Node]:
    """The project after the scenario's edit."""
    return scenario.code.apply(make_nodes()) if scenario.code else make_nodes()


def same(connection: duckdb.DuckDBPyConnection, one: Place, other: Place) -> bool:
    """Whether two tables hold the same columns and rows, whatever their order; doubles to nine digits."""
    found, wanted = _copy(connection, "found", one), _copy(connection, "wanted", other)
    counts = connection.sql("select (select count(*) from found), (select count(*) from wanted)").fetchall()[0]
    if sorted(found) != sorted(wanted) or counts[0] != counts[1]:
        return False
    equal = " and ".join(_equal(column, kind) for column, kind in wanted.items())
    query = f"select count(*) from found join wanted on found.{_KEY} = wanted.{_KEY} where {equal}"
    return bool(connection.sql(query).fetchall()[0][0] == counts[1])


def _copy(connection: duckdb.DuckDBPyConnection, name: str, place: Place) -> dict[str, str]:
    """Take a table into the connection; returns its columns with their types."""
    table = f"'{place.path}'"
    if place.table:
        # Views in the file may name it by its own name, so two of them cannot be open side by side.
        connection.execute(f"attach '{place.path}' as {place.path.stem} (read_only)")
        table = f"{place.path.stem}.{place.table}"
    connection.execute(f"create or replace temp table {name} as select * from {table}").fetchall()
    if place.table:
        connection.execute(f"detach {place.path.stem}")
    return dict(row[:2] for row in connection.sql(f"describe {name}").fetchall())


def _equal(column: str, kind: str) -> str:
    left, right = f"found.{column}", f"wanted.{column}"
    close = f"abs({left} - {right}) <= 1e-9 * greatest(abs({left}), abs({right}), 1)"
    return f"({left} is not distinct from {right}{f' or {close}' if kind == 'DOUBLE' else ''})"
