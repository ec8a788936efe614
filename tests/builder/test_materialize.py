"""One asset at a time: fresh, reused or built, and what a failure leaves."""

from __future__ import annotations

import errno

import pandera.polars as pa
import polars as pl
import pytest

import headrace as hr
from headrace.builder import making
from headrace.builder.materialize import materialize
from headrace.builder.outcome import Request
from headrace.errors import HeadraceError, NotBuilt, SourceError, StoreError, ValidationError
from tests.builder.shop import customer, left_overs, orders, rows, shop, view

COUNT = "select customer_id, count(*) as n from {orders} group by all"
SUM = "select customer_id, sum(amount) as n from {orders} group by all"


class AtMostTwo(pa.DataFrameModel):
    customer_id: int
    n: int = pa.Field(le=2)


@pytest.fixture
def project(tmp_path):
    project = shop(tmp_path, view(COUNT))
    materialize(project, orders)
    return project


def state(project, declaration, **options):
    return materialize(project, declaration, Request(**options)).state


def test_built_then_fresh(project):
    assert state(project, view(COUNT)) == "built"
    assert state(project, view(COUNT)) == "fresh"
    assert rows(project, "features/v") == [(1, 2), (2, 1)]


def test_an_edit_builds_and_its_undoing_reuses(project):
    first = materialize(project, view(COUNT))
    second = materialize(project, view(SUM))
    assert (second.state, second.previous) == ("built", first.manifest.version)
    back = materialize(project, view(COUNT))
    assert (back.state, back.manifest) == ("reused", first.manifest)
    assert rows(project, "features/v") == [(1, 2), (2, 1)]


def test_another_environment_reuses_what_was_built_here(project, tmp_path):
    made = materialize(project, view(COUNT))
    other = shop(tmp_path, view(COUNT))
    object.__setattr__(other, "environment", "prod")
    assert state(other, orders) == "reused"
    assert materialize(other, view(COUNT)).manifest == made.manifest


def test_forced_computes_again_and_keeps_an_equal_version(project):
    first = materialize(project, view(COUNT))
    again = materialize(project, view(COUNT), Request(forced=True))
    assert (again.state, again.manifest, again.reasons[0].kind) == ("built", first.manifest, "forced")


def test_the_manifest_tells_where_it_came_from(project):
    made = materialize(project, view(COUNT), Request(run_id="run")).manifest
    source = project.store.current("sources/orders", "dev")
    read = made.inputs["sources/orders"]
    assert (read["version"], read["reads"]) == (source.version, ["customer_id"])
    assert read["digest"] != source.digest
    assert made.columns == [["customer_id", "BIGINT"], ["n", "BIGINT"]]
    assert (made.rows, made.run_id, made.details["checks"]["schema"]["rows"]) == (2, "run", 2)
    assert made.details["column lineage"]["customer_id"] == ["sources/orders.customer_id"]
    assert project.store.refs("dev").history("features/v")[0]["run_id"] == "run"


def test_an_input_without_a_version_is_named(tmp_path):
    project = shop(tmp_path, view(COUNT))
    with pytest.raises(NotBuilt, match="sources/orders has no version in environment 'dev'"):
        materialize(project, view(COUNT))


@hr.feature_view(entity=customer, name="v")
def raises(orders: pl.DataFrame):
    return orders.select("no such column")


@hr.feature_view(entity=customer, name="v")
def returns_nothing(orders: pl.DataFrame):
    return None


@pytest.mark.parametrize(
    ("declaration", "error", "message"),
    [
        (
            view("select customer_id, 3::bigint as n from {orders}", schema=AtMostTwo),
            ValidationError,
            r"features/v: .*\n.*n: .*less_than_or_equal_to.*3 row.*\n.*Nothing was published",
        ),
        (
            view("select customer_id, 'x' as n from {orders}", schema=AtMostTwo),
            ValidationError,
            "features/v: .*n: .*Int64.*Nothing was published",
        ),
        (
            view("select customer_id as id from {orders}"),
            ValidationError,
            "customer_id: is not returned.*It returned id.*Nothing was published",
        ),
        (view("select nope from {orders}"), HeadraceError, "DuckDB refused its SQL: .*nope.*Nothing was pub"),
        (raises, pl.exceptions.ColumnNotFoundError, "no such column"),
        (returns_nothing, HeadraceError, "features/v: its function returned NoneType"),
    ],
)
def test_a_failure_keeps_the_last_good_version_and_leaves_no_draft(project, declaration, error, message):
    good = materialize(project, view(COUNT)).manifest
    with pytest.raises(error, match=f"(?s){message}"):
        materialize(project, declaration)
    assert project.store.current("features/v", "dev") == good
    assert project.store.versions("features/v") == [good]
    assert left_overs(project) == []


def test_a_file_changed_while_it_is_read_is_refused(project, monkeypatch):
    good = project.store.current("sources/orders", "dev")
    path = project.data_folder / "orders.csv"
    path.write_text(path.read_text() + "4,2,2024-01-04,1\n")
    compute = making.compute

    def meanwhile(*args):
        made = compute(*args)
        path.write_text(path.read_text() + "5,2,2024-01-05,1\n")
        return made

    monkeypatch.setattr(making, "compute", meanwhile)
    with pytest.raises(SourceError, match=r"orders.csv changed while it was read. Build again. Nothing was published"):
        materialize(project, orders)
    assert project.store.current("sources/orders", "dev") == good
    monkeypatch.undo()
    assert materialize(project, orders).manifest.rows == 5


def test_a_source_that_cannot_be_read_is_named(project, monkeypatch):
    path = project.data_folder / "orders.csv"
    path.write_text(path.read_text() + "\n")

    def fail(_, paths):
        raise PermissionError(errno.EACCES, "Permission denied", str(paths[0]))

    monkeypatch.setattr(type(project.file_hashes), "hash_all", fail)
    with pytest.raises(SourceError, match=r"sources/orders: .*: Permission denied.*Nothing was published"):
        materialize(project, orders)


def test_a_full_disk_publishes_nothing(project, monkeypatch):
    good = materialize(project, view(COUNT)).manifest

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(making, "validate", fail)
    with pytest.raises(StoreError, match=r"Cannot write somewhere: the disk is full.*Nothing was published"):
        materialize(project, view(SUM))
    assert project.store.current("features/v", "dev") == good
    assert left_overs(project) == []


def test_reading_is_done_before_a_lock_is_held(project):
    """What is fresh asks for no lock, so a fresh asset never waits for a build elsewhere."""
    made = materialize(project, view(COUNT)).manifest
    with project.store.building("features/v", made.fingerprint):
        assert state(project, view(COUNT)) == "fresh"
