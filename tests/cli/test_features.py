"""headrace features and headrace docs."""

from __future__ import annotations

import json
import re

import pytest


def test_all_are_listed(built, capsys):
    assert built.run("features") == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split() == ["feature", "type", "entity", "definition", "readers"]
    assert others[0].split() == ["activity.spend_7d", "DOUBLE", "customer", "sum(amount)", "over", "7d", "0"]
    assert [one.split()[0] for one in others] == ["activity.spend_7d", "totals.total", "totals.share"]


def test_found_by_words(built, capsys):
    assert built.run("features", "search", "spend", "7d") == 0
    assert "activity.spend_7d" in capsys.readouterr().out
    assert built.run("features", "search", "nowhere") == 1
    assert "No feature has 'nowhere' in it." in capsys.readouterr().out


def test_a_feature_is_shown_with_statistics(built, capsys):
    assert built.run("features", "show", "activity.spend_7d") == 0
    shown = capsys.readouterr().out
    assert re.search(r"is +sum\(amount\) over 7d\n.*greatest +1234\n", shown, re.DOTALL)
    assert built.run("features", "show", "activity", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["features"][0]["statistics"]["greatest"]) == (3, 1234)


def test_before_a_build_there_is_something_to_show_too(tiny, capsys):
    assert tiny.run("features", "show", "activity") == 0
    assert "not built yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search"], "headrace features search needs words"),
        (["show"], "headrace features show needs a feature or view"),
    ],
)
def test_words_are_needed(tiny, capsys, words, message):
    assert tiny.run("features", *words) == 2
    assert message in capsys.readouterr().err


def test_a_name_that_is_none(tiny, capsys):
    assert tiny.run("features", "show", "activty") == 1
    assert "Did you mean 'activity'" in capsys.readouterr().err


def test_the_page_holds_everything_and_loads_nothing(built, capsys, tmp_path):
    text = "What </script><b>was</b> ordered."
    built.edit("What was ordered.", text)
    assert built.run("docs", "--output", str(tmp_path / "site"), "--samples", "2") == 0
    assert "3 features of 2 views, 3 assets" in capsys.readouterr().out
    page = (tmp_path / "site" / "index.html").read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page)
    assert "default-src 'none'" in page
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert {one["key"]: one["description"] for one in data["assets"]}["sources/orders"] == text
    assert "{{" not in re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)


def test_the_page_is_in_the_projects_folder_by_default(built):
    assert built.run("docs") == 0
    assert (built.root / "catalogue" / "index.html").is_file()
