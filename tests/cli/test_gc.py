"""headrace gc: what is deleted, and what is said of it."""

from __future__ import annotations

import json
import shutil

import pytest

from headrace.store import garbage
from headrace.store.garbage import Rules


@pytest.fixture
def littered(built, capsys, monkeypatch):
    """Three edits, so that two old versions of one asset are needed by nobody, and no hour of grace."""
    monkeypatch.setattr(garbage, "Rules", lambda **given: Rules(**given, grace=Rules().unused * 0))
    for before, now in (('pl.col("total").sum())', "2)"), ("/ 2)", "/ 3)"), ("/ 3)", "/ 4)")):
        built.edit(before, now)
        built.run("build", "--quiet")
    capsys.readouterr()
    return built


def stored(project):
    return sorted(path.name for path in (project.root / ".headrace" / "objects" / "features" / "totals").iterdir())


def test_by_default_what_was_used_lately_stays(littered, capsys):
    assert littered.run("gc") == 0
    out = capsys.readouterr().out
    assert "deleted 0 versions, freed 0 B" in out
    assert "kept 2 versions that no environment needs" in out
    assert len(stored(littered)) == 4


def test_a_dry_run_and_the_real_one(littered, capsys):
    before = stored(littered)
    assert littered.run("gc", "--keep", "0", "--older-than", "0s", "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["asset"] for one in found["removed"]] == ["features/totals"] * 2
    assert (found["dry_run"], stored(littered)) == (True, before)
    assert littered.run("gc", "--keep", "0", "--older-than", "0s") == 0
    out = capsys.readouterr().out
    assert "features/totals" in out
    assert "deleted 2 versions" in out
    left = stored(littered)
    assert set(before) - set(left) == {one["version"] for one in found["removed"]}
    assert littered.run("plan", "--detailed-exitcode") == 0
    assert littered.run("rollback") == 0


def test_broken_versions(littered, capsys):
    folder = littered.root / ".headrace" / "objects" / "features" / "totals"
    broken = next(name for name in stored(littered) if name not in json.dumps(current(littered)))
    (folder / broken / "manifest.json").write_text("{")
    assert littered.run("gc") == 0
    out = capsys.readouterr().out
    assert f"broken: {(folder / broken).resolve()}/manifest.json cannot be read" in out
    assert "`headrace gc --broken` deletes broken versions" in out


def current(project):
    return json.loads((project.root / ".headrace" / "refs" / "dev.json").read_text())


def test_an_empty_store(tiny, capsys):
    shutil.rmtree(tiny.root / ".headrace", ignore_errors=True)
    assert tiny.run("gc") == 0
    assert "deleted 0 versions" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--keep", "-1"], ["--older-than", "long"]])
def test_bad_usage(built, capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        built.run("gc", *arguments)
    assert "argument --" in capsys.readouterr().err
