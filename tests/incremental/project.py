"""A generated project: a small model of tables, views and models, and the folder that is written from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.incremental.tables import Table, draw_table, write_files
from tests.incremental.templates import DECLARED, POLARS, SQL
from tests.incremental.views import AllBut, Reads, Relation, View, draw_view

PACKAGE = "generated"
CONSTANTS = {"RATE": 3, "FACTOR": 2, "SHIFT": 1, "TIMES": 4, "DEFAULT": 5, "UNUSED": 0}
HELPERS = '''"""What views share. {note}"""

import polars as pl

FACTOR = {FACTOR}
UNUSED = {UNUSED}


class Shift:
    amount = {SHIFT}


def scaled(frame, column, name):
    """Scale a column. {note}"""
    return frame.with_columns((pl.col(column) * FACTOR + Shift.amount).alias(name))


def make(times):
    def inner(column):
        return pl.col(column) * times

    return inner


def unused(column):
    return pl.col(column) * UNUSED
'''
HEAD = '''"""Every declaration."""

import headrace as hr
import polars as pl

from . import helpers

RATE = {RATE}
times = helpers.make({TIMES})


def shifted(column, by={DEFAULT}):
    return pl.col(column) + by


entity = hr.Entity("entity", keys=["k"])
'''


@dataclass(frozen=True)
class Learning:
    """A training set over the first table, a transform, a matrix, and with an `alpha` a cascade of two stages."""

    features: Mapping[str, tuple[str, ...]]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    split: str = 'TimeSplit(test="5d")'
    missing_flag: bool = False
    alpha: float | None = None


@dataclass(frozen=True)
class Asset:
    """What decides an asset: its own declaration and code, files, and the columns of others that it reads."""

    key: str
    identity: str
    reads: Mapping[str, Reads] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """The whole project; `note` is a comment, `constants` the numbers in its Python."""

    tables: Mapping[str, Table]
    views: tuple[View, ...]
    constants: Mapping[str, int]
    learning: Learning | None = None
    note: int = 0

    def relations(self) -> dict[str, Relation]:
        """Tables and views by name."""
        found = {
            name: Relation(name, f"sources/{name}", table.kinds, table.timestamp, table.created, bool(table.keys))
            for name, table in self.tables.items()
        }
        for view in self.views:
            found[view.name] = view.relation([found[name] for name in view.inputs])
        return found

    def write(self, root: Path) -> None:
        """Make the folder `root` this project."""
        root.mkdir(exist_ok=True)
        package = {"__init__.py": "", "helpers.py": self._helpers(), "views.py": self.code}
        write_files(root / PACKAGE, {name: text.encode() for name, text in package.items()})
        data = [table.files() for table in self.tables.values()]
        write_files(root / "data", {name: content for files in data for name, content in files.items()})
        (root / "pyproject.toml").write_text(f'[tool.headrace]\nassets = "{PACKAGE}"\n')

    def _helpers(self) -> str:
        return HELPERS.format(note=f"Note {self.note}.", **self.constants)

    @property
    def code(self) -> str:
        """Its declarations in Python."""
        relations = self.relations()
        parts = [HEAD.format(**self.constants), *(_source(table) for table in self.tables.values())]
        parts += [view.code([relations[name] for name in view.inputs]) for view in self.views]
        parts += [_learning(self)] if self.learning else []
        return "\n\n".join(parts)

    def assets(self) -> dict[str, Asset]:
        """Every asset by key, upstream first."""
        relations = self.relations()
        found = [_source_asset(table) for table in self.tables.values()]
        for view in self.views:
            inputs = [relations[name] for name in view.inputs]
            plain = replace(view, style=0).code(inputs)
            values = [f"{name}={self.constants[name]}" for name in view.shape.constants]
            found.append(Asset(view.key, "\n".join([plain, *values]), view.reads(inputs)))
        found += _learning_assets(self, relations) if self.learning else []
        return {one.key: one for one in found}


def _source(table: Table) -> str:
    times = f', timestamp="{table.timestamp}"' if table.timestamp else ""
    times += f', created="{table.created}"' if table.created else ""
    path = f"{table.name}/*.{table.format}"
    return f'{table.name} = hr.Source("{table.name}", path="{path}", keys=[{_quoted(table.keys)}]{times})\n'


def _source_asset(table: Table) -> Asset:
    return Asset(f"sources/{table.name}", f"{_source(table)} {sorted(table.files().items())}")


def _learning(model: Model) -> str:
    learning, spine = model.learning, next(iter(model.tables))
    assert learning is not None
    features = ", ".join(f"{view}[{_quoted(names)}]" for view, names in learning.features.items())
    text = f"""rows = hr.TrainingSet(
    "rows", spine={spine}, label=["{spine}_y", "{spine}_z"], keep=["{spine}_a", "{spine}_c"], features=[{features}],
    split=hr.{learning.split},
)
encoding = hr.Transform("encoding", fit_on=rows, encode={{{_blocks(learning)}}})
matrix = hr.Matrix("matrix", rows=rows, transform=encoding)
"""
    return text if learning.alpha is None else _IMPORTS + text + _cascade(spine, learning.alpha)


_IMPORTS = """from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler


"""


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _blocks(learning: Learning) -> str:
    numbers = f'"numbers": hr.Standardize({_quoted(learning.numbers)}, missing_flag={learning.missing_flag})'
    return f'{numbers}, "texts": hr.OneHot({_quoted(learning.texts)})'


def _cascade(spine: str, alpha: float) -> str:
    return f"""model = hr.Cascade("model", folds=2, stages=[
    hr.Stage("first", matrix=matrix, target="{spine}_y", estimator=make_pipeline(MinMaxScaler(), Ridge(alpha=0.5))),
    hr.Stage("second", matrix=matrix, target="{spine}_z", inputs=["first"],
             estimator=make_pipeline(MinMaxScaler(), Ridge(alpha={alpha}))),
])
"""


def _learning_assets(model: Model, relations: Mapping[str, Relation]) -> list[Asset]:
    learning, spine = model.learning, next(iter(model.tables.values()))
    assert learning is not None
    rows, encoding, matrix = "training_sets/rows", "transforms/encoding", "matrices/matrix"
    encoded = (*learning.numbers, *learning.texts)
    blocks = _blocks(learning)
    carried = (*spine.keys, "k", str(spine.timestamp), *(f"{spine.name}_{one}" for one in "acyz"))
    found = [
        _rows_asset(model, learning, relations, carried),
        Asset(encoding, blocks, {rows: (*encoded, "split")}),
        Asset(matrix, blocks, {rows: tuple(dict.fromkeys((*carried, "split", *encoded))), encoding: AllBut()}),
    ]
    if learning.alpha is None:
        return found
    whole = {one: AllBut() for one in (rows, encoding, matrix)}
    first, second = "cascades/model/first", "cascades/model/second"
    return [
        *found,
        Asset(first, "", {matrix: AllBut()}),
        Asset(second, f"{learning.alpha}", {**whole, first: AllBut()}),
        Asset("cascades/model", f"{learning.alpha}", {**whole, first: AllBut(), second: AllBut()}),
    ]


def _rows_asset(model: Model, learning: Learning, relations: Mapping[str, Relation], carried: tuple[str, ...]) -> Asset:
    """The training set; of a windowed view it reads the events, whose columns are those of the view's own source."""
    views = {view.name: view for view in model.views}
    reads: dict[str, list[str]] = {f"sources/{next(iter(model.tables))}": [*carried]}
    identity = [learning.split]
    for name, features in learning.features.items():
        view = views[name]
        identity.append(f"{name} {features}")
        if view.shape.language == "windows":
            source = relations[view.inputs[0]]
            reads.setdefault(source.key, []).extend(view.window_reads(source, features))
            identity.append(view.reading(features))
        else:
            reads.setdefault(view.key, []).extend(("k", *relations[name].times, *features))
    return Asset(
        "training_sets/rows", "\n".join(identity), {key: tuple(sorted(set(one))) for key, one in reads.items()}
    )


def draw_model(rng: Random) -> Model:
    """A small project: two or three tables, three to seven views, often a training set, seldom a cascade."""
    tables = {name: draw_table(rng, name, spine=name == "t0") for name in ("t0", "t1", "t2")[: rng.randint(2, 3)]}
    model = Model(tables, (), dict(CONSTANTS))
    for number in range(rng.randint(3, 7)):
        view = draw_any_view(rng, model, f"v{number}")
        model = replace(model, views=(*model.views, *filter(None, [view])))
    return replace(model, learning=_draw_learning(rng, model)) if rng.random() < 0.6 else model


def draw_any_view(rng: Random, model: Model, name: str) -> View | None:
    """A view over anything there is, of a shape that fits; None when chance finds none."""
    relations = list(model.relations().values())
    for _ in range(10):
        shapes = rng.choice([SQL, SQL, POLARS, DECLARED])
        view = draw_view(rng, name, rng.choice(sorted(shapes)), relations)
        if view is not None:
            return view
    return None


def _draw_learning(rng: Random, model: Model) -> Learning:
    relations = model.relations()
    kinds = {"t0_a": "int", "t0_c": "text"}
    features: dict[str, tuple[str, ...]] = {}
    for view in rng.sample(model.views, min(len(model.views), 3)):
        own = {name: kind for name, kind in relations[view.name].kinds.items() if name.startswith(f"{view.name}_")}
        own.pop(f"{view.name}_at", None)
        if own:
            chosen = rng.sample(sorted(own), rng.randint(1, len(own)))
            features[view.name] = tuple(chosen)
            kinds |= {name: own[name] for name in chosen}
    numbers = [name for name, kind in kinds.items() if kind in ("int", "double")]
    texts = [name for name, kind in kinds.items() if kind == "text"]
    alpha = 1.0 if rng.random() < 0.4 else None
    return Learning(features, tuple(numbers), tuple(texts), missing_flag=rng.random() < 0.5, alpha=alpha)
