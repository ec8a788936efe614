"""Feast beside Headrace over the same Parquet files: training rows, filling the online store, reading from it.

Two views of ten features, TTL 30 days, files in the order of time. Each side runs in processes of its own that have
imported everything, is asked through its own Python, and answers alike: training rows as an Arrow table from a frame
in memory, online values as Python has them. Peak memory is of the whole process. Headrace's versions were built before
training rows are asked for (`fill` says what building costs); `with its index` has the assets `indexes/<view>` as well.
Feast is installed into benchmarks/.venvs when first asked for. `python -m benchmarks.feature_store --full` takes
5 million feature rows and up to a million asking rows; who needs more than 20 seconds runs once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import feature_store_clauses, report
from benchmarks.feature_store_data import FEATURES, VIEWS, Data, Size, make_data
from benchmarks.feature_store_sides import (
    KNOWN,
    SQLITE,
    Feast,
    feast,
    in_order,
    lost_rows,
    online_differences,
    ours,
    raced,
    timing_of,
    unequal,
)
from benchmarks.feature_store_worker import Answer, Worker
from benchmarks.measure import OURS, Case, Timing
from benchmarks.online import redis_server

Sides = Mapping[str, Worker]
INDEXED = "Headrace with its index"
SIZES = {
    "quick": Size(6_000, 300, (500,), reads=20, repeats=1),
    "default": Size(1_000_000, 50_000, (10_000, 100_000)),
    "full": Size(5_000_000, 100_000, (10_000, 100_000, 1_000_000)),
}


def run(quick: bool = False, size: Size | None = None) -> list[Case]:
    """Without Feast, which quick runs leave alone, only what compares Headrace with itself."""
    missing = "Feast takes no part in quick runs" if quick else Feast.install()
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder) / "data", size or SIZES["quick" if quick else "default"])
        race = Race(data, Path(folder), "" if missing else Feast.title())
        filled = race.online(LOCAL)
        retrieved = [race.historical(rows) for rows in data.size.spines]
        retrieved[0] = replace(retrieved[0], compared="\n".join([f"{retrieved[0].compared}.", "", *race.clauses()]))
        if missing:
            return [replace(one, compared=f"{one.compared}. {missing}") for one in retrieved]
        return [*retrieved, *filled, *race.redis()]


@dataclass(frozen=True)
class Online:
    """Where both keep values online: names of what they use, Feast's settings for it, and a Redis server's address."""

    theirs: str
    ours: str
    settings: str
    url: str = ""

    @property
    def title(self) -> str:
        return self.ours if self.ours == self.theirs else f"{self.ours} and {self.theirs}"


LOCAL = Online("SQLite", "LMDB", SQLITE)


class Race:
    """Both sides' folders, and what they are asked in turn.

    Args:
        feast: what Feast is called; "" without it.
    """

    def __init__(self, data: Data, folder: Path, feast: str) -> None:
        self.data, self.folder, self.feast = data, folder, feast

    def clauses(self) -> list[str]:
        """What each gives for each clause of point-in-time correctness; that ours keeps all."""
        lines = [*feature_store_clauses.table(self.folder / "clauses", self.feast)]
        wrong = feature_store_clauses.wrong(lines)
        assert not wrong[OURS], f"ours does not keep: {', '.join(wrong[OURS])}"
        counts = ", ".join(f"{name} {len(lines) - 2 - len(missed)}" for name, missed in wrong.items())
        return [*lines, "", f"Clauses kept, of {len(lines) - 2}: {counts}"]

    def online(self, online: Online) -> list[Case]:
        """From the raw files to values online, from nothing; then these are read, and refilled."""
        start, end = self.data.start.isoformat(), self.data.end.isoformat()
        with self._sides(online) as sides:
            answers = {OURS: sides[OURS].ask("build")}
            if not self.feast:
                return []
            answers[self.feast] = sides[self.feast].ask("fill", start=start, end=end)
            timings = {name: timing_of(answer) for name, answer in answers.items()}
            title = f"fill {online.title}: {self.data.rows():,} rows to 2 x {self.data.size.keys:,} x 10 features"
            told = "run once; ours makes sources, views and online values, each a version that is kept"
            cases = [Case(title, timings, told + self._sizes(online)), *self.read(online, sides)]
            return [*cases, self.refill(online, sides), self.push(online, sides)]

    def read(self, online: Online, sides: Sides) -> Iterator[Case]:
        questions = {count: self.data.questions(count) for count in (1, 100)}
        asked = {name: side.ask("read", questions=[*questions.values()]).result for name, side in sides.items()}
        told = self._same_values(sides, self.data.sample())
        for number, (count, given) in enumerate(questions.items()):
            found = {name: answers[number] for name, answers in asked.items()}
            timings = {name: Timing(one["p50"], one["cpu"]) for name, one in found.items()}
            tails = ", ".join(f"{name} {one['p99'] * 1e3:.3g} ms" for name, one in found.items())
            title = f"read {count} key{'s' * (count > 1)} from {online.title}, 20 features"
            yield Case(title, timings, f"{told}; medians of {len(given):,} calls, p99 {tails}")

    def refill(self, online: Online, sides: Sides) -> Case:
        """One key in a hundred has newer rows at the end of the files, and some have late ones."""
        late = self.data.append()
        answers = {
            OURS: sides[OURS].ask("build"),
            self.feast: sides[self.feast].ask("refill", end=self.data.end.isoformat()),
        }
        seen = {name: side.ask("values", keys=[*late], names=["one_f0"]).result for name, side in sides.items()}
        counts = {name: sum(map(_is, found, late.values())) for name, found in seen.items()}
        assert counts[OURS] == len(late)
        told = "run once; Feast reads what is newer than its last fill, ours the files, since they changed"
        told += f"; of {len(late)} late rows, before the last fill's end, Feast has {counts[self.feast]}, ours all"
        return self._changed(f"refill {online.title}: newer rows in the files", answers, sides, told)

    def push(self, online: Online, sides: Sides) -> Case:
        """The same number of keys has newer rows that are not in the files."""
        paths = self.data.newer()
        for side in sides.values():
            for path in paths.values():
                side.ask("load", path=path)
        answers = {name: side.ask("push", paths=paths) for name, side in sides.items()}
        told = "run once; Feast writes online only, ours is on disk for the next build as well"
        return self._changed(f"push {online.title}: newer rows", answers, sides, told)

    def _changed(self, title: str, answers: dict[str, Answer], sides: Sides, told: str) -> Case:
        timings = {name: answer.timing for name, answer in answers.items()}
        title = f"{title}, {len(self.data.changed):,} keys of {self.data.size.keys:,}"
        return Case(title, timings, f"{told}; {self._same_values(sides, self.data.sample())}")

    def redis(self) -> list[Case]:
        """The same with one Redis server for both, where there is one to start."""
        with redis_server() as url:
            if url is None:
                return []
            address = url.removeprefix("redis://").partition("/")[0]
            settings = f'{{type: redis, connection_string: "{address}"}}'
            return self.online(Online("Redis", "Redis", settings, url))

    def _folders(self, online: Online) -> tuple[Path, Path]:
        return self.folder / f"ours_{online.ours}", self.folder / f"feast_{online.theirs}"

    @contextmanager
    def _sides(self, online: Online) -> Iterator[Sides]:
        """Our process, and Feast's where it is here."""
        mine, theirs = self._folders(online)
        data = self.data.folder
        with ExitStack() as stack:
            sides = {OURS: stack.enter_context(ours(mine, data, VIEWS, online=True, url=online.url))}
            if self.feast:
                sides[self.feast] = stack.enter_context(feast(theirs, data, VIEWS, online=online.settings))
            yield sides

    def _same_values(self, sides: Sides, keys: list[int]) -> str:
        """That both answer alike, in words."""
        told = online_differences(*(side.ask("values", keys=keys, names=FEATURES).result for side in sides.values()))
        wrong = [what for what in told if what not in KNOWN and not what.startswith("equal")]
        assert not wrong, f"Feast differs online: {told}"
        return ", ".join(f"{count:,} values {what}" for what, count in sorted(told.items()))

    def _sizes(self, online: Online) -> str:
        if online.url:
            return ""
        mine, theirs = self._folders(online)
        # Sparse files are as long as they may grow.
        found = [
            sum(one.stat().st_blocks * 512 for one in folder.rglob(name)) / 1e6
            for folder, name in ((mine, "data.mdb"), (theirs, "online.db"))
        ]
        return f"; {online.ours} has {found[0]:.1f} MB, {online.theirs} {found[1]:.1f} MB"

    def historical(self, rows: int) -> Case:
        """Training rows for `rows` asking rows."""
        spine = self.data.spine(rows)
        with ExitStack() as stack:
            workers = {name: stack.enter_context(worker) for name, worker in self._retrievers()}
            outs = {name: self.folder / f"rows_{number}.parquet" for number, name in enumerate(workers)}
            for worker in workers.values():
                worker.ask("load", path=str(spine))
            calls = {
                name: partial(worker.ask, "historical", spine=str(spine), out=str(outs[name]))
                for name, worker in workers.items()
            }
            timings, _ = raced(calls, self.data.size.repeats)
        title = f"training rows: {rows:,} ask, {self.data.rows():,} feature rows of {self.data.size.keys:,} keys"
        return Case(title, timings, self._compared(outs, rows) + _by_index(timings), variants=frozenset({INDEXED}))

    def _retrievers(self) -> Iterator[tuple[str, Worker]]:
        yield OURS, ours(self._folders(LOCAL)[0], self.data.folder, VIEWS, online=True)
        indexed = ours(self.folder / "indexed", self.data.folder, VIEWS, index=True)
        indexed.ask("build")
        indexed.__exit__(None, None, None)
        yield INDEXED, ours(self.folder / "indexed", self.data.folder, VIEWS, index=True)
        if self.feast:
            for store, name in (("duckdb", "DuckDB"), ("dask", "dask")):
                yield f"{self.feast}, {name} store", feast(self.folder / store, self.data.folder, VIEWS, store)

    def _compared(self, outs: dict[str, Path], rows: int) -> str:
        """That all answers are equal, but for the rows that Feast's dask store loses."""
        expected = in_order(outs[OURS], FEATURES)
        assert expected.height == rows
        assert 0 < expected["one_f0"].null_count() < rows
        told = [f"{rows:,} rows of 20 features"]
        for name, out in outs.items():
            found = in_order(out, FEATURES)
            lost = lost_rows(expected, found)
            kept = expected.join(found, on="row", how="semi", maintain_order="left")
            assert not (wrong := unequal(kept, found)), f"{name} gives other {wrong}"
            told.append(f"{name} equal in every value{self._explained(lost, rows)}")
        return "; ".join(told)

    def _explained(self, lost: pl.DataFrame, rows: int) -> str:
        """In words, that what was lost are the rows of a known key for which a view has no value."""
        if lost.is_empty():
            return ""
        spine = pl.read_parquet(self.data.spine(rows))
        keys = lost.join(spine, on="row", how="left")["key"]
        empty = lost.select(pl.any_horizontal(pl.col(names[0]).is_null() for names in VIEWS.values()))
        assert (keys < self.data.size.keys).all()
        assert empty.to_series().all()
        share = f"{lost.height:,} ({lost.height / rows:.1%})"
        return f" but for {share} that it lost, all of known keys for which a view's values lie ahead or have expired"


def _is(found: Mapping[str, Any], value: float) -> bool:
    return bool(found["values"] == [value])


def _by_index(timings: Mapping[str, Timing]) -> str:
    """In words, what Feast needs beside the index."""
    index = timings[INDEXED]
    rivals = [(name, timing) for name, timing in timings.items() if name not in (OURS, INDEXED)]
    told = [
        f"{name} {one.wall / index.wall:.3g}x the time and {one.cpu / index.cpu:.3g}x the CPU" for name, one in rivals
    ]
    return f"; beside the index: {', '.join(told)}" if told else ""


def main() -> None:
    size = SIZES[next((name for name in SIZES if f"--{name}" in sys.argv), "default")]
    print(report.page({"feature_store": run(size=size)}, {"feature_store": str(__doc__).strip()}))


if __name__ == "__main__":
    main()
