"""The Parquet files that both sides read, and the rows that ask."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

VIEWS = {view: [f"{view}_f{number}" for number in range(10)] for view in ("one", "two")}
FEATURES = [name for names in VIEWS.values() for name in names]
DAYS = 90
_DAY = 86_400_000_000
# Of every hundred keys the first stops long ago, so that its values have expired today.
_STOPPED, _STOP = 100, 0.5


@dataclass(frozen=True)
class Size:
    """How much there is of everything.

    Attributes:
        rows: feature rows of both views together, half of them in each.
        spines: how many rows ask.
        reads: how often one key is asked for; a hundred at a time a tenth as often.
        repeats: runs of everyone; medians are told.
    """

    rows: int
    keys: int
    spines: tuple[int, ...]
    reads: int = 1_000
    repeats: int = 3


@dataclass
class Data:
    """Files in a folder, and the moment at which they end: today, or every value would have expired online."""

    folder: Path
    size: Size
    end: datetime

    def __post_init__(self) -> None:
        self.start = self.end - timedelta(days=DAYS)
        self._dice = np.random.default_rng(3)
        self.changed = list(range(1, self.size.keys, 100))
        stopped = list(range(0, self.size.keys, _STOPPED))
        kept = -max(len(stopped) // 10, 1)
        self.late, self._stopped = stopped[kept:], stopped[:kept]

    def rows(self) -> int:
        """How many there are, of both views."""
        return sum(pq.read_metadata(self.folder / f"{view}.parquet").num_rows for view in VIEWS)

    def spine(self, rows: int) -> Path:
        """Rows that ask, of known and of unknown keys, from before the first feature row to long after the last."""
        dice = np.random.default_rng(2)
        path = self.folder / f"spine_{rows}.parquet"
        at = dice.integers(-5 * _DAY, (DAYS + 40) * _DAY, rows)
        keys = dice.integers(0, self.size.keys + max(self.size.keys // 100, 1), rows)
        frame = pl.DataFrame({"row": np.arange(rows), "key": keys, "event_timestamp": _moments(self.start, at)})
        frame.write_parquet(path)
        return path

    def write(self) -> None:
        """Both views, in the order of time."""
        for number, view in enumerate(VIEWS):
            feature_rows(self, view, seed=number).write_parquet(self.folder / f"{view}.parquet")

    def append(self) -> dict[int, float]:
        """More rows at the files' end: newer ones of every hundredth key, and late ones of a few others.

        Those happened shortly before the files' end and are the latest of their keys. Returns the keys of late rows,
        each with the value of `one_f0`.
        """
        late = {view: self._newer(view, self.late, self.end - timedelta(minutes=20)) for view in VIEWS}
        for view, path in self.newer().items():
            whole = self.folder / f"{view}.parquet"
            pl.concat([pl.read_parquet(whole), pl.read_parquet(path), late[view]]).write_parquet(whole)
        return dict(late["one"].select("key", "one_f0").rows())

    def newer(self) -> dict[str, str]:
        """Newer rows of every hundredth key, in a file for each view."""
        paths = {view: self.folder / f"newer_{view}.parquet" for view in VIEWS}
        for view, path in paths.items():
            self._newer(view, self.changed, self.end).write_parquet(path)
        self.end += timedelta(minutes=20)
        return {view: str(path) for view, path in paths.items()}

    def _newer(self, view: str, keys: list[int], start: datetime) -> pl.DataFrame:
        """A row of each key in the twenty minutes from `start`."""
        at = _moments(start, np.sort(self._dice.integers(1, 20 * 60_000_000, len(keys))))
        return pl.DataFrame({"key": keys, "at": at, **_values(self._dice, view, len(keys))})

    def questions(self, count: int) -> list[list[int]]:
        """Keys to read, as many as `count` at a time; a few of them unknown."""
        dice = random.Random(3)
        times = self.size.reads if count == 1 else max(self.size.reads // 10, 2)
        return [[dice.randrange(self.size.keys + self.size.keys // 100) for _ in range(count)] for _ in range(times)]

    def sample(self) -> list[int]:
        """Keys whose values are compared: some that everyone asks, some that change, some that stopped long ago."""
        return [
            *self.changed[:100],
            *self.questions(100)[0],
            *self.questions(100)[1],
            *self._stopped[:100],
        ]


def make_data(folder: Path, size: Size) -> Data:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    folder.mkdir(parents=True)
    data = Data(folder, size, end)
    data.write()
    return data


def feature_rows(data: Data, view: str, seed: int) -> pl.DataFrame:
    """As many rows for each key, one at a random moment in each of as many equal parts of the time."""
    dice = np.random.default_rng(seed)
    keys = data.size.keys
    depth = data.size.rows // 2 // keys
    part = DAYS * _DAY // depth
    times = np.tile(np.arange(depth) * part, keys) + dice.integers(0, part, depth * keys)
    key = np.repeat(np.arange(keys), depth)
    stopped = (key % _STOPPED == 0) & (times > _STOP * DAYS * _DAY)
    columns = _values(dice, view, depth * keys)
    frame = pl.DataFrame({"key": key, "at": _moments(data.start, times), **columns})
    return frame.filter(pl.Series(~stopped)).sort("at", "key")


def _values(dice: np.random.Generator, view: str, rows: int) -> dict[str, np.ndarray]:
    return {name: dice.normal(size=rows) for name in VIEWS[view]}


def _moments(start: datetime, microseconds: np.ndarray) -> pl.Series:
    first = np.datetime64(start.replace(tzinfo=None), "us")
    return pl.Series(first + microseconds).dt.replace_time_zone("UTC")
