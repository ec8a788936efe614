"""Sources whose rows a function gives, as they are built."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest

import headrace as hr
from headrace.builder.build import build
from headrace.builder.planning import plan_project
from headrace.builder.project import Project, project_from
from headrace.engine.source_functions import function_parts
from headrace.errors import SourceError, ValidationError

ROWS = {"id": [2, 1], "at": [datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)], "price": [2.5, 1.5]}
answers = {"count": 2}


def frame() -> pl.DataFrame:
    return pl.DataFrame(ROWS)


@pytest.fixture(autouse=True)
def _forgotten():
    answers["count"] = 2


def project(tmp_path, source: hr.Source) -> Project:
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    return project_from([source], tmp_path)


def made(project: Project) -> list[tuple]:
    report = build(project)
    for error in report.failed.values():
        raise error
    manifest = project.store.current("sources/prices", "dev")
    return pl.read_parquet(project.store.folder(manifest.asset, manifest.version) / "data.parquet").rows()


@pytest.mark.parametrize("give", [frame, lambda: frame().lazy(), lambda: frame().to_arrow()])
def test_any_frame_is_kept_sorted_by_its_keys(tmp_path, give):
    source = hr.source(keys=["id"], timestamp="at", name="prices")(give)
    assert [row[0] for row in made(project(tmp_path, source))] == [1, 2]


def test_it_runs_again_when_changed_says_so(tmp_path):
    log = tmp_path / "calls"

    def prices():
        with log.open("a") as file:
            file.write(".")
        return pl.DataFrame({"id": range(3)})

    def calls():
        return len(log.read_text())

    asked = project(tmp_path, hr.source(keys=["id"], changed=lambda: answers["count"])(prices))
    build(asked)
    build(project(tmp_path, next(iter(asked.graph.nodes.values()))))
    assert calls() == 1
    answers["count"] = 3
    again = project(tmp_path, next(iter(asked.graph.nodes.values())))
    assert "changed()" in plan_project(again).steps["sources/prices"].reasons[0].detail
    build(again)
    assert calls() == 2


def test_rows_stay_good_for_a_time():
    source = hr.source(every="1h")(frame)
    assert function_parts(source, 3599.0) == function_parts(source, 0.0) != function_parts(source, 3600.0)


def test_what_reads_it_is_spared_when_it_gives_the_same_again(tmp_path):
    source = hr.source(keys=["id"], changed=lambda: answers["count"], name="prices")(frame)

    @hr.feature_view(entity=hr.Entity("item", keys=["id"]))
    def doubled(prices=source):
        return f"select id, price * 2 as price from {prices}"

    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n")
    build(project_from([source, doubled], tmp_path))
    answers["count"] = 3
    report = build(project_from([source, doubled], tmp_path))
    assert report.keys("built") == ["sources/prices"]


@pytest.mark.parametrize(
    ("give", "error", "said"),
    [
        (lambda: 3, SourceError, "returned int, not a frame"),
        (lambda: pa.table({"other": [1]}), ValidationError, "id.*is missing"),
        (lambda: pl.DataFrame({"id": [1, 1]}), ValidationError, "key is repeated"),
        (lambda: pl.DataFrame({"id": []}, schema={"id": pl.Int64}), ValidationError, "no rows"),
    ],
)
def test_bad_rows_are_refused(tmp_path, give, error, said):
    with pytest.raises(error, match=f"(?s){said}"):
        made(project(tmp_path, hr.source(keys=["id"], name="prices")(give)))


def test_an_answer_that_cannot_be_compared(tmp_path):
    source = hr.source(changed=lambda: object(), name="prices")(frame)
    with pytest.raises(SourceError, match="no JSON value"):
        made(project(tmp_path, source))
