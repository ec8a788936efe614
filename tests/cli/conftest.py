"""A tiny project in a folder of its own, with the command line run in this process."""

from __future__ import annotations

import sys
import types
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headrace.cli.main import main

DECLARATIONS = """
import headrace as hr
import polars as pl

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source(
    "orders", path="orders.csv", keys=["order_id"], timestamp="ordered_at", description="What was ordered."
)
activity = hr.FeatureView(
    "activity", entity=customer, source=orders, features={"spend_{window}": hr.Aggregate("sum", "amount", over="7d")}
)


@hr.feature_view(entity=customer)
def totals(orders: pl.DataFrame):
    return share(orders.group_by("customer_id").agg(total=pl.col("amount").sum()))


def share(frame):
    return frame.with_columns(share=pl.col("total") / pl.col("total").sum())
"""
ORDERS = """order_id,customer_id,ordered_at,amount
1,1,2026-01-01 10:00:00,5.5
2,1,2026-01-03 10:00:00,4.5
3,2,2026-01-04 10:00:00,1234.0
"""


@dataclass
class Tiny:
    """A project and how to use it."""

    root: Path
    package: str
    recorded: list[object] = field(default_factory=list)

    @property
    def module(self) -> Path:
        return self.root / self.package / "shop.py"

    def run(self, *arguments: str) -> int:
        """The exit code of a command, as from a new process: edited declarations are imported anew."""
        for name in [one for one in sys.modules if one.partition(".")[0] == self.package]:
            del sys.modules[name]
        return main(arguments)

    def edit(self, old: str, new: str) -> None:
        text = self.module.read_text()
        assert old in text
        self.module.write_text(text.replace(old, new))


def make_project(root: Path, declarations: str) -> Tiny:
    package = f"tiny_{uuid.uuid4().hex}"
    (root / package).mkdir(parents=True)
    (root / package / "__init__.py").write_text("")
    (root / package / "shop.py").write_text(declarations)
    (root / "pyproject.toml").write_text(f'[tool.headrace]\nassets = "{package}"\n')
    (root / "data").mkdir()
    return Tiny(root, package)


@pytest.fixture
def recorded(monkeypatch):
    """The builds told to Dagster, which is not imported for it."""
    reports: list[object] = []
    stub = types.ModuleType("headrace.orchestration.record")
    stub.record_build = lambda project, report: reports.append(report)
    monkeypatch.setitem(sys.modules, "headrace.orchestration.record", stub)
    return reports


@pytest.fixture
def tiny(tmp_path, monkeypatch, recorded) -> Tiny:
    """Three assets over a CSV file, and the working directory in their project."""
    made = make_project(tmp_path / "project", DECLARATIONS)
    (made.root / "data" / "orders.csv").write_text(ORDERS)
    made.recorded = recorded
    monkeypatch.chdir(made.root)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edit within a second must not find stale bytecode
    return made


@pytest.fixture
def built(tiny, capsys) -> Tiny:
    """The same, built."""
    assert tiny.run("build", "--quiet") == 0
    capsys.readouterr()
    return tiny
