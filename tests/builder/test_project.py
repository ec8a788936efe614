from __future__ import annotations

import sys

import pytest

import headrace as hr
from headrace.builder.project import load_project, project_from
from headrace.errors import DeclarationError, ProjectError
from headrace.settings import find_root

RAW = "import headrace as hr\nraw = hr.Source('raw', path='raw.csv')\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project whose package is imported anew and forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    forgotten = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "assets"}
    for name in forgotten:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("assets", "shop_assets")]:
        del sys.modules[name]


def write(root, settings="", **modules):
    (root / "pyproject.toml").write_text(f"[tool.headrace]\n{settings}\n")
    for name, text in modules.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "__init__.py").write_text(text)


def test_loads_from_any_folder_below(root):
    write(root, assets=RAW)
    (root / "a" / "b").mkdir(parents=True)
    project = load_project(root / "a" / "b")
    assert project.graph.keys == ("sources/raw",)
    assert (project.root, project.store_folder, project.data_folder) == (root, root / ".headrace", root / "data")
    assert project.environment == "dev"


def test_settings_are_taken(root):
    settings = 'assets = "shop_assets"\ndata = "/raw"\nstore = "s"\nenvironment = "prod"\nmemory = "1GB"'
    write(root, settings, shop_assets=RAW)
    project = load_project(root)
    assert (str(project.data_folder), project.store_folder, project.environment) == ("/raw", root / "s", "prod")
    assert load_project(root, environment="dev").environment == "dev"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.other]", "is in no Headrace project: .* make one with `headrace init DIR`"),
        ("[tool.headrace", "pyproject.toml cannot be read: "),
        ("[tool.headrace]\nasets = 'a'", "unknown setting 'asets' .* Did you mean 'assets'"),
        ("[tool.headrace]\nmemory = 8", "setting 'memory' .*must be text, got 8"),
        ("[tool.headrace]\nassets = 'nowhere'", "has no package 'nowhere'. Make .*nowhere/__init__.py"),
        ("[tool.headrace]\nassets = 'no.where'", "has no package 'no.where'"),
        ("[tool.headrace]\nenvironment = '../x'", "environment '../x' cannot be used as a name"),
        ("[tool.headrace]\nassets = 'json'", "the package 'json' of .* cannot be imported: another of that name"),
    ],
)
def test_mistakes(root, text, message):
    (root / "pyproject.toml").write_text(text)
    (root / "assets").mkdir()
    (root / "assets" / "__init__.py").write_text(RAW)
    with pytest.raises(ProjectError, match=message):
        load_project(root)


def test_outside_of_any_project(tmp_path):
    with pytest.raises(ProjectError, match="is in no Headrace project"):
        find_root(tmp_path)


def test_a_module_that_the_assets_miss_is_their_own_error(root):
    write(root, assets="import nowhere_to_be_found")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        load_project(root)


def test_a_mistake_in_a_declaration_is_told_as_it_is(root):
    write(root, assets="import headrace as hr\nraw = hr.Source('raw', path='raw.xyz')\n")
    with pytest.raises(DeclarationError, match=r"Source\('raw'\): cannot tell the format"):
        load_project(root)


def test_declarations_may_be_given(tmp_path):
    project = project_from([hr.Source("raw", path="raw.csv")], tmp_path)
    assert project.graph.keys == ("sources/raw",)
