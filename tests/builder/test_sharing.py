"""One project reads what another one has published."""

from __future__ import annotations

import sys

import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.catalogue import catalogue, find_view
from headrace.builder.environments import promote
from headrace.builder.planning import plan_project
from headrace.builder.project import load_project, project_from
from headrace.builder.sensitivity import Sensitivity
from headrace.errors import DeclarationError, SourceError, UnknownName
from tests.builder.shop import ORDERS, customer, customers, orders, rows, spend, write_data

activity = hr.FeatureView(
    "activity",
    entity=customer,
    source=orders,
    ttl="30d",
    features={
        "spend_{window}": hr.Aggregate("sum", "amount", over=["1d", "7d"], where="amount > 1"),
        "high": hr.Aggregate("quantile", "amount", over="7d", q=0.9),
        "recent": hr.Aggregate("last_k", "amount", over="7d", k=2),
    },
    description="What a customer ordered.",
    owners=["team:shop"],
)
contact = hr.FeatureView("contact", entity=customer, source=customers, features=["city"], sensitive=["city"])
VISITS = "visit_id,customer_id,at,left\n1,1,2024-01-02 12:00:00,true\n2,2,2024-01-02,false\n3,9,2024-01-02,false\n"


@pytest.fixture
def shop(tmp_path):
    root = tmp_path / "the shop"
    write_data(root)
    (root / "pyproject.toml").write_text("[tool.headrace]\nenvironment = 'prod'\n")
    made = project_from([spend, activity, contact], root)
    assert build(made).failed == {}
    return made


@pytest.fixture
def folder(shop, tmp_path):
    root = tmp_path / "ads"
    (root / "data").mkdir(parents=True)
    (root / "data" / "visits.csv").write_text(VISITS)
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    return root


def training(*features):
    visits = hr.Source("visits", path="visits.csv", keys=["visit_id"], timestamp="at")
    return hr.TrainingSet("rows", spine=visits, label="left", features=list(features))


def test_training_rows_are_those_of_the_other_project_to_the_instant(shop, folder):
    views = [hr.published(shop.root, "activity"), hr.published(shop.root, "features/spend")]
    here = project_from([training(*views)], folder)
    assert build(here).failed == {}
    (shop.root / "data" / "visits.csv").write_text(VISITS)
    there = project_from([training(activity, spend)], shop.root)
    build(there)
    assert rows(here, "training_sets/rows") == rows(there, "training_sets/rows")
    assert rows(here, "features/activity") == rows(there, "features/activity")


def test_it_is_rebuilt_when_the_other_project_has_other_content(shop, folder):
    here = project_from([training(hr.published(shop.root, "spend"))], folder)
    build(here)
    assert build(here).keys("built") == []
    (shop.root / "data" / "orders.csv").write_text(ORDERS + "4,2,2024-01-04,7\n")
    build(project_from([spend, activity], shop.root))
    assert plan_project(here).steps["sources/spend_of_the_shop"].state == "build"
    build(here)
    assert sorted(rows(here, "features/spend")) == [(1, 30.5, 2), (2, 12.0, 2)]


def test_an_equal_version_changes_nothing(shop, folder):
    here = project_from([hr.published(shop.root, "spend")], folder)
    build(here)
    build(shop, ["spend"], force=True)
    assert plan_project(here).work == ()


def test_other_tables_are_sources(shop, folder):
    here = project_from([hr.published(shop.root, "sources/orders", name="their_orders")], folder)
    assert build(here).failed == {}
    assert rows(here, "sources/their_orders") == rows(shop, "sources/orders")


def test_who_answers_for_it_comes_along(shop, folder):
    here = project_from([hr.published(shop.root, "activity", name="theirs")], folder)
    view, _ = find_view(catalogue(here), "theirs")
    assert (view.owners, view.description) == (("team:shop",), "What a customer ordered.")
    assert view.entities == ("customer",)


def test_what_is_sensitive_there_is_sensitive_here(shop, folder):
    here = project_from([hr.published(shop.root, "contact")], folder)
    build(here)
    assert set(Sensitivity(here).of_asset("features/contact")) == {"city"}


def test_an_entity_of_this_project_can_be_meant(shop, folder):
    client = hr.Entity("client", keys=["customer_id"])
    view = hr.published(shop.root, "spend", entity=client)
    assert [one.name for one in view.entity] == ["client"]


def test_relative_folders_start_at_the_project_of_the_module(shop, folder, monkeypatch):
    (folder / "assets").mkdir()
    text = "import headrace as hr\nspend = hr.published('../the shop', 'spend')\n"
    (folder / "assets" / "features.py").write_text(text)
    monkeypatch.chdir("/")
    scope = {"__file__": str(folder / "assets" / "features.py")}
    exec(text, scope)
    assert scope["spend"].source.project == "../the shop"


@pytest.mark.parametrize(
    ("asset", "options", "error", "message"),
    [
        ("spent", {}, UnknownName, "unknown published asset 'features/spent'. Did you mean 'features/spend'"),
        ("spend", {"environment": "dev"}, UnknownName, "in environment 'dev': unknown published asset"),
    ],
)
def test_what_is_not_there_is_refused_where_it_is_written(shop, asset, options, error, message):
    with pytest.raises(error, match=message):
        hr.published(shop.root, asset, **options)


def test_a_folder_without_a_project_is_refused(tmp_path):
    with pytest.raises(DeclarationError, match=r"is no Headrace project\. Give its folder"):
        hr.published(tmp_path, "spend")


def test_a_version_that_is_gone_is_told(shop, folder):
    here = project_from([hr.published(shop.root, "spend")], folder)
    shop.store.refs("prod").move({"features/spend": None}, run_id="x", state="built")
    failed = build(here).failed["sources/spend_of_the_shop"]
    assert isinstance(failed, SourceError)
    assert "Build it there" in str(failed)


def test_lineage_goes_on_in_the_other_project(shop, folder, monkeypatch, capsys):
    from headrace.cli.main import main

    (folder / "assets").mkdir()
    text = "import headrace as hr\nspend = hr.published('../the shop', 'spend')\n"
    (folder / "assets" / "__init__.py").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "assets", raising=False)
    assert build(load_project()).failed == {}
    monkeypatch.delitem(sys.modules, "assets")
    assert main(["lineage", "features/spend.total", "--up"]) == 0
    lines = [line.strip(" └─├│") for line in capsys.readouterr().out.splitlines()]
    place = "of ../the shop (prod)"
    assert lines[2:5] == [
        "sources/spend_of_the_shop.total",
        f"features/spend.total {place}",
        f"sources/orders.amount {place}",
    ]
    monkeypatch.delitem(sys.modules, "assets", raising=False)


def test_what_is_promoted_can_be_read_there(shop):
    promote(shop, "prod", "live", ["spend"])
    assert hr.published(shop.root, "spend", environment="live").selected == (("total", "total"), ("n", "n"))
