"""A selection at a time: what is computed, in which order, and what a failure stops."""

from __future__ import annotations

import shutil
import threading

import pytest

import headrace as hr
from headrace.builder.build import build, plan_project
from headrace.builder.project import project_from
from headrace.errors import SourceError, UnknownAsset
from headrace.lineage.determinism import NondeterminismWarning
from tests.builder.shop import both, customer, left_overs, orders, rows, shop, spend, view

ALL = {"sources/orders", "sources/customers", "features/spend", "features/grown", "features/both"}


@pytest.fixture
def project(tmp_path):
    project = shop(tmp_path)
    report = build(project)
    assert not report.failed, report.failed
    return project


def edit(project, file="orders.csv", before=",20\n", after=",25\n"):
    path = project.data_folder / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def outcome(project, *selection, **options):
    return {key: value for key, value in build(project, selection, **options).to_json().items() if key != "seconds"}


def test_builds_everything_upstream_first(tmp_path):
    project = shop(tmp_path)
    report = build(project)
    made = report.keys("built")
    assert set(made) == ALL
    for key in made:
        assert all(made.index(one) < made.index(key) for one in project.graph.upstream[key])
    assert rows(project, "features/both") == [(1, 30.5, 2, True), (2, 5.0, 1, False)]


def test_a_second_build_computes_nothing(project):
    found = outcome(project)
    assert (found["built"], found["reused"], set(found["fresh"])) == ([], [], ALL)
    assert {step.state for step in plan_project(project).steps.values()} == {"fresh"}


def test_a_changed_file_builds_what_reads_it(project):
    edit(project)
    plan = plan_project(project)
    assert {step.asset: step.state for step in plan.work} == {
        "sources/orders": "build",
        "features/spend": "pending",
        "features/both": "pending",
    }
    assert plan.steps["sources/orders"].reasons[0].detail == "orders.csv changed"
    assert set(outcome(project)["built"]) == {"sources/orders", "features/spend", "features/both"}


def test_early_cutoff_stops_at_the_first_equal_content(project):
    edit(project, "customers.csv", "30", "31")
    found = outcome(project)
    assert set(found["built"]) == {"sources/customers", "features/grown"}
    assert "features/both" in found["fresh"]


def test_rows_in_another_order_change_nothing_downstream(project):
    path = project.data_folder / "orders.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(lines)]) + "\n")
    assert outcome(project)["built"] == ["sources/orders"]


def test_an_undone_edit_is_reused(project):
    edit(project)
    build(project)
    edit(project, before=",25\n", after=",20\n")
    found = outcome(project)
    assert (found["built"], set(found["reused"])) == ([], {"sources/orders", "features/spend", "features/both"})


def test_a_selection_brings_what_it_needs_and_nothing_else(tmp_path):
    project = shop(tmp_path)
    assert outcome(project, "features/spend")["built"] == ["sources/orders", "features/spend"]
    edit(project)
    assert set(outcome(project, "features/both")["built"]) == ALL


def test_only_leaves_inputs_as_they_are(project):
    edit(project)
    assert outcome(project, "features/spend", only=True) == {
        "built": [],
        "reused": [],
        "fresh": ["features/spend"],
        "failed": [],
        "skipped": [],
    }


def test_force_computes_the_selection(project):
    found = outcome(project, "features/spend", force=True)
    assert found["built"] == ["features/spend"]


def test_an_unknown_selection_builds_nothing(project):
    with pytest.raises(UnknownAsset, match=r"No asset 'features/spent'.* Did you mean 'features/spend'"):
        build(project, ["features/spent"])


def test_a_failure_stops_what_depends_on_it_and_nothing_else(tmp_path):
    broken = view("select nope from {orders}", name="broken")

    @hr.feature_view(entity=customer, inputs={"broken": broken})
    def after(broken):
        return f"select * from {broken}"

    project = shop(tmp_path, after, both)
    report = build(project)
    assert set(report.failed) == {"features/broken"}
    assert report.skipped == {"features/after": "features/broken"}
    assert set(report.keys("built")) == ALL
    assert left_overs(project) == []


def test_a_source_that_vanishes_fails_and_stays_current(project):
    before = project.store.refs("dev").current()
    (project.data_folder / "orders.csv").unlink()
    report = build(project)
    assert isinstance(report.failed["sources/orders"], SourceError)
    assert set(report.skipped) == {"features/spend", "features/both"}
    assert project.store.refs("dev").current() == before


@pytest.mark.parametrize("asset", sorted(ALL))
@pytest.mark.parametrize("damage", ["data.parquet", "manifest.json", "all"])
def test_a_damaged_version_is_made_anew(project, asset, damage):
    before = rows(project, asset)
    folder = project.store.folder(asset, project.store.current(asset, "dev").version)
    if damage == "all":
        shutil.rmtree(folder)
    else:
        (folder / damage).write_text("")
    assert plan_project(project).steps[asset].reasons[0].kind == "damaged"
    assert outcome(project)["built"] == [asset]
    assert rows(project, asset) == before


class Heard:
    def __init__(self):
        self.events = []

    def started(self, asset):
        self.events.append(("started", asset))

    def progressed(self, asset, message, share):
        self.events.append(("progressed", asset))

    def finished(self, outcome):
        self.events.append((outcome.state, outcome.asset))

    def failed(self, asset, error):
        self.events.append(("failed", asset))

    def skipped(self, asset, because):
        self.events.append(("skipped", asset))


class Meeting(Heard):
    """Lets an asset begin only when another one does too."""

    def __init__(self):
        super().__init__()
        self.barrier = threading.Barrier(2, timeout=20)

    def started(self, asset):
        if asset.startswith("sources/"):
            self.barrier.wait()


def test_independent_assets_run_side_by_side(tmp_path):
    report = build(shop(tmp_path), jobs=2, listener=Meeting())
    assert not report.failed, report.failed


def test_a_listener_hears_of_each_asset(tmp_path):
    heard = Heard()
    broken = view("select nope from {orders}", name="broken")

    @hr.feature_view(entity=customer, inputs={"broken": broken})
    def after(broken):
        return f"select * from {broken}"

    build(shop(tmp_path, after, spend), listener=heard)
    events = set(heard.events)
    assert {("built", "sources/orders"), ("failed", "features/broken"), ("skipped", "features/after")} <= events
    assert ("started", "features/after") not in events


def test_an_empty_project_builds(tmp_path):
    report = build(project_from([], tmp_path))
    assert (report.outcomes, report.failed) == ([], {})


def test_images_count_by_their_content(tmp_path):
    from PIL import Image

    photos = hr.Source("photos", path="photos.csv", keys=["id"], images=["photo"])
    project = shop(tmp_path, photos, orders)
    Image.new("RGB", (4, 4), "red").save(project.data_folder / "a.png")
    (project.data_folder / "photos.csv").write_text("id,photo\n1,a.png\n2,\n")
    assert "sources/photos" in outcome(project)["built"]
    assert outcome(project)["built"] == []
    Image.new("RGB", (4, 4), "blue").save(project.data_folder / "a.png")
    plan = plan_project(project)
    assert plan.steps["sources/photos"].reasons[0].detail == "a.png changed"
    assert outcome(project)["built"] == ["sources/photos"]


def test_verify_finds_what_is_not_reproducible(tmp_path):
    stable = view("select customer_id, sum(amount) as total from {orders} group by all", "stable")
    unstable = view("select customer_id, amount, random() as r from {orders}", "unstable")
    project = shop(tmp_path, stable, unstable)
    with pytest.warns(NondeterminismWarning, match=r"FeatureView\('unstable'\): random\(\) draws anew"):
        report = build(project, verify=True)
    assert report.unstable == {"features/unstable": ["r"]}
    assert report.to_json()["unstable"] == {"features/unstable": ["r"]}
    before = project.store.refs("dev").current()
    with pytest.warns(NondeterminismWarning):
        assert build(project, ["stable"], verify=True).unstable == {}
    assert project.store.refs("dev").current() == before
    assert len(project.store.versions("features/unstable")) == 1
    with pytest.warns(NondeterminismWarning):
        assert build(project).unstable is None
