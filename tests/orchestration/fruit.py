"""A small project of SQL views: prices -> double -> report <- names, and prices -> other."""

from __future__ import annotations

from pathlib import Path

import pytest

import headrace as hr


def make_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder with raw data, as the working directory; no DAGSTER_HOME."""
    (root / "pyproject.toml").write_text("[tool.headrace]\n", encoding="utf-8")
    (root / "data").mkdir()
    put(root, prices="1,2.5", names="1,apple")
    monkeypatch.chdir(root)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return root


def put(root, **rows):
    headers = {"prices": "item,price,note", "names": "item,name"}
    for name, row in rows.items():
        note = ",x" if name == "prices" and row.count(",") == 1 else ""
        (root / "data" / f"{name}.csv").write_text(f"{headers[name]}\n{row}{note}\n", encoding="utf-8")


def declared(double=None, report="on_change", prices=None, factor=2) -> list[hr.FeatureView]:
    """A small project; the arguments are when what is refreshed."""
    item = hr.Entity("item", keys=["item"])
    source = hr.Source("prices", path="prices.csv", refresh=prices)
    names = hr.Source("names", path="names.csv")

    @hr.feature_view(entity=item, inputs={"prices": source}, refresh=double, name="double")
    def twice(prices):
        return f"select item, price * {factor} as price from {prices}"

    @hr.feature_view(entity=item, inputs={"double": twice, "names": names}, refresh=report, name="report")
    def both(double, names):
        # Raises in DuckDB for one name, so that a build of it fails.
        name = "case when name = 'boom' then error('no such fruit') else name end as name"
        return f"select item, price, {name} from {double} join {names} using (item)"

    @hr.feature_view(entity=item, inputs={"prices": source}, name="other")
    def unwanted(prices):
        return f"select item, note from {prices}"

    return [both, unwanted]
