"""Reading raw files: what is read, and for each way of being wrong the culprit, what to do, what was not done."""

from __future__ import annotations

import json

import pandera.polars as pa
import polars as pl
import pytest
from PIL import Image

import headrace as hr
from headrace.builder.build import build
from headrace.builder.materialize import materialize
from headrace.builder.project import project_from
from headrace.errors import SourceError, ValidationError

GOOD = "order_id,at,amount,note\n2,2024-01-02 10:00:00,20.5,b\n1,2024-01-01 09:00:00,10,\n"


class Orders(pa.DataFrameModel):
    order_id: int
    at: pl.Datetime("us")
    amount: float = pa.Field(ge=0, nullable=True)
    note: str = pa.Field(nullable=True)


class Strict(Orders):
    class Config:
        strict = True


class Optional(Orders):
    discount: float | None = pa.Field(nullable=True)


def source(**changes) -> hr.Source:
    return hr.Source(
        **{"name": "orders", "path": "orders.csv", "keys": ["order_id"], "timestamp": "at", "schema": Orders, **changes}
    )


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    return project_from([], tmp_path)


def put(project, name, content):
    path = project.data_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(project, declaration) -> pl.DataFrame:
    made = materialize(project, declaration).manifest
    return pl.read_parquet(project.store.folder(declaration.key, made.version) / "data.parquet")


def test_rows_are_typed_by_the_schema_and_sorted_by_key_and_time(project):
    put(project, "orders.csv", GOOD)
    frame = read(project, source())
    assert frame.schema == {"order_id": pl.Int64, "at": pl.Datetime("us"), "amount": pl.Float64, "note": pl.String}
    assert frame["order_id"].to_list() == [1, 2]
    assert frame["note"].to_list() == [None, "b"]


FAILURES = {
    "no file": (None, {}, SourceError, "orders.csv: no such file. Put the data there, or mend path="),
    "nothing in the file": ("", {}, ValidationError, "order_id: is missing"),
    "binary rubbish": (b"\x00\xff\xfe\x81" * 50, {}, (SourceError, ValidationError), "missing|cannot be read"),
    "wrong type": (GOOD + "3,2024-01-03 10:00:00,many,c\n", {}, SourceError, 'cannot be read: .*"many".*DOUBLE'),
    "wrong time": (GOOD + "3,yesterday,1,c\n", {}, SourceError, 'cannot be read: .*"yesterday".*TIMESTAMP'),
    "too many cells": (
        GOOD + "3,2024-01-03 10:00:00,1,c,d,e\n",
        {},
        SourceError,
        "cannot be read: line 4 of .*orders.csv has 6 cell.s., the header 4",
    ),
    "missing cells": (
        GOOD + "3,2024-01-03 10:00:00\n",
        {},
        SourceError,
        "cannot be read: line 4 of .* has 2 cell.s., the header 4",
    ),
    "missing column": (
        GOOD.replace("amount", "amuont"),
        {},
        ValidationError,
        r"amount: is missing \(did you mean 'amuont'\?\); the files have order_id, at, amuont, note",
    ),
    "missing key without schema": (
        "orderid,at\n1,2024-01-01\n",
        {"schema": None},
        ValidationError,
        r"order_id: is missing \(did you mean 'orderid'\?\)",
    ),
    "repeated key": (
        GOOD + "2,2024-01-05 10:00:00,1,c\n",
        {},
        ValidationError,
        r"order_id: key is repeated \(2 row\(s\), first: \[2\]\)",
    ),
    "repeated pair": (
        GOOD + "2,2024-01-02 10:00:00,1,c\n",
        {"keys": ["order_id", "at"]},
        ValidationError,
        "order_id, at: key is repeated",
    ),
    "null key": (GOOD + ",2024-01-05 10:00:00,1,c\n", {}, ValidationError, r"order_id: key is null \(1 row"),
    "no rows": ("order_id,at,amount,note\n", {}, ValidationError, r"has no rows \(allow_empty=True permits that\)"),
    "broken rule": (
        GOOD + "3,2024-01-05 10:00:00,-1,c\n",
        {},
        ValidationError,
        r"amount: .*greater_than_or_equal_to.*\(1 row\(s\), first: \['-1.0'\]\)",
    ),
    "column too many": (
        GOOD,
        {"schema": pa.DataFrameSchema({"order_id": pa.Column(int), "at": pa.Column(pl.Datetime("us"))}, strict=True)},
        ValidationError,
        "amount: is not in the strict schema",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_wrong_is_named_and_the_last_good_version_stays(project, case):
    content, changes, error, message = FAILURES[case]
    put(project, "orders.csv", GOOD)
    good = materialize(project, source()).manifest
    (project.data_folder / "orders.csv").unlink()
    if content is not None:
        put(project, "orders.csv", content)
    with pytest.raises(error, match=f"(?s)sources/orders: .*{message}"):
        materialize(project, source(**changes))
    assert project.store.current("sources/orders", "dev") == good
    assert project.store.versions("sources/orders") == [good]
    assert list((project.store_folder / "drafts").iterdir()) == []


@pytest.mark.parametrize("case", [case for case in FAILURES if case != "no file"])
def test_says_that_nothing_was_published(project, case):
    content, changes, error, _ = FAILURES[case]
    put(project, "orders.csv", content)
    with pytest.raises(error, match="Nothing was published"):
        materialize(project, source(**changes))


def test_every_broken_rule_is_told_at_once(project):
    put(project, "orders.csv", GOOD.replace("order_id", "id").replace("note", "notes"))
    with pytest.raises(ValidationError, match=r"2 rule.s. of its schema broken") as caught:
        materialize(project, source())
    assert [failure["column"] for failure in caught.value.failures] == ["order_id", "note"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(project, delimiter):
    put(project, "orders.csv", GOOD.replace(",", delimiter).replace("b\n", '"b, ""c""\n; d"\n'))
    assert read(project, source())["note"].to_list() == [None, 'b, "c"\n; d']


def test_no_row_is_dropped_for_a_line_that_does_not_fit(project):
    put(project, "orders.csv", "id,x\n1,2\n2,3\n3,4,5\n4,5\n")
    with pytest.raises(SourceError, match=r"cannot be read: line 4 of .* has 3 cell.s., the header 2"):
        materialize(project, source(schema=None, keys=[], timestamp=None))


def test_several_files_are_one_table(project):
    put(project, "days/1.csv", GOOD)
    put(project, "days/2.csv", "note,order_id,at,amount\nc,3,2024-01-03 10:00:00,5\n")
    frame = read(project, source(path="days/*.csv"))
    assert frame["note"].to_list() == [None, "b", "c"]


def test_a_key_repeated_across_files_is_seen(project):
    put(project, "days/1.csv", GOOD)
    put(project, "days/2.csv", GOOD)
    with pytest.raises(ValidationError, match=r"key is repeated \(4 row\(s\), first: \[1, 2\]\)"):
        materialize(project, source(path="days/*.csv"))


def test_null_values_are_what_they_are_said_to_be(project):
    put(project, "orders.csv", GOOD + "3,2024-01-03 10:00:00,NA,-\n")
    frame = read(project, source(null_values=["", "NA", "-"]))
    assert frame.row(2)[2:] == (None, None)
    with pytest.raises(SourceError, match="NA"):
        materialize(project, source())


def test_no_rows_may_be_allowed(project):
    put(project, "orders.csv", "order_id,at,amount,note\n")
    frame = read(project, source(allow_empty=True))
    assert (frame.height, frame.schema["amount"]) == (0, pl.Float64)


def test_a_column_that_is_not_required_may_be_absent(project):
    put(project, "orders.csv", GOOD)
    assert read(project, source(schema=Optional)).columns == ["order_id", "at", "amount", "note"]
    put(project, "orders.csv", GOOD.replace("note", "note,discount").replace(",b", ",b,0.5").replace("10,\n", "10,,\n"))
    assert read(project, source(schema=Optional))["discount"].to_list() == [None, 0.5]


def test_parquet_keeps_its_types_unless_the_schema_coerces(project):
    frame = pl.DataFrame({"order_id": ["1", "2"], "amount": [1, 2]})
    frame.write_parquet(project.data_folder / "orders.parquet")
    columns = {"order_id": pa.Column(int), "amount": pa.Column(float)}
    plain = source(path="orders.parquet", timestamp=None, schema=pa.DataFrameSchema(columns))
    with pytest.raises(ValidationError, match=r"order_id: dtype\('Int64'\) .*String"):
        materialize(project, plain)
    coerced = source(path="orders.parquet", timestamp=None, schema=pa.DataFrameSchema(columns, coerce=True))
    assert read(project, coerced).schema == {"order_id": pl.Int64, "amount": pl.Float64}


def test_coercing_what_cannot_be_is_refused(project):
    pl.DataFrame({"order_id": ["1", "two"]}).write_parquet(project.data_folder / "orders.parquet")
    schema = pa.DataFrameSchema({"order_id": pa.Column(int, coerce=True)})
    with pytest.raises(SourceError, match=r"sources/orders: orders.parquet: cannot be read: .*'two'.*Nothing was pub"):
        materialize(project, source(path="orders.parquet", timestamp=None, schema=schema))


@pytest.mark.parametrize("name", ["orders.json", "orders.ndjson"])
def test_json(project, name):
    lines = [json.dumps({"order_id": n, "at": "2024-01-01 00:00:00", "tags": ["a"] * n}) for n in (2, 1)]
    put(project, name, "\n".join(lines) if name.endswith("ndjson") else f"[{', '.join(lines)}]")
    frame = read(project, source(path=name, schema=None))
    assert frame["tags"].to_list() == [["a"], ["a", "a"]]
    put(project, name, '{"order_id": 1, ')
    with pytest.raises(SourceError, match=f"{name}: cannot be read"):
        materialize(project, source(path=name, schema=None))


class TestImages:
    photos = hr.Source("photos", path="photos.csv", keys=["id"], images=["photo"])

    def put_rows(self, project, *paths):
        rows = [f"{number},{path}" for number, path in enumerate(paths)]
        put(project, "photos.csv", "\n".join(["id,photo", *rows]) + "\n")

    def test_paths_become_bytes_and_null_stays(self, project):
        Image.new("RGB", (3, 3)).save(project.data_folder / "a.png")
        self.put_rows(project, "a.png", "", "a.png")
        content = (project.data_folder / "a.png").read_bytes()
        assert read(project, self.photos)["photo"].to_list() == [content, None, content]

    @pytest.mark.parametrize("content", [b"", b"no picture", "half"])
    def test_what_does_not_decode_is_named(self, project, content):
        Image.effect_noise((99, 99), 50).save(project.data_folder / "a.png")
        whole = (project.data_folder / "a.png").read_bytes()
        put(project, "bad.png", whole[:2000] if content == "half" else content)
        self.put_rows(project, "a.png", "bad.png")
        with pytest.raises(SourceError, match=r"bad.png: is no image that can be decoded .*Replace the file.*Nothing"):
            materialize(project, self.photos)

    def test_a_missing_one_is_named_until_it_is_there(self, project):
        self.put_rows(project, "a.png")
        with pytest.raises(SourceError, match=r"a.png: cannot be read \(No such file"):
            materialize(project, self.photos)
        Image.new("RGB", (3, 3)).save(project.data_folder / "a.png")
        assert materialize(project, self.photos).state == "built"


def test_times_of_pandas_with_a_zone_are_kept_in_microseconds(tmp_path, make_project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    at = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", tz="UTC"))
    pq.write_table(pa.table({"id": [1], "at": at}), tmp_path / "data" / "a.parquet")
    project = make_project([hr.Source("a", path="a.parquet", keys=["id"], timestamp="at")], tmp_path / "data")
    assert build(project).failed == {}
    assert project.store.current("sources/a", "dev").columns == [["id", "BIGINT"], ["at", "TIMESTAMP WITH TIME ZONE"]]
