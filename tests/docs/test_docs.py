"""Every page of the documentation runs as it is written, and its links lead somewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.pages import Runner, blocks, is_headrace, matches, steps

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
# Pages that show fragments of a project's modules: what stands above the fragment there.
ABOVE = {"docs/dagster.md": "import dagster as dg\nfrom assets.features import customer_activity"}


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory):
    """The tutorial done once, from an empty folder; the built project it ends with is that of every other page."""
    folder = tmp_path_factory.mktemp("tutorial")
    runner = Runner(name_of(TUTORIAL), TUTORIAL.read_text(encoding="utf-8"), folder, tmp_path_factory.mktemp("modules"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        runner.run()
    return runner.folder


@pytest.fixture
def shop(tutorial, tmp_path, monkeypatch):
    """A copy of it that a page may change."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return Path(shutil.copytree(tutorial, tmp_path / "project", copy_function=shutil.copy2))


def test_the_tutorial_runs_from_an_empty_folder(tutorial):
    assert (tutorial / "headrace.duckdb").is_file()


@pytest.mark.parametrize("page", [page for page in PAGES if page != TUTORIAL], ids=name_of)
def test_a_page_runs_as_it_is_written(page, shop, tmp_path):
    Runner(name_of(page), page.read_text(encoding="utf-8"), shop, tmp_path).run(ABOVE.get(name_of(page), ""))


def test_what_a_text_block_shows_is_what_was_printed(tmp_path):
    page = "```python\nprint(1 + 1)\n```\n\n```text\n{}\n```\n\nProse.\n\n```text\nanything\n```\n"
    Runner("page.md", page.format(2), tmp_path, tmp_path).run()
    with pytest.raises(AssertionError, match="line 6\nshown:\n3\ngot:\n2"):
        Runner("page.md", page.format(3), tmp_path, tmp_path).run()


@pytest.mark.parametrize(
    ("shown", "got", "same"),
    [
        ("a", "a  \n", True),
        ("a  1", "a      1", True),
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
    page = "x\n```console\n$ echo \\\n  a\na\n$ false  # exit code 1\n```\n```python no-run\ny\n```\n"
    console, python = blocks(page)
    assert [(one.command, one.exits, one.shown) for one in steps(console)] == [
        ("echo   a", 0, ("a",)),
        ("false", 1, ()),
    ]
    assert (python.language, python.run, python.line) == ("python", False, 8)


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
