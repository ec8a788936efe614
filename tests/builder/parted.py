"""Projects of partitioned assets, and which of their partitions were computed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import headrace as hr
from headrace.builder.build import Report, build
from headrace.builder.planning import plan_project
from headrace.builder.project import Project, project_from
from headrace.lineage.plan import Step
from headrace.store.partitions import PartitionObjects

START = "2024-02-26"
DAILY = hr.Daily(start=START)
customer = hr.Entity("customer", keys=["customer"])


def day(number: int) -> str:
    return str(date.fromisoformat(START) + timedelta(days=number))


def line(order: int, who: int, at: str, amount: int) -> str:
    return f"{order},{who},{at},{amount},note\n"


def write(root: Path, name: str, *lines: str) -> None:
    path = root / "data" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("id,customer,seen,amount,note\n" + "".join(lines), encoding="utf-8")


def put(root: Path, number: int, *amounts: int) -> None:
    """One day's file: an order of each amount, an hour apart, of two customers in turn."""
    rows = [
        line(number * 100 + n, n % 2, f"{day(number)} {n:02}:00:00", amount) for n, amount in enumerate(amounts or [1])
    ]
    write(root, f"orders/{day(number)}", *rows)


def make_root(root: Path, days: int = 5) -> Path:
    (root / "pyproject.toml").write_text("[tool.headrace]\n", encoding="utf-8")
    for number in range(days):
        put(root, number, number + 1, number + 2)
    return root


def declared(
    partitions: hr.Daily | None = DAILY,
    path: str = "orders/{partition}.csv",
    over: str | None = "2d",
    ttl: str | None = None,
    factor: int = 1,
) -> list[hr.FeatureView]:
    """Sources of orders; `activity`, with windows, and `demand`, by SQL, part by part; `total`, of all parts."""
    path = path if partitions else path.replace("{partition}", "*")
    orders = hr.Source("orders", path=path, keys=["id"], timestamp="seen", partitions=partitions)
    features = {"n": hr.Aggregate("count", over=over), "spent": hr.Aggregate("sum", "amount", over="1d")}
    activity = hr.FeatureView(
        "activity", entity=customer, source=orders, partitions=partitions, features=features, ttl=ttl
    )

    @hr.feature_view(entity=customer, timestamp="day", inputs={"orders": orders}, partitions=partitions)
    def demand(orders):
        sold = f"sum(amount) * {factor} as sold"
        return f"select customer, date_trunc('day', seen) as day, {sold} from {orders} group by all"

    @hr.feature_view(entity=customer, inputs={"demand": demand})
    def total(demand):
        return f"select customer, sum(sold)::bigint as sold from {demand} group by all"

    return [activity, total]


def project_at(root: Path, **options: object) -> Project:
    return project_from(declared(**options), root)


def made(project: Project, *selection: str, **options: object) -> dict[str, list[str]]:
    """Build, and say which partitions of each asset became others; `()` for what has none."""
    report: Report = build(project, selection, **options)
    assert not report.failed, report.failed
    return {one.asset.partition("/")[2]: list(one.partitions) for one in report.outcomes if one.state != "fresh"}


def computed(project: Project, asset: str) -> dict[str, str]:
    """`{object: when it was computed}` of every partition object."""
    objects = PartitionObjects(project.store, asset)
    names = [path.name for path in objects.root.iterdir()] if objects.root.exists() else []
    return {name: objects.load(name).created_at for name in names}


def steps(project: Project) -> dict[str, Step]:
    return {key.partition("/")[2]: step for key, step in plan_project(project).steps.items()}


def said(project: Project, asset: str) -> list[str]:
    return [reason.detail for reason in steps(project)[asset].reasons]


def rows(project: Project, asset: str) -> list[tuple[object, ...]]:
    """The rows of a current table, sorted, and its digest."""
    from headrace.engine.session import MAIN_TABLE, connect, parquet

    manifest = project.store.current(asset, project.environment)
    path = project.store.folder(asset, manifest.version) / MAIN_TABLE
    with connect() as connection:
        return connection.sql(f"from {parquet(path)} order by all").fetchall()
