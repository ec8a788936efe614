"""The documentation is whole: every page is reached, every link ends somewhere, every name and failure is explained."""

from __future__ import annotations

import re

import pytest

import headrace
from headrace import errors
from headrace.builder.build import build
from headrace.builder.project import project_from
from headrace.examples.shop_data import generate
from tests.conftest import REPOSITORY
from tests.docs.pages import blocks, inside

DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
PAGES = sorted(DOCS.rglob("*.md"))


def name_of(page):
    return page.relative_to(REPOSITORY).as_posix()


def read(page):
    return page.read_text(encoding="utf-8")


def prose(page):
    return re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """What headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [README, REPOSITORY / "CHANGELOG.md", *PAGES], ids=name_of)
def test_links_end_somewhere(page):
    for path, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(page)):
        target = page.parent / path if path else page
        assert "://" in path or target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_every_page_is_on_the_map():
    shown = set(re.findall(r"\]\(([^)#]+)\)", read(DOCS / "index.md")))
    assert {page.relative_to(DOCS).as_posix() for page in PAGES} - {"index.md"} <= shown


def test_every_public_name_is_explained():
    text = "\n".join(map(read, PAGES))
    assert [name for name in headrace.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_every_failure_is_explained():
    classes = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
    assert [name for name in classes if f"`{name}`" not in read(DOCS / "errors.md")] == []


def test_the_readme_example_builds(tmp_path):
    """As a whole project, over a small shop's raw data."""
    example = next(block for block in blocks(read(README)) if block.language == "python")
    assert len(example.lines) <= 15
    generate(tmp_path / "data", customers=100, products=20, days=60, impressions=800)
    (tmp_path / "pyproject.toml").write_text("[tool.headrace]\n", encoding="utf-8")
    module: dict[str, object] = {}
    with inside(tmp_path):
        exec("\n".join(example.lines), module)
    (cascade,) = (value for value in module.values() if isinstance(value, headrace.Cascade))
    report = build(project_from([cascade, *cascade.members], tmp_path))
    assert (report.failed, report.keys("built")[-1]) == ({}, cascade.key)
