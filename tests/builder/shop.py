"""A small project on disk: two sources, SQL and polars views, and a log of what was computed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import headrace as hr
from headrace.builder.project import Project, project_from

ORDERS = "order_id,customer_id,ordered_at,amount\n1,1,2024-01-01,10.5\n2,1,2024-01-02,20\n3,2,2024-01-03,5\n"
CUSTOMERS = "customer_id,age,city\n1,30,Ulm\n2,17,Bonn\n"

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="ordered_at")
customers = hr.Source("customers", path="customers.csv", keys=["customer_id"])


@hr.feature_view(entity=customer)
def spend(orders):
    """What each customer spent."""
    return f"select customer_id, sum(amount) as total, count(*) as n from {orders} group by all"


@hr.feature_view(entity=customer)
def grown(customers):
    return f"select customer_id, age >= 18 as grown from {customers}"


@hr.feature_view(entity=customer)
def both(spend, grown):
    return f"select * from {spend} join {grown} using (customer_id)"


def write_data(root: Path) -> None:
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "data" / "orders.csv").write_text(ORDERS)
    (root / "data" / "customers.csv").write_text(CUSTOMERS)


def shop(root: Path, *declarations: hr.FeatureView | hr.Source) -> Project:
    """The project at `root`: what is given, or everything above."""
    write_data(root)
    return project_from(declarations or (both,), root)


def view(sql: str, name: str = "v", **options) -> hr.FeatureView:
    """A view over orders with this SQL, `{orders}` standing for the table."""

    def function(orders=orders):
        return sql.format(orders=orders)

    return hr.feature_view(entity=customer, name=name, **options)(function)


def rows(project: Project, asset: str) -> list[tuple]:
    """The current rows of an asset."""
    import duckdb

    manifest = project.store.current(asset, project.environment)
    path = project.store.folder(asset, manifest.version) / "data.parquet"
    with duckdb.connect() as connection:
        return connection.sql(f"select * from '{path}'").fetchall()


def left_overs(project: Project) -> list[Path]:
    """What a build should not leave: drafts, and files that were to replace others."""
    drafts = [*(project.store_folder / "drafts").glob("*")]
    # In the cache another process may be about to rename its own: those are swept an hour later.
    cache = project.store_folder / "cache"
    strays = [path for path in project.root.rglob(".*") if path.name != ".headrace"]
    return drafts + [path for path in strays if not path.is_relative_to(cache)]


SLOW_VIEWS = """
import os
import time
import headrace as hr
import polars as pl

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"])


def slowly(name, frame):
    with open(os.environ["COMPUTED"], "a") as log:
        log.write(name + "\\n")
    time.sleep(float(os.environ["SECONDS"]))
    return frame
"""
VIEW = """

@hr.feature_view(entity=customer)
def v{number}({above}: pl.DataFrame):
    return slowly("features/v{number}", {above})
"""
BUILD = """
from headrace.builder.build import build
from headrace.builder.project import load_project
import headrace.engine.validation, pandera.polars, sqlglot.lineage
print("ready", flush=True)
input()
report = build(load_project(), jobs=2)
assert not report.failed, report.failed
print(sorted(report.keys("built")))
"""


def write_slow_project(root: Path, views: int) -> list[str]:
    """A project as its user writes it: a source and a chain of slow views. Returns the views' keys."""
    write_data(root)
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    (root / "assets").mkdir()
    names = ["orders", *(f"v{number}" for number in range(views))]
    text = [VIEW.format(number=number, above=names[number]) for number in range(views)]
    (root / "assets" / "__init__.py").write_text(SLOW_VIEWS + "".join(text))
    return [f"features/{name}" for name in names[1:]]


def start_build(root: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that builds the project once told to; it has imported everything it needs."""
    environment = {"COMPUTED": str(root / "computed.txt"), "SECONDS": str(seconds), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(BUILD)],
        cwd=root,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def go(process: subprocess.Popen[str]) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def computed(root: Path) -> list[str]:
    """What was computed so far, in order."""
    log = root / "computed.txt"
    return log.read_text().split() if log.exists() else []
