"""Sensitive columns are followed through the values that are made of them."""

from __future__ import annotations

import polars as pl
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.governance import check_governance
from headrace.builder.project import project_from
from headrace.builder.sensitivity import Sensitivity
from headrace.errors import DeclarationError, GovernanceError

person = hr.Entity("person", keys=["id"])
people = hr.Source("people", path="people.csv", keys=["id"], sensitive=["email", "birthday"])


@hr.feature_view(entity=person)
def contact(people=people):
    values = "lower(email) as address, length(city) as letters, 1 as one"
    return f"select id, {values} from {people} where birthday is not null"


@hr.feature_view(entity=person)
def python(people: pl.LazyFrame = people):
    return people.select("id", "birthday", "city")


@hr.feature_view(entity=person)
def above(contact=contact):
    return f"select id, md5(address) as hash, letters from {contact}"


def project(root, *declared, settings=""):
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "people.csv").write_text("id,email,birthday,city\n1,A@b.org,2000-01-01,Ulm\n2,c@d.org,,Bonn\n")
    (root / "pyproject.toml").write_text(f"[tool.headrace]\n[tool.headrace.governance]\n{settings}\n")
    return project_from(declared or (above, python), root)


def sensitive(made, asset):
    assert not build(made).failed
    return Sensitivity(made).of_asset(asset)


@pytest.mark.parametrize(
    ("asset", "columns"),
    [
        ("sources/people", {"email": ("sources/people.email",), "birthday": ("sources/people.birthday",)}),
        ("features/contact", {"address": ("sources/people.email",)}),
        ("features/above", {"hash": ("sources/people.email",)}),
    ],
)
def test_values_pass_it_on_and_filters_do_not(tmp_path, asset, columns):
    assert sensitive(project(tmp_path), asset) == columns


def test_of_python_every_column_may_hold_what_was_read(tmp_path):
    assert set(sensitive(project(tmp_path), "features/python")) == {"id", "birthday", "city"}


def test_what_is_allowed_passes_nothing_on(tmp_path):
    made = project(tmp_path, settings='allow_sensitive = ["features/contact.add*"]')
    assert sensitive(made, "features/above") == {}


def test_windows_and_views_of_columns(tmp_path):
    visits = hr.Source("visits", path="visits.csv", timestamp="at", sensitive=["ip"])
    counted = hr.FeatureView(
        "counted",
        entity=person,
        source=visits,
        features={"n": hr.Aggregate("count", over="1d"), "ips": hr.Aggregate("count_distinct", "ip", over="1d")},
    )
    picked = hr.FeatureView("picked", entity=person, source=visits, features={"address": "ip"})
    made = project(tmp_path, counted, picked)
    (tmp_path / "data" / "visits.csv").write_text("id,at,ip\n1,2024-01-01 10:00:00,1.2.3.4\n")
    assert sensitive(made, "features/counted") == {"ips": ("sources/visits.ip",)}
    assert sensitive(made, "features/picked") == {"address": ("sources/visits.ip",)}


def test_before_a_build_only_what_is_declared_is_known(tmp_path):
    assert set(Sensitivity(project(tmp_path)).of_asset("sources/people")) == {"email", "birthday"}
    assert Sensitivity(project(tmp_path)).of_asset("features/above") == {}


def test_a_sensitive_column_must_exist():
    view = {"entity": person, "source": people, "features": ["city"]}
    with pytest.raises(DeclarationError, match=r"FeatureView\('v'\): unknown column 'emial'"):
        hr.FeatureView("v", **view, sensitive=["emial"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("require_owners = true", r"FeatureView\('contact'\) has no owners"),
        ("require_owners = ['sources']", r"1 rule.*\n  - Source\('people'\) has no owners"),
        ("require_tags = ['domain']", r"Source\('people'\) lacks the tag 'domain'; it has none"),
    ],
)
def test_owners_and_tags_are_required_where_the_project_says_so(tmp_path, settings, message):
    made = project(tmp_path, contact, settings=settings)
    with pytest.raises(GovernanceError, match=message):
        check_governance(made)
    with pytest.raises(GovernanceError, match="Nothing was built"):
        build(made)


def test_what_has_them_is_fine(tmp_path):
    source = hr.Source("people", path="people.csv", owners=["team:data"], tags={"domain": "crm"})
    settings = "require_owners = true\nrequire_tags = ['domain']"
    assert build(project(tmp_path, source, settings=settings)).failed == {}


def served(root, *features, settings="", **options):
    """A project with a view of these columns that is online."""
    view = hr.FeatureView("v", entity=person, source=people, features=list(features), online=True, **options)
    return project(root, view, settings=settings)


def test_a_view_with_a_sensitive_feature_is_not_served(tmp_path):
    report = build(served(tmp_path, "city", "email"), ["features/v"])
    assert report.failed == {}
    with pytest.raises(
        GovernanceError, match=r"online/v would hold features/v\.email.* comes from sources/people\.email"
    ):
        build(served(tmp_path, "city", "email"))


def test_at_the_first_build_it_is_found_out_before_anything_is_published(tmp_path):
    made = served(tmp_path, "city", "email")
    assert isinstance(build(made).failed["online/v"], GovernanceError)
    assert "online/v" not in made.store.refs("dev").current()


def test_what_is_named_on_the_view_is_refused_before_any_build(tmp_path):
    with pytest.raises(GovernanceError, match=r"online/v would hold features/v\.city, which is sensitive\n"):
        build(served(tmp_path, "city", sensitive=["city"]))


@pytest.mark.parametrize("allowed", ["online/v.email", "online/*", "features/v.email"])
def test_what_may_be_served_is(tmp_path, allowed):
    made = served(tmp_path, "city", "email", settings=f'allow_sensitive = ["{allowed}"]')
    assert build(made).failed == {}
    assert "online/v" in made.store.refs("dev").current()


def windows(root, aggregate, settings=""):
    visits = hr.Source("visits", path="visits.csv", timestamp="at", sensitive=["ip"])
    view = hr.FeatureView("w", entity=person, source=visits, features={"n": aggregate}, online=True)
    made = project(root, view, settings=settings)
    (root / "data" / "visits.csv").write_text("id,at,ip\n1,2024-01-01 10:00:00,1.2.3.4\n")
    return build(made), made


def test_a_condition_may_mention_a_sensitive_column_which_is_not_kept(tmp_path):
    report, made = windows(tmp_path, hr.Aggregate("count", over="1d", where="ip like '1.%'"))
    assert report.failed == {}
    assert "ip" not in dict(made.store.current("online/w", "dev").columns)


def test_events_are_kept_where_windows_need_them_so_both_have_to_be_allowed(tmp_path):
    last = hr.Aggregate("last", "ip", over="1d")
    report, _ = windows(tmp_path, last, 'allow_sensitive = ["features/w.n"]')
    assert "online/w would hold sources/visits.ip, which is sensitive" in str(report.failed["online/w"])
    report, _ = windows(tmp_path, last, 'allow_sensitive = ["features/w.n", "online/w.ip"]')
    assert report.failed == {}


def test_services_answer_to_somebody_too(tmp_path):
    made = project(
        tmp_path, contact, hr.FeatureService("asked", features=[contact]), settings="require_owners = ['services']"
    )
    with pytest.raises(GovernanceError, match=r"  - FeatureService\('asked'\) has no owners\n"):
        check_governance(made)
