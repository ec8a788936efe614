"""Service descriptions: published by builds, kept by version, retired, and refused where serving could not use them."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.environments import promote
from headrace.builder.project import load_project, project_from
from headrace.errors import CorruptObject, DeclarationError
from headrace.store.services import published_services, read_service, services_folder
from tests.serving.shop import forget, write_shop

PACKAGE = "service_shop"
customer = hr.Entity("customer", keys=["customer_id"])
orders = hr.Source("orders", path="orders.csv", keys=["order_id"])
last = hr.FeatureView("last", entity=customer, source=orders, features=["amount", "shop"], online=True)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root = write_shop(tmp_path_factory.mktemp("shop"), PACKAGE)
    project = load_project(root)
    assert build(project).failed == {}
    yield project
    forget(PACKAGE, root)


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "orders.csv").write_text("order_id,customer_id,amount,shop\n1,1,2.5,north\n")
    return tmp_path


def described(project, name):
    return read_service(services_folder(project.store_folder, project.environment) / f"{name}.json")


def test_a_description_has_all_that_reading_needs(shop):
    found = described(shop, "purchase")
    assert found.keys == (("customer_id", "BIGINT"), ("shop", "VARCHAR"), ("product_id", "BIGINT"))
    assert found.requests == (("basket_value", "DOUBLE"),)
    assert [name for name, _ in found.outputs][-3:] == ["price", "since", "basket_ratio"]
    (computed,) = found.computations
    assert computed.function == f"{PACKAGE}.declared:basket_ratio"
    assert computed.inputs == (("spend_3650d", "DOUBLE"), ("basket_value", "DOUBLE"))
    assert computed.outputs == (("basket_ratio", "DOUBLE"),)
    assert [read.view for read in found.reads] == ["activity", "last_order", "price", "activity"]
    assert [read.online for read in described(shop, "kept").reads] == [False]


def test_a_build_with_nothing_to_do_leaves_them_and_loads_nothing_heavy(shop):
    path = services_folder(shop.store_folder, "dev") / "purchase.json"
    before = path.stat()
    code = f"""
import sys
from pathlib import Path
from headrace.builder.project import load_project
from headrace.builder.build import build
report = build(load_project(Path({str(shop.root)!r})))
print(report.keys("built"), report.failed, [one for one in ("dagster", "lmdb", "sklearn") if one in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "{}", "[]"]
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_promotion_publishes_them_in_the_other_environment(shop):
    assert promote(shop, "dev", "prod").notes == ()
    assert published_services(shop.store_folder, "prod") == ["clock", "gift", "kept", "market", "purchase", "simple"]


def test_each_version_is_kept_and_what_is_not_declared_any_more_goes(make_project, raw):
    project = make_project([hr.FeatureService("one", features=last)], raw)
    build(project)
    assert described(project, "one").outputs == (("amount", "DOUBLE"), ("shop", "VARCHAR"))
    newer = hr.FeatureService("one", features=last["shop"], version=2, owners=["team:shop"])
    build(project_from([newer], project.root))
    assert described(project, "one").outputs == (("shop", "VARCHAR"),)
    assert described(project, "one").owners == ("team:shop",)
    assert described(project, "one@1").outputs[0] == ("amount", "DOUBLE")
    build(project_from([hr.FeatureService("two", features=last)], project.root))
    assert published_services(project.store_folder, "dev") == ["two"]
    assert described(project, "one@2").version == 2


def test_a_type_that_changes_in_the_data_is_published(make_project, raw):
    project = make_project([hr.FeatureService("one", features=last)], raw)
    build(project)
    (raw / "orders.csv").write_text("order_id,customer_id,amount,shop\n1,1,many,north\n")
    build(project_from([hr.FeatureService("one", features=last)], project.root))
    assert described(project, "one").outputs[0] == ("amount", "VARCHAR")


def test_a_function_that_serving_cannot_import_fails_the_service_and_nothing_else(make_project, raw):
    double = hr.on_demand(inputs=[last["amount"]], features={"double": float}, name="double")(
        lambda df: df.with_columns(double=pl.col("amount") * 2)
    )
    project = make_project([hr.FeatureService("one", features=[double])], raw)
    report = build(project)
    assert list(report.failed) == ["services/one"]
    assert "cannot be imported. Give it a name at the top level" in str(report.failed["services/one"])
    assert "features/last" in report.keys("built")
    assert published_services(project.store_folder, "dev") == []


def test_outputs_without_declared_types_are_tried_out(make_project, raw):
    broken = hr.on_demand(inputs=[last["amount"]], name="broken")(lambda df: df.with_columns(x=pl.col("amuont")))
    report = build(make_project([hr.FeatureService("one", features=[broken])], raw))
    assert "OnDemand('broken'): its function failed: ColumnNotFoundError" in str(report.failed["services/one"])


def test_two_services_of_one_name_are_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    two = [hr.FeatureService("one", features=last), hr.FeatureService("one", features=last["shop"])]
    with pytest.raises(DeclarationError, match="two different services have this name"):
        project_from(two, tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"reads": 1}'])
def test_a_broken_description_is_named_and_written_anew(shop, text):
    path = services_folder(shop.store_folder, "dev") / "simple.json"
    whole = path.read_text()
    path.write_text(text)
    with pytest.raises(CorruptObject, match=r"simple\.json"):
        read_service(path)
    build(shop)
    assert json.loads(path.read_text()) == json.loads(whole)
