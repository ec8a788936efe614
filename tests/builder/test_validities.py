"""Tables with validities, such as slowly changing dimensions."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.project import project_from
from headrace.errors import DeclarationError

customer = hr.Entity("customer", keys=["customer_id"])
cities = hr.Source("cities", path="cities.parquet", timestamp="since")


def day(number: int) -> datetime:
    return datetime(2026, 1, number)


ROWS = [
    # customer, city, since, until
    (1, "Bonn", day(1), day(5)),
    (1, "Ulm", day(5), day(8)),  # follows at once
    (1, "Trier", day(10), None),  # after a gap
    (2, "Kiel", day(2), day(4)),  # gone for good
    (3, "Jena", day(1), day(9)),  # ends after the next began
    (3, "Gera", day(3), None),
    (4, "Hof", day(3), day(3)),  # never held
]
EXPECTED = {
    (1, 4): "Bonn", (1, 5): "Ulm", (1, 7): "Ulm", (1, 8): None, (1, 9): None, (1, 10): "Trier",
    (2, 1): None, (2, 3): "Kiel", (2, 4): None, (3, 2): "Jena", (3, 3): "Gera", (3, 9): "Gera", (4, 3): None,
}  # fmt: skip


@pytest.mark.parametrize("index", [False, True])
def test_a_row_holds_until_its_end(tmp_path, index):
    view = hr.FeatureView(
        "address", entity=customer, source=cities, until="until", features=["city"], index=index, online=True
    )
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    (tmp_path / "data").mkdir()
    rows = pl.DataFrame(ROWS, schema=["customer_id", "city", "since", "until"], orient="row")
    rows.write_parquet(tmp_path / "data" / "cities.parquet")
    report = build(project_from([cities, view], tmp_path))
    assert not report.failed
    spine = pl.DataFrame([(one, day(on)) for one, on in EXPECTED], schema=["customer_id", "at"], orient="row")
    with hr.FeatureStore(tmp_path) as store:
        found = store.historical([view], spine, timestamp="at").pl()["city"].to_list()
        now = [row[0] for row in store.online([view], {"customer_id": [1, 2, 3, 4]}).rows]
    assert dict(zip(EXPECTED, found, strict=True)) == EXPECTED
    assert now == ["Trier", None, "Gera", None]


def test_only_columns_of_a_source_have_an_end():
    counts = {"n": hr.Aggregate("count")}
    with pytest.raises(DeclarationError, match="has until='until'"):
        hr.FeatureView("address", entity=customer, source=cities, until="until", features=counts)
