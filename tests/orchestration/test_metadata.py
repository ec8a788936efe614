"""What is shown of a version."""

from __future__ import annotations

import base64
import io

import dagster as dg
import polars as pl
import pytest
from PIL import Image

from headrace.builder.outcome import Outcome
from headrace.lineage.plan import Reason
from headrace.orchestration.metadata import metadata_of
from headrace.orchestration.preview import preview
from headrace.orchestration.tables import image_format, table

EVERYWHERE = {"headrace/state", "reasons", "version", "size", "dagster/row_count", "dagster/column_schema"}


def metadata(project, key: str):
    outcome = Outcome(key, "built", project.store.current(key, "dev"), (Reason("forced", "forced"),))
    return metadata_of(project, project.graph.nodes[key], outcome)


def rows(value) -> list[dict[str, object]]:
    return [dict(record.data) for record in value.records]


@pytest.mark.parametrize(
    ("key", "special"),
    [
        ("sources/customers", {"files", "image files", "pictures of photo", "preview", "columns"}),
        ("features/activity", {"features", "events", "preview"}),
        ("features/daily", {"sql", "column lineage"}),
        ("training_sets/learning", {"split", "labels", "bought by split"}),
        ("transforms/encoding", {"fitted on", "blocks", "fitted state"}),
        ("matrices/matrix", {"blocks", "preview"}),
        ("cascades/guess/model", {"metrics", "plot", "trained on", "estimator", "classes"}),
        ("cascades/guess", {"metrics of bought", "inputs"}),
    ],
)
def test_each_noun_shows_what_matters(built, project, key, special):
    found = metadata(project, key)
    assert set(found) >= EVERYWHERE | special
    assert found["reasons"] == "forced"
    dg.AssetMaterialization(key.split("/"), metadata=found)  # Dagster accepts all of it


def test_column_schema_has_types_roles_and_rules(built, project):
    columns = {one.name: one for one in metadata(project, "sources/orders")["dagster/column_schema"].columns}
    assert columns["amount"].type == "DOUBLE"
    assert columns["amount"].constraints.other == ["greater than or equal to (min 0)"]
    assert columns["order_id"].description == "key"
    assert columns["order_id"].constraints.unique
    assert columns["ordered_at"].description == "event time"


def test_column_lineage_is_there_for_dagster_and_for_people(built, project):
    found = metadata(project, "training_sets/learning")
    deps = found["dagster/column_lineage"].deps_by_column["spend"]
    assert deps == [dg.TableColumnDep(dg.AssetKey(["features", "activity"]), "spend")]
    table = rows(found["column lineage"])
    by_value = {"column": "spend", "input": "features/activity", "comes from": "spend"}
    assert {**by_value, "rows decided by": "customer_id, ordered_at"} in table
    by_rows = {"column": "spend", "input": "sources/visits", "comes from": ""}
    assert {**by_rows, "rows decided by": "customer_id, seen_at"} in table


def test_sql_is_traced_and_a_count_shows_what_decides_its_rows(built, project):
    found = metadata(project, "features/daily")
    table = {row["column"]: row for row in rows(found["column lineage"])}
    assert (table["day"]["comes from"], table["day"]["rows decided by"]) == ("ordered_at", "customer_id")
    assert (table["n"]["comes from"], table["n"]["rows decided by"]) == ("", "customer_id, ordered_at")
    assert len(found["dagster/column_lineage"].deps_by_column["n"]) == 2


def test_inputs_show_the_columns_that_were_read(built, project):
    (only,) = rows(metadata(project, "features/activity")["inputs"])
    assert only["input"] == "sources/orders"
    assert only["columns read"] == "amount, customer_id, ordered_at"


def test_reasons_say_why_now_and_why_then(built, project):
    found = metadata(project, "features/activity")
    assert (found["reasons"], found["built because"]) == ("forced", "never built")
    many = Outcome("x", "built", project.store.current("features/activity", "dev"), (Reason("file", "new"),) * 12)
    said = metadata_of(project, project.graph.nodes["features/activity"], many)["reasons"]
    assert said.endswith("new; and 2 more")


def test_ranges_come_from_the_files_statistics(built, project):
    found = {row["column"]: row for row in rows(metadata(project, "sources/orders")["columns"])}
    assert found["amount"] == {"column": "amount", "type": "DOUBLE", "nulls": "0", "least": "0", "greatest": "6"}


def test_bytes_are_named_and_pictures_drawn(built, project):
    found = metadata(project, "sources/customers")
    assert rows(found["preview"])[0]["photo"].startswith("<PNG ")
    content = base64.b64decode(found["pictures of photo"].value.split("base64,")[1].rstrip(")"))
    with Image.open(io.BytesIO(content)) as strip:
        assert strip.width > 4 * 60


def test_a_wide_table_is_turned_and_a_long_one_cut():
    wide = pl.DataFrame({f"column_{number}": range(20) for number in range(9)})
    assert rows(preview(wide))[1] == {"column": "column_1", "row 1": "0", "row 2": "1", "row 3": "2", "row 4": "3"}
    assert rows(table([{"n": number, "m": 0} for number in range(5)], most=3))[-1] == {"n": "... 2 more", "m": ""}


def test_no_rows_are_no_table():
    assert table([]) is None


@pytest.mark.parametrize(("start", "name"), [(b"\x89PNG", "PNG"), (b"\xff\xd8\xff\xe0", "JPEG"), (b"text", None)])
def test_image_format(start, name):
    assert image_format(start) == name
