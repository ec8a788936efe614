"""A small project with two online views of a source that takes pushes."""

from datetime import UTC, datetime
from pathlib import Path

import headrace as hr
from headrace.builder.project import project_from
from headrace.store.online.open import open_online

customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"], timestamp="ordered_at", push=True)
last_order = hr.FeatureView(
    "last_order", entity=customer, source=orders, features={"paid": "amount", "note": "note"}, online=True
)
activity = hr.FeatureView(
    "activity",
    entity=customer,
    source=orders,
    features={
        "orders_{window}": hr.Aggregate("count", over=["1d", "7d"]),
        "spend_7d": hr.Aggregate("sum", "amount", over="7d", where="note = 'a'"),
        "last_note": hr.Aggregate("last", "note"),
    },
    ttl="30d",
    online=True,
)
ROWS = {1: "1,2024-01-01,10.5,a", 2: "1,2024-01-02,20.0,b", 3: "2,2024-01-03,5.0,"}
NOON = datetime(2024, 1, 9, 12, tzinfo=UTC)


def write(root: Path, rows=ROWS) -> None:
    (root / "data").mkdir(parents=True, exist_ok=True)
    lines = [f"{number},{rest}" for number, rest in rows.items()]
    (root / "data" / "orders.csv").write_text("\n".join(["order_id,customer_id,ordered_at,amount,note", *lines, ""]))


def shop(root: Path, *declarations, environment=None):
    if not (root / "pyproject.toml").exists():
        (root / "pyproject.toml").write_text("[tool.headrace]\n")
    return project_from(declarations or (last_order, activity), root, environment)


def read(project, view, *customers, at=NOON, features=None):
    store = open_online(project.store_folder, project.environment, project.settings)
    try:
        return [one.values for one in store.read(view, [(one,) for one in customers], features, at)]
    finally:
        store.close()


def described(project, view):
    store = open_online(project.store_folder, project.environment, project.settings)
    try:
        return store.describe(view)
    finally:
        store.close()
