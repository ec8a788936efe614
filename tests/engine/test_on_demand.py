"""On-demand features in training sets: the same function, its inputs at each row's moment, nothing else kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.planning import plan_project
from headrace.builder.project import Project, project_from
from headrace.engine.on_demand import run_on_demand
from headrace.errors import OnDemandError, ValidationError

START = datetime(2026, 1, 1)
customer = hr.Entity("customer", keys=["customer"])
spine = hr.Source("spine", path="spine.parquet", keys=["id"], timestamp="at")
orders = hr.Source("orders", path="orders.parquet", keys=["order"], timestamp="at")
spending = hr.FeatureView(
    "spending",
    entity=customer,
    source=orders,
    features={"spent": hr.Aggregate("sum", "amount", over="5d"), "orders": hr.Aggregate("count", over="5d")},
)
basket = hr.Request("basket", float)


@hr.on_demand(inputs=[spending["spent"], basket])
def ratio(df: pl.DataFrame) -> pl.DataFrame:
    return df.with_columns(ratio=pl.col("basket") / pl.col("spent"))


@pytest.fixture
def raw(tmp_path):
    rows = range(20)
    at = [START + timedelta(days=number) for number in rows]
    own = {"customer": [number % 4 for number in rows], "at": at}
    pl.DataFrame({"id": rows, **own, "basket": [10 * one for one in rows], "y": [0, 1] * 10}).write_parquet(
        tmp_path / "spine.parquet"
    )
    pl.DataFrame({"order": rows, **own, "amount": [2.0] * 20}).write_parquet(tmp_path / "orders.parquet")
    return tmp_path


def table(make_project, raw, features):
    training_set = hr.TrainingSet("rows", spine=spine, label="y", features=features)
    project = make_project([training_set], raw)
    report = build(project)
    for error in report.failed.values():
        raise error
    manifest = project.store.load("training_sets/rows", project.store.refs("dev").current()["training_sets/rows"])
    return pl.read_parquet(project.store.folder(manifest.asset, manifest.version) / "data.parquet"), manifest


def test_it_is_computed_from_what_was_known_at_each_row(make_project, raw):
    found, manifest = table(make_project, raw, [ratio])
    assert found.columns == ["id", "customer", "at", "y", "ratio", "split"]
    spent = [2.0 if number < 4 else 4.0 for number in range(20)]
    assert found["ratio"].to_list() == [10 * number / each for number, each in enumerate(spent)]
    lineage = manifest.details["column lineage"]["ratio"]
    assert lineage == ["features/spending.spent", "sources/spine.basket"]


def test_what_is_asked_for_itself_is_joined_once_and_kept(make_project, raw):
    service = hr.FeatureService("purchase", features=[ratio, spending["spent"].renamed({"spent": "paid"}), spending])
    found, _ = table(make_project, raw, service)
    assert found.columns == ["id", "customer", "at", "y", "ratio", "paid", "spent", "orders", "split"]
    assert found["paid"].equals(found["spent"])


def test_full_names_keep_equal_names_apart(make_project, raw):
    other = hr.FeatureView("other", entity=customer, source=orders, features={"spent": "amount"})
    training_set = hr.TrainingSet("rows", spine=spine, label="y", features=[spending, other], full_names=True)
    project = make_project([training_set], raw)
    assert build(project).failed == {}
    assert training_set.columns()[4:-1] == ("spending__spent", "spending__orders", "other__spent")
    assert [name for name, _ in project.store.current("training_sets/rows", "dev").columns][4:-1] == [
        *("spending__spent", "spending__orders", "other__spent")
    ]


def test_other_rows_are_no_influence(make_project, raw):
    @hr.on_demand(inputs=[basket])
    def share(df):
        return df.with_columns(share=pl.col("basket") / pl.col("basket").sum())

    with pytest.raises(OnDemandError, match=r"row \d+ comes out otherwise alone than among 20 rows"):
        table(make_project, raw, [share])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda df: df.head(1), r"returned 1 rows for 2"),
        (lambda df: df, r"no column that is not an input without x"),
        (lambda df: df.with_columns(z=1), "returned z without x"),
        (lambda df: df["basket"], "returned Series, not a polars frame"),
        (lambda df: df.with_columns(x=pl.col("baskett")), 'its function failed: ColumnNotFoundError.*"?baskett'),
        (lambda df: df.with_columns(x=pl.lit("many")), "its result is not what it declares"),
    ],
)
def test_what_a_function_may_not_return(function, message):
    one = hr.on_demand(inputs=[basket], features={"x": float}, name="x")(function)
    with pytest.raises(OnDemandError, match=f"(?s)OnDemand\\('x'\\): .*{message}"):
        run_on_demand(one, pl.DataFrame({"basket": [1.0, 2.0]}))


def test_declared_types_are_what_comes_out():
    one = hr.on_demand(inputs=[basket], features={"x": int, "at": datetime}, name="x")(
        lambda df: df.select(at=pl.lit(START), x=pl.col("basket").cast(pl.Int16), spare=1).lazy()
    )
    found = run_on_demand(one, pl.DataFrame({"basket": [1.0]}))
    assert found.schema == {"x": pl.Int64, "at": pl.Datetime("us", "UTC")}
    assert found.row(0) == (1, START.replace(tzinfo=UTC))


def test_a_request_of_another_type_than_the_spine_s_is_refused(make_project, raw):
    frame = pl.read_parquet(raw / "spine.parquet")
    frame.with_columns(pl.col("basket").cast(pl.String)).write_parquet(raw / "spine.parquet")
    with pytest.raises(ValidationError, match="basket: is VARCHAR, not DOUBLE"):
        table(make_project, raw, [ratio])


def test_an_empty_spine_has_the_columns_and_their_types(make_project, raw):
    """Through a view, as a training set needs a row to train on."""
    from headrace.engine.on_demand import join_on_demand
    from headrace.engine.session import connect

    with connect() as connection:
        connection.execute("create table asking as select 0::bigint as __row, 1 as basket where false")
        connection.execute("create table joined as select 0::bigint as __row, 1.5::double as spent where false")
        names = join_on_demand(connection, "asking", ratio, {ratio.selections[0]: ("joined", ["spent"])}, "made")
        kinds = {name: kind for name, kind, *_ in connection.sql("describe made").fetchall()}
    assert names == ["ratio"]
    assert kinds["ratio"] == "DOUBLE"


def test_batches_join_up(monkeypatch, make_project, raw):
    whole, _ = table(make_project, raw, [ratio])
    monkeypatch.setattr("headrace.engine.on_demand._BATCH", 7)
    assert table(make_project, raw, [ratio])[0].equals(whole)


FILE = """
import polars as pl
import headrace as hr
customer = hr.Entity("customer", keys=["customer"])
spine = hr.Source("spine", path="spine.parquet", keys=["id"], timestamp="at")
LIMIT = {limit}
@hr.on_demand(inputs=[hr.Request("basket", float)])
def big(df):
    # {comment}
    return df.with_columns(big=pl.col("basket") > LIMIT)
rows = hr.TrainingSet("rows", spine=spine, label="y", features=[big])
"""


def planned(root, limit=3, comment="") -> tuple[str, list[str]]:
    namespace: dict[str, object] = {}
    import importlib
    import sys

    (root / "shop_assets.py").write_text(FILE.format(limit=limit, comment=comment))
    sys.modules.pop("shop_assets", None)
    importlib.invalidate_caches()
    module = importlib.import_module("shop_assets")
    namespace.update(vars(module))
    project: Project = project_from(module, root)
    step = plan_project(project).steps["training_sets/rows"]
    build(project)
    return step.state, [reason.detail for reason in step.reasons]


def test_only_a_change_of_its_code_rebuilds(raw, monkeypatch):
    (raw / "pyproject.toml").write_text('[tool.headrace]\ndata = "."\n')
    monkeypatch.syspath_prepend(str(raw))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert planned(raw)[0] == "build"
    assert planned(raw, comment="a remark")[0] == "fresh"
    state, reasons = planned(raw, limit=5)
    assert state == "build"
    assert "LIMIT" in reasons[0]


def test_what_differs_from_call_to_call_is_told(make_project, raw):
    @hr.on_demand(inputs=[basket])
    def late(df):
        return df.with_columns(late=datetime.now())

    project = make_project([hr.TrainingSet("rows", spine=spine, label="y", features=[late])], raw)
    with pytest.warns(UserWarning, match=r"TrainingSet\('rows'\): .*now"):
        plan_project(project)
