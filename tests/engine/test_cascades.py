"""Cascades end to end on small tables: chains, routing, abstentions, and bundles that do not fit together."""

from __future__ import annotations

import json
import shutil

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier

import headrace as hr
from headrace import serving
from headrace.builder.build import build
from headrace.engine.bundle import load_bundle
from headrace.errors import CorruptObject, TrainingError, ValidationError

ROWS = 600


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Numbers that a band decides: y is x for `up`, -x for `down`; words and a number tell the band."""
    folder = tmp_path_factory.mktemp("raw")
    random = np.random.default_rng(11)
    up = random.random(ROWS) < 0.5
    x = random.normal(size=ROWS)
    hint = np.where(random.random(ROWS) < 0.9, up, ~up)
    pl.DataFrame(
        {
            "id": range(ROWS),
            "x": x,
            "words": np.where(hint, "rising sun", "falling rain"),
            "band": np.where(up, "up", "down"),
            "y": np.where(up, x, -x) + 0.1 * random.normal(size=ROWS),
            "good": np.where(up, x, -x) > 0,
            "split": ["train"] * 400 + ["test"] * 200,
        }
    ).write_parquet(folder / "rows.parquet")
    return folder


spine = hr.Source("rows", path="rows.parquet", keys=["id"])
rows = hr.TrainingSet(
    "rows", spine=spine, label=["band", "y", "good"], keep=["x", "words"], split=hr.ColumnSplit("split")
)
encoding = hr.Transform("encoding", fit_on=rows, encode={"words": hr.BagOfWords("words"), "x": hr.Standardize("x")})
matrix = hr.Matrix("matrix", rows=rows, transform=encoding)


def stage(name, target, estimator, **options):
    return hr.Stage(name, matrix=matrix, target=target, estimator=estimator, **options)


band = stage("band", "band", LogisticRegression())
routed = hr.Cascade(
    "routed",
    stages=[
        stage("down", "good", HistGradientBoostingClassifier(max_iter=30), when={"band": "down"}),
        stage("up", "good", HistGradientBoostingClassifier(max_iter=30), when={"band": "up"}),
        band,
    ],
)
chained = hr.Cascade("chained", stages=[band, stage("number", "y", LinearRegression(), inputs=["band"])])
partial = hr.Cascade("partial", stages=[band, stage("up_only", "y", LinearRegression(), when={"band": "up"})])


@pytest.fixture(scope="module")
def project(make_project, raw):
    made = make_project([routed, chained, partial], raw)
    report = build(made)
    assert not report.failed, report.failed
    return made


def metrics(project, cascade):
    return project.store.current(f"cascades/{cascade}", "dev").details["metrics"]


def test_routing_pays_and_perfect_routing_pays_more(project):
    found = metrics(project, "routed")["good"]
    alone, ended, true = (found[name]["auc"] for name in ("one model without routing", "end to end", "true routing"))
    assert ended > 0.85
    assert true > ended
    # Trees over the words and x see the interaction by themselves: the metrics say that one model does as well.
    assert abs(alone - ended) < 0.1


def test_every_test_row_is_counted_once(project):
    found = metrics(project, "routed")["good"]
    assert found["end to end"]["rows"] == 200
    assert found["branch up"]["rows"] + found["branch down"]["rows"] == 200


def test_a_chained_number_uses_the_chances_it_is_fed(project):
    manifest = project.store.current("cascades/chained/number", "dev")
    folder = project.store.folder(manifest.asset, manifest.version)
    facts = json.loads((folder / "model" / "stage.json").read_text())
    assert facts["inputs"] == ["band"]
    answer = serving.load("chained", project.root).predict(pl.DataFrame({"x": [0.0], "words": ["rising sun"]}))
    assert answer.columns == ["band", "band_probability_down", "band_probability_up", "y"]


def test_rows_that_no_stage_serves_have_no_answer_and_are_counted(project):
    found = metrics(project, "partial")["y"]
    assert found["not served"]["rows"] + found["end to end"]["rows"] == 200
    frame = pl.DataFrame({"x": [1.0, 1.0], "words": ["rising sun", "falling rain"]})
    answer = serving.load("partial", project.root).predict(frame)
    assert answer["y_stage"].to_list() == ["up_only", None]
    assert answer["y"].is_null().to_list() == [False, True]


@pytest.mark.parametrize("cascade", ["routed", "chained", "partial"])
def test_one_row_equals_the_bulk(project, raw, cascade):
    frame = pl.read_parquet(raw / "rows.parquet").head(80)
    predictor = serving.load(cascade, project.root)
    assert [predictor.predict_row(row) for row in frame.to_dicts()] == predictor.predict(frame).to_dicts()


def test_no_rows_give_no_answers_with_all_columns(project, raw):
    predictor = serving.load("routed", project.root)
    frame = pl.read_parquet(raw / "rows.parquet")
    empty, some = predictor.predict(frame.head(0)), predictor.predict(frame.head(3))
    assert empty.columns == some.columns
    assert empty.height == 0


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"x": [1.0]}), "words: is missing"),
        (pl.DataFrame({"x": [1.0], "word": ["a"]}), r"words: is missing \(did you mean 'word'\?\)"),
        (pl.DataFrame({"x": ["1.0"], "words": ["a"]}), "x: holds text, but number in training"),
    ],
)
def test_rows_of_another_shape_are_refused(project, frame, message):
    with pytest.raises(ValidationError, match=message):
        serving.load("routed", project.root).predict(frame)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder / "stages" / "up"),
        lambda folder: shutil.rmtree(folder / "transforms" / "encoding"),
        lambda folder: (folder / "stages" / "up" / "model.skops").write_bytes(b"nonsense"),
        lambda folder: (folder / "bundle.json").write_text("{"),
    ],
    ids=["no stage", "no transform", "broken model", "broken index"],
)
def test_a_bundle_that_is_not_whole_is_not_loaded(project, tmp_path, damage):
    manifest = project.store.current("cascades/routed", "dev")
    shutil.copytree(project.store.folder(manifest.asset, manifest.version) / "bundle", tmp_path / "bundle")
    load_bundle(tmp_path / "bundle")
    damage(tmp_path / "bundle")
    with pytest.raises(CorruptObject, match="cannot be"):
        load_bundle(tmp_path / "bundle")


def test_a_changed_file_of_a_published_bundle_is_not_served(make_project, raw):
    project = make_project([partial], raw)
    build(project)
    manifest = project.store.current("cascades/partial", "dev")
    path = project.store.folder(manifest.asset, manifest.version) / "bundle" / "stages" / "band" / "stage.json"
    path.write_text(path.read_text().replace('"down"', '"Down"'))
    with pytest.raises(CorruptObject, match=r"stage\.json was changed since it was built"):
        serving.load("partial", project.root)


def test_classes_without_probabilities_cannot_be_fed_on(make_project, raw):
    fed = hr.Cascade(
        "fed", stages=[stage("band", "band", RidgeClassifier()), stage("y", "y", LinearRegression(), inputs=["band"])]
    )
    report = build(make_project([fed], raw))
    assert list(report.failed) == ["cascades/fed/y"]
    with pytest.raises(TrainingError, match="'band' gives classes without probabilities"):
        raise report.failed["cascades/fed/y"]


def test_an_estimator_s_parameter_retrains_its_stage_and_what_it_feeds_alone(make_project, raw):
    project = make_project([chained], raw)
    build(project)
    other = hr.Cascade("chained", stages=[stage("band", "band", LogisticRegression(C=0.01)), chained.stage("number")])
    changed = make_project([other], raw)
    shutil.copytree(project.store_folder, changed.store_folder)
    report = build(changed)
    assert report.keys("built") == ["cascades/chained/band", "cascades/chained/number", "cascades/chained"]
