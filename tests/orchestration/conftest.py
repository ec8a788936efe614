"""A project of one declaration of each kind, small enough to be built in a second."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import Project, project_from

FIRST = "2026-01-01T00:00:00"
Declare = Callable[..., list[Any]]


class Orders(pa.DataFrameModel):
    order_id: pl.Int64 = pa.Field(unique=True)
    customer_id: pl.Int64
    ordered_at: pl.Datetime
    amount: pl.Float64 = pa.Field(ge=0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's folder with raw data, as the working directory; no DAGSTER_HOME."""
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n", encoding="utf-8")
    write_data(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    (root / "pyproject.toml").write_text("[tool.headrace]\n", encoding="utf-8")
    write_data(root / "data")
    report = build(project_from(declarations(), root))
    assert not report.failed, report.failed
    return root


@pytest.fixture
def built(folder: Path, built_once: Path) -> Path:
    """The project's folder with everything built from the command line, and nothing recorded in Dagster."""
    shutil.copytree(built_once, folder, dirs_exist_ok=True)
    return folder


def write_data(folder: Path) -> None:
    (folder / "photos").mkdir(parents=True)
    numbers = range(60)
    for number in range(4):
        file = io.BytesIO()
        Image.new("RGB", (30, 20), (60 * number, 0, 0)).save(file, "PNG")
        (folder / "photos" / f"{number}.png").write_bytes(file.getvalue())
    pl.DataFrame({"customer_id": range(4), "photo": [f"photos/{n}.png" for n in range(4)]}).write_csv(
        folder / "customers.csv"
    )
    moment = pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 3, 1), "1d", eager=True)[:60]
    orders = pl.DataFrame(
        {
            "order_id": numbers,
            "customer_id": [number % 4 for number in numbers],
            "ordered_at": moment,
            "amount": [float(number % 7) for number in numbers],
        }
    )
    orders.write_parquet(folder / "orders.parquet")
    visits = orders.select(
        visit_id="order_id", customer_id="customer_id", seen_at="ordered_at", bought=pl.col("amount") > 3
    )
    visits.write_parquet(folder / "visits.parquet")


def declarations(about: str = "", over: str = "7d", ttl: str | None = None, level: float = 1.0) -> list[Any]:
    """Everything the project declares; the arguments are what tests change."""
    customer = hr.Entity("customer", keys=["customer_id"])
    customers = hr.Source("customers", path="customers.csv", keys=["customer_id"], images=["photo"])
    orders = hr.Source(
        "orders",
        path="orders.parquet",
        keys=["order_id"],
        timestamp="ordered_at",
        schema=Orders,
        description=about,
        owners=["team:shop"],
    )
    visits = hr.Source("visits", path="visits.parquet", keys=["visit_id"], timestamp="seen_at")
    activity = hr.FeatureView(
        "activity", entity=customer, source=orders, features={"spend": hr.Aggregate("sum", "amount", over=over)}
    )

    @hr.feature_view(entity=customer, timestamp="day", ttl=ttl, inputs={"orders": orders})
    def daily(orders):
        return f"select customer_id, date_trunc('day', ordered_at) as day, count(*) as n from {orders} group by all"

    learning = hr.TrainingSet(
        "learning",
        spine=visits,
        label="bought",
        features=[activity, daily],
        split=hr.TimeSplit(validation="10d", test="10d"),
    )
    encoding = hr.Transform("encoding", fit_on=learning, encode={"numbers": hr.Impute("spend", "n")})
    matrix = hr.Matrix("matrix", rows=learning, transform=encoding)
    stage = hr.Stage("model", matrix=matrix, target="bought", estimator=LogisticRegression(C=level))
    return [customers, daily, hr.Cascade("guess", stages=[stage])]


@pytest.fixture
def declare() -> Declare:
    return declarations


@pytest.fixture
def project(folder: Path) -> Project:
    return project_from(declarations(), folder)
