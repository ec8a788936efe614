"""headrace predict: the same answers from any file format, in bulk and row by row."""

from __future__ import annotations

import json
import random
import sys

import polars as pl
import pytest
from PIL import Image

from headrace.cli.main import main
from tests.cli.conftest import make_project

DECLARATIONS = """
import headrace as hr
from sklearn.linear_model import LogisticRegression

shown = hr.Source("shown", path="shown.csv", keys=["id"], images=["photo"])
rows = hr.TrainingSet(
    "rows", spine=shown, label="bought", keep=["price", "code", "photo"], split=hr.GroupSplit(by="id", test=0.3)
)
encoding = hr.Transform("encoding", fit_on=rows, encode={
    "price": hr.Standardize("price"), "code": hr.OneHot("code"), "photo": hr.ColorHistogram("photo")
})
matrix = hr.Matrix("matrix", rows=rows, transform=encoding)
buys = hr.Cascade("buys", stages=[
    hr.Stage("buyer", matrix=matrix, target="bought", estimator=LogisticRegression())
])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A built cascade over numbers, categories and images."""
    from headrace.builder.build import build
    from headrace.builder.project import load_project

    folder = tmp_path_factory.mktemp("predict")
    tiny = make_project(folder / "project", DECLARATIONS)
    pick = random.Random(0)
    lines = ["id,price,code,photo,bought"]
    for number in range(60):
        price = pick.random() * 10
        lines.append(f"{number},{price:.3f},{pick.choice(['a', 'b', 'c'])},{number % 5}.png,{price > 5}")
    (tiny.root / "data" / "shown.csv").write_text("\n".join(lines) + "\n")
    for number in range(5):
        Image.new("RGB", (8, 8), (number * 50, 10, 200)).save(tiny.root / "data" / f"{number}.png")
    path = [*sys.path]
    report = build(load_project(tiny.root))
    sys.path[:] = path
    assert not report.failed
    return tiny.root


@pytest.fixture(autouse=True)
def _there(root, monkeypatch):
    monkeypatch.chdir(root)


@pytest.fixture(scope="module")
def paths(root):
    """The same rows in three formats: CSV and JSON name their images, Parquet holds them."""
    frame = pl.read_csv(root / "data" / "shown.csv").drop("bought")
    photos = [(root / "data" / name).read_bytes() for name in frame["photo"]]
    frame.write_csv(root / "data" / "rows.csv")
    frame.write_json(root / "data" / "rows.json")
    frame.with_columns(photo=pl.Series(photos)).write_parquet(root / "data" / "rows.parquet")
    return {name: f"data/rows.{name}" for name in ("csv", "json", "parquet")}


def answers(root, file: str, *options: str) -> pl.DataFrame:
    assert main(["predict", "buys", "--input", file, "--output", "answers.parquet", *options]) == 0
    return pl.read_parquet(root / "answers.parquet").drop("photo")


def test_every_format_and_row_by_row_agree(root, paths):
    expected = answers(root, paths["parquet"])
    assert expected.columns[-3:] == ["bought", "bought_probability_false", "bought_probability_true"]
    assert expected.height == 60
    for name in ("csv", "json", "parquet"):
        assert answers(root, paths[name]).equals(expected)
        one_by_one = answers(root, paths[name], "--one-by-one")
        assert one_by_one.schema == expected.schema
        assert one_by_one.equals(expected)


def test_a_column_named_like_an_answer_is_kept(root, paths):
    found = answers(root, "data/shown.csv")
    assert found["bought"].equals(pl.read_csv(root / "data" / "shown.csv")["bought"])
    assert found["bought_predicted"].equals(answers(root, paths["csv"])["bought"].alias("bought_predicted"))
    assert main(["predict", "buys", "--input", "answers.parquet"]) == 1


def test_text_that_looks_like_numbers_stays_text(root, paths):
    pl.DataFrame({"price": [1], "code": ["007"], "photo": ["1.png"]}).write_csv(root / "data" / "odd.csv")
    assert answers(root, "data/odd.csv")["code"].to_list() == ["007"]


def test_a_table_and_json(paths, capsys):
    assert main(["predict", "cascades/buys", "--input", paths["csv"], "--rows", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "first 2 of 60 rows"
    assert main(["predict", "buys", "--input", paths["csv"], "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["photo"] == "0.png"
    assert isinstance(rows[0]["bought"], bool)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prise,code,photo\n1,a,1.png\n", "did you mean 'prise'?"),
        ("price,code,photo\ncheap,a,1.png\n", "Nothing was predicted."),
        ("price,code,photo\n1,a,none.png\n", "row 0, column 'photo': the image data/none.png cannot be read"),
    ],
)
def test_rows_that_cannot_be_answered(root, content, message, capsys):
    (root / "data" / "bad.csv").write_text(content)
    assert main(["predict", "buys", "--input", "data/bad.csv"]) == 1
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("cascade", "file", "code", "message"),
    [
        ("bys", "data/shown.csv", 2, "Did you mean 'cascades/buys'?"),
        ("buys", "data/no.csv", 1, "data/no.csv: no such file."),
        ("buys", "pyproject.toml", 1, "cannot tell the format"),
    ],
)
def test_bad_arguments(cascade, file, code, message, capsys):
    assert main(["predict", cascade, "--input", file]) == code
    assert message in capsys.readouterr().err


def test_another_environment_has_no_version(capsys):
    assert main(["predict", "buys", "--input", "data/shown.csv", "--env", "live"]) == 1
    assert "cascades/buys has no version in environment 'live'" in capsys.readouterr().err


def test_matrix_blocks_stand_for_their_columns(capsys):
    assert main(["lineage", "matrix.photo"]) == 0
    shown = capsys.readouterr().out
    assert "training_sets/rows.photo" in shown
    assert "cascades/buys/buyer.prediction" in shown


def test_metrics_are_tables(capsys):
    assert main(["show", "buys"]) == 0
    shown = capsys.readouterr().out
    assert "end to end" in shown
    assert "accuracy" in shown
