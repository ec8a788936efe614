"""The catalogue: features with what is known of them, and who reads them."""

from __future__ import annotations

import json
import shutil

import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.catalogue import catalogue, find_view, search, with_statistics
from headrace.builder.profiles import kept_profile, profile_of
from headrace.builder.project import project_from
from headrace.builder.site import site_data
from headrace.errors import UnknownName
from tests.builder.shop import both, customer, customers, grown, orders, shop, spend, write_data

activity = hr.FeatureView(
    "activity",
    entity=customer,
    source=orders,
    ttl="30d",
    features={"n_{window}": hr.Aggregate("count", over=["1d", "7d"]), "most": hr.Aggregate("max", "amount")},
    description="What a customer ordered.",
    owners=["team:shop"],
    tags={"domain": "sales"},
)
spine = hr.Source("visits", path="visits.csv", keys=["visit_id"], timestamp="at")
rows = hr.TrainingSet("rows", spine=spine, label="left", features=[activity["n_7d"], spend["total"]])


@hr.on_demand(inputs=[activity["n_1d"], hr.Request("basket", float)], features={"ratio": float}, owners=["team:shop"])
def per_order(df):
    """How much a basket is worth for each order of the day."""
    return df.with_columns(ratio=df["basket"] / df["n_1d"])


service = hr.FeatureService("asked", features=[activity["most"], spend, per_order])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    write_data(root)
    (root / "pyproject.toml").write_text("[tool.headrace]\n")
    (root / "data" / "visits.csv").write_text("visit_id,customer_id,at,left\n1,1,2024-01-05,true\n")
    assert build(project_from([both, rows, service], root)).failed == {}
    return root


@pytest.fixture
def project(built, tmp_path):
    """A copy of it that a test may change."""
    return project_from([both, rows, service], shutil.copytree(built, tmp_path / "project"))


def feature(found, key):
    return next(one for one in found.features if one.key == f"features/{key}")


def test_every_feature_is_listed_with_its_definition_and_type(project):
    found = {one.key: (one.definition, one.type) for one in catalogue(project).features}
    assert found["features/activity.n_7d"] == ("count(*) over 7d", "BIGINT")
    assert found["features/activity.most"] == ("max(amount) over 30d", "DOUBLE")
    assert found["features/spend.total"] == ("SQL over sources/orders", "DOUBLE")
    assert "features/spend.customer_id" not in found


@pytest.mark.parametrize(
    ("key", "readers"),
    [
        ("activity.n_1d", ("services/asked",)),
        ("activity.n_7d", ("training_sets/rows",)),
        ("activity.most", ("services/asked",)),
        ("spend.total", ("features/both", "training_sets/rows", "services/asked")),
        ("grown.grown", ("features/both",)),
    ],
)
def test_readers_are_found_through_lineage_and_services(project, key, readers):
    assert set(feature(catalogue(project), key).consumers) == set(readers)


def test_before_a_build_declarations_say_what_they_can(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    found = catalogue(project_from([rows, service], tmp_path))
    assert feature(found, "activity.n_7d").consumers == ("training_sets/rows",)
    assert {view.version for view in found.views} == {None}


def test_entities_know_their_views(project):
    (entity,) = catalogue(project).entities
    assert (entity.name, entity.keys) == ("customer", ("customer_id",))
    assert set(entity.views) == {"features/activity", "features/both", "features/grown", "features/spend"}


def test_on_demand_features_are_features_too(project):
    found = next(view for view in catalogue(project).views if view.key == "on_demand/per_order")
    (one,) = found.features
    assert (one.name, one.type, one.consumers) == ("ratio", "DOUBLE", ("services/asked",))
    assert one.definition == "per_order() of features/activity, request basket"
    assert (found.entities, found.keys, found.owners) == (("customer",), ("customer_id",), ("team:shop",))
    assert with_statistics(project, found) == found


def test_services_are_told(project):
    (found,) = catalogue(project).services
    assert (found.name, found.views) == ("asked", ("features/activity", "features/spend"))


@pytest.mark.parametrize(
    ("words", "best"),
    [
        (["n_7d"], "activity.n_7d"),
        (["sales", "count", "1d"], "activity.n_1d"),
        (["team:shop", "max"], "activity.most"),
        (["GROWN"], "grown.grown"),
        (["training_sets/rows", "spend"], "spend.total"),
    ],
)
def test_search_finds_every_word_somewhere_and_names_first(project, words, best):
    assert search(catalogue(project), words)[0].key == f"features/{best}"


def test_search_finds_nothing_for_a_word_that_is_nowhere(project):
    assert search(catalogue(project), ["n_7d", "nowhere"]) == []


def test_names_that_mean_something_are_found(project):
    found = catalogue(project)
    assert find_view(found, "activity")[1] is None
    assert find_view(found, "features/activity.most")[1].name == "most"
    assert find_view(found, "most")[0].key == "features/activity"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("activty", "unknown feature or view 'activty'. Did you mean 'activity'"),
        ("activity.mots", "features/activity: unknown feature 'mots'. Did you mean 'most'"),
        ("total", "unknown single feature: it is in 'total'.*features/both.total, features/spend.total"),
    ],
)
def test_other_names_come_with_the_nearest(project, given, message):
    with pytest.raises(UnknownName, match=message):
        find_view(catalogue(project), given)


def test_statistics_are_made_once_and_kept(project):
    view, _ = find_view(catalogue(project), "activity")
    manifest = project.store.current("features/activity", "dev")
    assert kept_profile(project, manifest) is None
    told = with_statistics(project, view)
    assert told.newest == "2024-01-03"
    assert told.features[2].statistics["greatest"] == 20
    assert kept_profile(project, manifest) == profile_of(project, manifest)


def test_a_damaged_profile_is_made_again(project):
    manifest = project.store.current("features/activity", "dev")
    found = profile_of(project, manifest)
    (path,) = (project.store_folder / "cache" / "profiles").rglob("*.json")
    path.write_text("{")
    assert profile_of(project, manifest) == found


def test_profiles_of_deleted_versions_go(project):
    manifest = project.store.current("features/activity", "dev")
    profile_of(project, manifest)
    (path,) = (project.store_folder / "cache" / "profiles").rglob("*.json")
    stray = path.with_name("0123456789abcdef.json")
    path.rename(stray)
    profile_of(project, manifest)
    assert not stray.exists()


def test_sensitive_columns_have_no_statistics(tmp_path):
    contact = hr.FeatureView("contact", entity=customer, source=customers, features=["city"], sensitive=["city"])
    made = shop(tmp_path, contact, grown)
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    build(made)
    view = with_statistics(made, find_view(catalogue(made), "contact")[0])
    assert view.features[0].sensitive == ("features/contact.city",)
    assert set(view.features[0].statistics) == {"rows", "looked_at", "name", "type", "nulls", "hidden", "not_finite"}
    assert "Ulm" not in json.dumps(site_data(made, samples=5)["views"])
    sampled = {one["key"]: one["sample"] for one in site_data(made, samples=5)["assets"]}
    assert sampled["features/contact"]["rows"][0] == ["1", "(sensitive)"]


def test_the_site_knows_every_asset_and_where_its_columns_come_from(project):
    found = {one["key"]: one for one in site_data(project)["assets"]}
    assert set(found) == {*project.graph.keys, "services/asked", "on_demand/per_order"}
    assert found["features/activity"]["readers"] == ["training_sets/rows", "on_demand/per_order", "services/asked"]
    columns = {one["name"]: one["from"] for one in found["training_sets/rows"]["columns"]}
    assert columns["n_7d"] == ["features/activity.n_7d"]
    assert found["features/spend"]["sample"] is None
