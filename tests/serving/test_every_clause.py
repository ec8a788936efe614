"""Every clause of point-in-time reading and online ordering: by each plan, in a training set, in the online store.

The expected values are written by hand, in `clauses` and below. One project is built for all clauses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import project_from
from headrace.engine import feature_readers
from headrace.errors import DeclarationError, OnlineError, UnknownName, ValidationError
from tests.serving.clauses import CLAUSES, LATEST, SHAPES, WINDOWED, WINDOWS, at, frame, noted

READINGS = ["search", "sql", "index", "training", "online"]


class Project:
    """All clauses, declared, built, and read once in each way.

    Each view has an index and an online view; a twin of it, declared without index, is read by other plans.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "data").mkdir()
        (root / "pyproject.toml").write_text("[tool.headrace]\n")
        self.views: dict[str, tuple[hr.FeatureView, hr.FeatureView]] = {}
        self.asks: dict[str, pl.DataFrame] = {}
        self.found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.declared: list[hr.TrainingSet] = []
        clause = hr.Entity("clause", keys=["clause"])
        tables = self.tables("clauses", *rows_of(CLAUSES | WINDOWS))
        for name, options in (LATEST | WINDOWED).items():
            self.add(name, clause, tables, {"features": ["value", "note"], "timestamp": "at", **options})
        for number, (name, shape) in enumerate(SHAPES.items()):
            entity = hr.Entity(f"entity_{number}", keys=shape.keys) if shape.keys else None
            tables = self.tables(f"shape_{number}", shape.rows, shape.asks.with_row_index("number"))
            self.add(name, entity, tables, {"features": list(shape.features), **shape.options}, shape.online)
        self.project = project_from(self.declared, root)
        report = build(self.project)
        assert report.failed == {}
        assert report.notes == []  # the online store was compared with point-in-time values
        self.store = hr.FeatureStore(root)

    def tables(self, title: str, rows: pl.DataFrame, asks: pl.DataFrame) -> tuple[hr.Source, hr.Source, pl.DataFrame]:
        rows.write_parquet(self.root / "data" / f"{title}.parquet")
        asks.with_columns(y=1).write_parquet(self.root / "data" / f"{title}_asks.parquet")
        source = hr.Source(title, path=f"{title}.parquet", allow_empty=True)
        spine = hr.Source(f"{title}_asks", path=f"{title}_asks.parquet", timestamp="at", allow_empty=True)
        return source, spine, asks

    def add(self, name: str, entity: Any, tables: Any, options: dict[str, Any], online: bool = True) -> None:
        source, spine, self.asks[name] = tables
        declared = {"entity": entity, "source": source, "online": online, **options}
        title = f"view_{len(self.views)}"
        indexed = hr.FeatureView(title, index=True, **declared)
        self.views[name] = hr.FeatureView(title, **declared), indexed
        self.declared.append(
            hr.TrainingSet(f"rows_{title}", spine=spine, label="y", keep=["number"], features=[indexed])
        )

    def read(self, name: str, reading: str) -> list[dict[str, Any]]:
        """The features of each ask of a view, in the order of the asks."""
        if (name, reading) not in self.found:
            self.found[name, reading] = self._read(name, reading)
        return self.found[name, reading]

    def _read(self, name: str, reading: str) -> list[dict[str, Any]]:
        (plain, indexed), asks = self.views[name], self.asks[name]
        if reading == "online":
            keys = asks.select(plain.keys).to_dicts() if plain.keys else [{}] * asks.height
            return [self.store.online([plain], [one], at=ask)[0] for one, ask in zip(keys, asks["at"], strict=True)]
        if reading == "training":
            key = f"training_sets/rows_{plain.name}"
            version = self.project.store.current(key, "dev").version
            found = pl.read_parquet(self.project.store.folder(key, version) / "data.parquet").sort("number")
            assert found["number"].to_list() == list(range(asks.height))
            return found.to_dicts()
        found = self.store.historical([indexed if reading == "index" else plain], asks, timestamp="at").pl()
        assert found.select(asks.columns).equals(asks)
        return found.to_dicts()


def rows_of(clauses: dict[str, tuple[str, list[tuple[Any, ...]], dict[str, Any]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of all clauses, and the moments at which these ask."""
    rows = []
    for clause, (_, given, _) in clauses.items():
        for moment, *created, value in given:
            pair = value if isinstance(value, tuple) else noted(value)
            rows.append((clause, moment, *(created or [None]), *pair))
    asks = [(clause, moment, view) for clause, (view, _, seen) in clauses.items() for moment in seen]
    asking = frame("clause at extra", *asks).with_row_index("number")
    return frame("clause at created value note", *rows), asking


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("clauses"))


@pytest.fixture(params=READINGS)
def reading(request, monkeypatch):
    if request.param == "sql":
        monkeypatch.setattr(feature_readers, "choose_plan", lambda *_, **__: "sql")
    return request.param


def seen_by(project, name, reading, clause):
    asking = project.asks[name]["clause"]
    return [row for row, one in zip(project.read(name, reading), asking, strict=True) if one == clause]


@pytest.mark.parametrize("clause", CLAUSES)
def test_latest_row(project, reading, clause):
    view, _, expected = CLAUSES[clause]
    found = [(row["value"], row["note"]) for row in seen_by(project, view, reading, clause)]
    wanted = [one if isinstance(one, tuple) else noted(one) for one in expected.values()]
    assert dict(zip(expected, found, strict=True)) == dict(zip(expected, wanted, strict=True))


@pytest.mark.parametrize("clause", WINDOWS)
def test_window(project, reading, clause):
    view, _, expected = WINDOWS[clause]
    found = seen_by(project, view, reading, clause)
    for (moment, wanted), row in zip(expected.items(), found, strict=True):
        assert {name: row[name] for name in wanted} == wanted, moment


@pytest.mark.parametrize("clause", SHAPES)
def test_types_and_keys(project, reading, clause):
    shape = SHAPES[clause]
    if reading == "online" and not shape.online:
        pytest.skip("an online store keeps what holds from its fill on")
    found = project.read(clause, reading)
    wanted = [one if isinstance(one, tuple) else (one,) for one in shape.seen]
    assert [tuple(row[name] for name in shape.features) for row in found] == wanted


def seen(project, view, clause, moment, **options):
    asks = frame("clause at", (clause, moment))
    return project.store.historical([view], asks, timestamp="at", **options).pl().to_dicts()[0]


@pytest.mark.parametrize("number", [0, 1], ids=["search", "index"])
def test_options_of_knowledge(project, number):
    known, hidden = project.views["known"][number], project.views["hidden"][number]
    clause = "a hidden row leaves the older one"
    assert seen(project, known, clause, "11:00")["value"] == 1
    assert seen(project, known, clause, "11:00", known_only=False)["value"] == 2
    assert seen(project, known, clause, "13:00", as_of=at("12:00"))["value"] == 2
    assert seen(project, known, clause, "13:00", as_of="2099-03-10T11:59:59.999999")["value"] == 1
    assert seen(project, known, clause, "13:00", as_of=at("12:00").date())["value"] is None
    clause = "an event counts once it is known"
    assert seen(project, hidden, clause, "10:30", known_only=False)["n"] == 4
    assert seen(project, hidden, clause, "11:00", as_of="2099-03-10T10:30")["n"] == 1


def test_rows_that_ask_stay_as_they_are(project):
    """Unsorted, repeated, with columns of any type and names that the joins use themselves."""
    asks = frame("extra at clause", ("b", "13:00", "rows in any order"), (None, "10:30", "rows in any order"))
    asks = pl.concat([asks, asks.reverse(), asks.head(1)]).with_columns(
        __row=3, __at=pl.lit([None]), z=pl.struct("extra")
    )
    for view in project.views["plain"]:
        found = project.store.historical([view], asks, timestamp="at").pl()
        assert found.drop("value", "note").equals(asks)
        assert found["value"].to_list() == [2, 1, 1, 2, 2]


def test_types_do_not_depend_on_whether_there_are_rows(project, reading):
    if reading in ("online", "training"):
        pytest.skip("of a build")
    (plain, indexed), asks = project.views["hour"], project.asks["hour"]
    view = indexed if reading == "index" else plain
    full = project.store.historical([view], asks, timestamp="at").pl()
    empty = project.store.historical([view], asks.head(0), timestamp="at").pl()
    untyped = project.store.historical([view], {"clause": [], "at": []}, timestamp="at").pl()
    assert empty.schema == full.schema
    assert empty.height == 0
    assert [untyped.schema[name] for name in view.feature_names()] == [full.schema[one] for one in view.feature_names()]


def versions(project, asset):
    return dict(project.project.store.current(asset, "dev").columns)


def test_an_empty_training_set_has_its_columns(project):
    titles = {name: view.name for name, (view, _) in project.views.items()}
    empty = versions(project, f"training_sets/rows_{titles['no one asks']}")
    assert empty == {
        **{"k": "VARCHAR", "at": "TIMESTAMP", "number": "UINTEGER", "y": "INTEGER", "value": "BIGINT"},
        "split": "VARCHAR",
    }
    assert empty == versions(project, f"training_sets/rows_{titles['no rows at all']}")


def test_one_view_under_two_keys(project):
    asks = frame("origin clause at", ("exact duplicates", "rows in any order", "11:00"), (None, "never seen", "11:00"))
    for view in project.views["plain"]:
        listed = [view["value"].on({"clause": "origin"}, prefix="from_"), view["value"].on({}, prefix="to_"), view]
        found = project.store.historical(listed, asks, timestamp="at").pl()
        assert found.columns == ["origin", "clause", "at", "from_value", "to_value", "value", "note"]
        assert found.select("from_value", "to_value", "value").rows() == [(1, 3, 3), (None, None, None)]


def test_equal_names_are_refused_when_planned_unless_they_are_full(project):
    (one, _), (other, _) = project.views["plain"], project.views["known"]
    asks = frame("clause at", ("exact duplicates", "11:00"))
    spine = hr.Source("spine", path="spine.parquet", timestamp="at", keys=["VALUE"])
    for features, given in (([one, other], asks), ([one], asks.with_columns(Value=1))):
        with pytest.raises(DeclarationError, match="'value' comes from"):
            project.store.historical(features, given, timestamp="at")
    for features, keep in (([one, other], []), ([one], ["value"]), ([one], [])):
        with pytest.raises(DeclarationError, match="'value' comes from"):
            hr.TrainingSet("refused", spine=spine, label="y", features=features, keep=keep)
    found = project.store.historical([one, other], asks.with_columns(value=1), timestamp="at", full_names=True).pl()
    assert found.columns[2:] == [
        "value",
        *(f"{view.name}__{name}" for view in (one, other) for name in ("value", "note")),
    ]
    training = hr.TrainingSet("full", spine=spine, label="y", features=[one, other], full_names=True)
    assert f"{other.name}__value" in training.columns()


NOW = frame("clause at", ("exact duplicates", "11:00"))


@pytest.mark.parametrize(
    ("asks", "timestamp", "error", "message"),
    [
        (NOW.drop("clause"), "at", UnknownName, "unknown spine column 'clause'. Known: at"),
        (NOW, None, DeclarationError, "spine has no time. Say timestamp="),
        (NOW, "att", UnknownName, "unknown spine column 'att'. Did you mean 'at'"),
        (NOW.cast({"at": pl.String}), "at", ValidationError, "at: is VARCHAR, no time"),
        (NOW.with_columns(clause=1), "at", ValidationError, "clause: is INTEGER, but 'clause' of .* is VARCHAR"),
    ],
)
def test_what_cannot_ask_is_told_why(project, asks, timestamp, error, message):
    with pytest.raises(error, match=message):
        project.store.historical([project.views["plain"][0]], asks, timestamp=timestamp).pl()


# Online ordering. clause: what the first file has, what is pushed, what a late file has, what the first file has
# besides when it is written again; rows are (id, at, created, value). Then the latest value, count and sum of events.
ORDERS: dict[str, tuple[Any, ...]] = {
    "a late row after an incremental fill": ([(1, "10:00", "10:00", 1)], [], [(2, "09:00", "15:00", 2)], [], (1, 2, 3)),
    "an entity that comes late": ([], [], [(3, "09:00", "15:00", 2)], [], (2, 1, 2)),
    "an older range filled again": ([(4, "10:00", "10:00", 1)], [], [], [(5, "08:00", "08:00", 5)], (1, 2, 6)),
    "a stale push": ([(6, "10:00", "10:00", 1)], [(7, "09:00", "16:00", 9)], [], [], (1, 2, 10)),
    "unordered rows in a batch": (
        [],
        [(8, "13:00", "13:00", 3), (9, "11:00", "11:00", 1), (10, "12:00", "12:00", 2)],
        [],
        [],
        (3, 3, 6),
    ),
    "a correction with an equal timestamp": (
        [(11, "10:00", "10:00", 9)],
        [(11, "10:00", "11:00", 1)],
        [],
        [],
        (1, 1, 1),
    ),
    "corrections, newest first": (
        [(12, "10:00", "10:00", 9)],
        [(12, "10:00", "12:00", 1), (12, "10:00", "11:00", 5)],
        [],
        [],
        (1, 1, 1),
    ),
    "a stale correction": ([(13, "10:00", "12:00", 1)], [(13, "10:00", "11:00", 9)], [], [], (1, 1, 1)),
    "an equal timestamp of another row": ([(14, "10:00", "10:00", 9)], [(15, "10:00", "11:00", 1)], [], [], (1, 2, 10)),
    "a null created loses": ([(16, "10:00", "10:00", 1)], [(17, "10:00", None, 9)], [], [], (1, 2, 10)),
    "a correction to null": ([(18, "10:00", "10:00", 9)], [(18, "10:00", "11:00", None)], [], [], (None, 1, None)),
    "a late file under a push": (
        [(19, "10:00", "10:00", 1)],
        [(20, "14:00", "14:00", 2)],
        [(21, "12:00", "17:00", 3)],
        [],
        (2, 3, 6),
    ),
    "pushed twice": ([], [(22, "10:00", "10:00", 4), (22, "10:00", "10:00", 4)], [], [], (4, 1, 4)),
    "never seen": ([], [], [], [], (None, 0, None)),
}
FIRST, PUSHED, LATE, AGAIN = range(4)


def past(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("at", "created").dt.offset_by("-75y"))


def ordered(*parts: int) -> pl.DataFrame:
    rows = [(clause, *row) for clause, one in ORDERS.items() for part in parts for row in one[part]]
    return past(frame("clause id at created value", *rows, id=pl.Int64))


class Filled:
    """A project with online views, to which rows come in some order."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "data").mkdir()
        (root / "pyproject.toml").write_text("[tool.headrace]\n")
        source = hr.Source("rows", path="*.parquet", keys=["id"], timestamp="at", created="created", push=True)
        declared = {"entity": hr.Entity("clause", keys=["clause"]), "source": source, "online": True}
        counted = {"n": hr.Aggregate("count", over="24h"), "total": hr.Aggregate("sum", "value", over="24h")}
        self.latest = hr.FeatureView("latest", features=["value"], **declared)
        self.ttl = hr.FeatureView("ttl", features=["value"], ttl="6h", **declared)
        self.steps = hr.FeatureView("steps", features=["value"], every="7h", **declared)
        self.counts = hr.FeatureView("counts", features=counted, created="created", **declared)
        self.store = hr.FeatureStore(root)
        self.file("first", FIRST)
        self.build()

    def file(self, name: str, *parts: int) -> None:
        ordered(*parts).write_parquet(self.root / "data" / f"{name}.parquet")

    def build(self) -> None:
        report = build(project_from([self.latest, self.ttl, self.steps, self.counts], self.root))
        assert report.failed == {}
        assert report.notes == []  # the replay check

    def come(self, what: str) -> None:
        if what == "build":
            self.build()
        elif what == "push":
            self.store.push(self.latest, ordered(PUSHED))
        elif what == "late":
            self.file("late", LATE)
        else:
            self.file("first", AGAIN, FIRST)

    def now(self) -> dict[str, tuple[Any, ...]]:
        keys = [{"clause": clause} for clause in ORDERS]
        found = self.store.online([self.latest, self.counts], keys, at=at("20:00").replace(year=2024))
        return dict(zip(ORDERS, found.rows, strict=True))


@pytest.mark.parametrize(
    "order",
    [
        "push build late build again build",
        "again build late build push",
        "late build push push again build",
        "push late again build build",
    ],
)
def test_rows_in_any_order_end_in_one_state(tmp_path, order):
    filled = Filled(tmp_path)
    for step in order.split():
        filled.come(step)
    expected = {clause: one[-1] for clause, one in ORDERS.items()}
    assert filled.now() == expected
    if not order.endswith("build"):
        filled.build()
        assert filled.now() == expected
    asks = past(frame("clause at created", *((clause, "20:00", None) for clause in ORDERS))).drop("created")
    offline = filled.store.historical([filled.latest, filled.counts], asks, timestamp="at").pl()
    assert dict(zip(ORDERS, offline.drop("clause", "at").rows(), strict=True)) == expected


def test_an_expired_value_is_not_served(tmp_path):
    filled = Filled(tmp_path)
    filled.come("push")
    keys = {"clause": ["unordered rows in a batch", "a stale push", "never seen"]}
    moments = [at(one).replace(year=2024) for one in ("19:00", "19:00:00.000001")]
    found = [filled.store.online([filled.ttl], keys, at=moment) for moment in moments]
    assert [one.rows for one in found] == [[(3,), (None,), (None,)], [(None,), (None,), (None,)]]
    assert [one.status(0)["value"] for one in found] == ["present", "expired"]
    assert [found[0].status(row)["value"] for row in (1, 2)] == ["expired", "missing"]
    with pytest.raises(OnlineError, match="ask store"):
        filled.store.online([filled.counts], keys, at=at("1 00:00").replace(year=2024))
