"""Every page of the documentation runs as it is written, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.pages import Runner, blocks, headrace, inside, is_headrace, matches, steps

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory):
    """The project that `headrace init` makes, built once for all pages."""
    folder = tmp_path_factory.mktemp("docs")
    made = folder / "shop"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        for where, arguments in ((folder, ["init", "shop"]), (made, ["build", "--quiet"])):
            with inside(where):
                code, output = headrace(arguments)
            assert code == 0, output
    return made


@pytest.fixture
def shop(built_shop, tmp_path, monkeypatch):
    """A copy of it that a page may change."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Path(shutil.copytree(built_shop, tmp_path / "project", copy_function=shutil.copy2))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_runs_as_it_is_written(page, shop, tmp_path):
    Runner(name_of(page), page.read_text(encoding="utf-8"), shop, tmp_path).run()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("shown", "got", "same"),
    [
        ("a", "a  \n", True),
        ("a", "a\nb", False),
        ("a\n...", "a\nb\nc", True),
        ("...\nc", "a\nb\nc", True),
        ("...\nb\n...", "a\nb", True),
        ("a\n...\nc", "a\nb", False),
        ("... rows in ... s", "12 rows in 0.5 s", True),
        ("[a] *?", "[a] *?", True),
        ("[a]", "a", False),
        ("a", "", False),
    ],
)
def test_output_is_compared_line_by_line(shown, got, same):
    assert matches(tuple(shown.splitlines()), got.splitlines()) is same


def test_blocks_and_commands_are_found():
    page = "x\n```console\n$ cat <<E\n> a\n> E\na\n$ false  # exits 1\n```\n```python no-run\ny\n```\n"
    console, python = blocks(page)
    assert [(one.command, one.exits, one.shown) for one in steps(console)] == [
        ("cat <<E\na\nE", 0, ("a",)),
        ("false", 1, ()),
    ]
    assert (python.language, python.run, python.line) == ("python", False, 9)


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("headrace plan   # what; and why", True),
        ("headrace plan 'features/*'", True),
        ("headrace sql 'from a' | head", False),
        ("headrace sql \"select '$HOME'\"", False),
        ("headrace plan > plan.txt", False),
        ("ls", False),
    ],
)
def test_only_plain_commands_run_without_a_shell(command, plain):
    assert is_headrace(command, command.split()) is plain


def test_a_failure_names_page_line_and_both_texts(tmp_path):
    page = "```console\n$ echo one\ntwo\n```\n"
    with pytest.raises(AssertionError, match=r"page\.md, line 2: \$ echo one\nshown:\ntwo\ngot:\none"):
        Runner("page.md", page, tmp_path, tmp_path).run()
