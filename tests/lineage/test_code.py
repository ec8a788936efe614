"""What counts as an edit: code and values that a function reaches, and nothing that only looks different."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from headrace.errors import DeclarationError
from headrace.lineage.code import code_parts

VIEWS = """
import functools
import datetime as dt
import re
import polars as pl
import helpers
import toolbox.numbers
from helpers import scale, Rounding, traced
from toolbox import texts as words

RATE = 3
KINDS = {"a": 1, "b": [2, 3]}
TABLE = pl.DataFrame({"n": range(40)})
AMOUNT = pl.col("amount") * 2
SPACES = re.compile("[ ]+")
HANDLERS = {"scale": scale}
half = functools.partial(scale, factor=0.5)


def make(factor):
    def times(x):
        return x * factor
    return times


double, triple = make(2), make(3)


def decorated(function):
    @functools.wraps(function)
    def wrapper(df):
        return function(df).head(10)
    return wrapper


@decorated
def plain(df: pl.DataFrame, k=RATE):
    \"\"\"Words for people.\"\"\"
    # why
    return scale(df) * k + helpers.shift(df) + toolbox.numbers.add(df, 1) + words.clean(df)


def uses_values(df):
    return df, RATE, KINDS, TABLE, SPACES, HANDLERS, half, AMOUNT, Rounding().digits, Rounding.MODE


def uses_closures(df):
    return double(df) + triple(df)


def imports_inside(df):
    from helpers import hidden
    return hidden(df)


@traced(level=1)
def helper_decorator(df):
    return df
"""

HELPERS = """
import functools


def scale(x, factor=2):
    return x * factor


def shift(x):
    return x + OFFSET


def hidden(x):
    return x - 1


def traced(level):
    def wrap(function):
        @functools.wraps(function)
        def inner(df):
            return function(df), level
        return inner
    return wrap


class Rounding:
    MODE = "half_even"
    digits = 2


OFFSET = 10
UNUSED = 1
"""

FILES = {
    "views.py": VIEWS,
    "helpers.py": HELPERS,
    "toolbox/__init__.py": "",
    "toolbox/numbers.py": "def add(x, y):\n    return x + y\n",
    "toolbox/texts.py": "def clean(x):\n    return x.strip()\n",
}
FUNCTIONS = ("plain", "uses_values", "uses_closures", "imports_inside", "helper_decorator")


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """Import `views` from a new folder holding `files`; nothing of it stays imported."""
    made = 0

    def load(files: Mapping[str, str]):
        nonlocal made
        made += 1
        folder = tmp_path / str(made)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(textwrap.dedent(text))
        forget()
        monkeypatch.syspath_prepend(folder)
        return importlib.import_module("views")

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] in ("views", "helpers", "toolbox")]:
            del sys.modules[name]

    yield load
    forget()


def edited(file: str, before: str, after: str) -> dict[str, str]:
    assert before in FILES[file]
    return {**FILES, file: FILES[file].replace(before, after, 1)}


def changed(load, files: Mapping[str, str]) -> set[str]:
    """Which of FUNCTIONS have another fingerprint under `files`."""
    before = {name: code_parts(name, getattr(load(FILES), name)) for name in FUNCTIONS}
    after = {name: code_parts(name, getattr(load(files), name)) for name in FUNCTIONS}
    return {name for name in FUNCTIONS if before[name] != after[name]}


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("views.py", "    # why\n", ""),
        ("views.py", '    """Words for people."""\n', ""),
        ("views.py", "Words for people", "Other words"),
        ("views.py", "double(df) + triple(df)", "(\n        double( df )\n        + triple(df)\n    )"),
        ("views.py", "RATE = 3", "RATE = 1 + 2"),
        ("helpers.py", "UNUSED = 1", "UNUSED = 2"),
        ("helpers.py", "    return x + OFFSET", "    # moved\n    return x + OFFSET"),
        ("toolbox/numbers.py", "    return", '    """Adds."""\n    return'),
    ],
)
def test_no_edit(imported, file, before, after):
    assert changed(imported, edited(file, before, after)) == set()


@pytest.mark.parametrize(
    ("file", "before", "after", "users"),
    [
        ("views.py", "double(df) + triple(df)", "double(df) - triple(df)", {"uses_closures"}),
        ("views.py", "RATE = 3", "RATE = 4", {"plain", "uses_values"}),
        ("views.py", "[2, 3]", "[2, 4]", {"uses_values"}),
        ("views.py", '"[ ]+"', '"[ ]*"', {"uses_values"}),
        ("views.py", '"amount") * 2', '"amount") * 3', {"uses_values"}),
        ("views.py", "factor=0.5", "factor=0.25", {"uses_values"}),
        ("views.py", "range(40)", "[*range(20), 99, *range(21, 40)]", {"uses_values"}),
        ("views.py", "make(2), make(3)", "make(2), make(4)", {"uses_closures"}),
        ("views.py", "make(2), make(3)", "make(5), make(3)", {"uses_closures"}),
        ("views.py", "double, triple = make", "triple, double = make", {"uses_closures"}),
        ("views.py", "head(10)", "head(20)", {"plain"}),
        ("views.py", "k=RATE", "k=7", {"plain"}),
        ("views.py", "@traced(level=1)", "@traced(level=2)", {"helper_decorator"}),
        ("helpers.py", "function(df), level", "function(df), level + 1", {"helper_decorator"}),
        ("helpers.py", "factor=2", "factor=3", {"plain", "uses_values"}),
        ("helpers.py", "OFFSET = 10", "OFFSET = 11", {"plain"}),
        ("helpers.py", "x - 1", "x - 2", {"imports_inside"}),
        ("helpers.py", "digits = 2", "digits = 3", {"uses_values"}),
        ("toolbox/numbers.py", "x + y", "x - y", {"plain"}),
        ("toolbox/texts.py", "strip", "lstrip", {"plain"}),
    ],
)
def test_an_edit_changes_exactly_its_users(imported, file, before, after, users):
    assert changed(imported, edited(file, before, after)) == users


def test_the_parts_name_what_is_reached(imported):
    found = code_parts("here", imported(FILES).plain)
    assert {"code views:plain", "code helpers:scale", "code toolbox.numbers:add", "code helpers:shift.OFFSET"} <= {
        *found
    }
    assert not [name for name in found if "polars" in name and ":" in found[name]]


def test_another_implementation_under_the_same_name(imported):
    other = FILES | {"other.py": HELPERS, "views.py": VIEWS.replace("from helpers import", "from other import")}
    assert "plain" in changed(imported, other)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("HELD = open(__file__)", "TextIOWrapper"),
        ("HELD = object()", "object"),
        ("HELD = [object()]", "object"),
        ("HELD = (n for n in range(3))", "generator"),
        ("import polars as pl\nHELD = pl.LazyFrame({'a': [1]})", "LazyFrame"),
        ("import polars as pl\nHELD = pl.col('a').map_elements(lambda x: x, return_dtype=pl.Int64)", "Expr"),
    ],
)
def test_what_cannot_be_written_down_is_refused(imported, line, kind):
    module = imported({"views.py": f"{line}\n\n\ndef view(df):\n    return df, HELD\n"})
    with pytest.raises(DeclarationError, match=rf"here: .*HELD(\[0\])? is a {kind}, whose content cannot be"):
        code_parts("here", module.view)
    getattr(module.HELD, "close", lambda: None)()


def test_a_local_variable_is_not_the_global_of_its_name(imported):
    module = imported({"views.py": "held = object()\n\n\ndef view(df):\n    held = 1\n    return df, held\n"})
    assert list(code_parts("here", module.view)) == ["code views:view"]


def test_a_lambda_counts_by_its_statement(imported):
    text = "scale = lambda x: x * 2\n\n\ndef view(df):\n    return scale(df)\n"
    before = code_parts("here", imported({"views.py": text}).view)
    assert before == code_parts("here", imported({"views.py": text.replace("x * 2", "x*2  # twice")}).view)
    assert before != code_parts("here", imported({"views.py": text.replace("x * 2", "x * 3")}).view)


def test_a_function_calling_itself_or_its_caller_ends(imported):
    text = "def view(df):\n    return other(df)\n\n\ndef other(df):\n    return view(df), other(df)\n"
    assert len(code_parts("here", imported({"views.py": text}).view)) == 2


def test_a_bound_method_counts_with_its_class(imported):
    text = "class Scale:\n    @classmethod\n    def of(cls, x):\n        return x * 2\n\n\nscale = Scale.of\n\n\n"
    text += "def view(df):\n    return scale(df)\n"
    before = code_parts("here", imported({"views.py": text}).view)
    assert before != code_parts("here", imported({"views.py": text.replace("x * 2", "x * 3")}).view)


def test_a_file_edited_after_its_import_is_refused(imported):
    module = imported(FILES)
    path = Path(module.__file__)
    path.write_text(path.read_text().replace("head(10)", "head(20)"))
    with pytest.raises(DeclarationError, match=r"views.py was edited after .* was imported. Load the project again"):
        code_parts("here", module.plain)


def test_code_typed_in_is_refused():
    scope: dict[str, object] = {"__name__": "nowhere"}
    exec("def view(df):\n    return df", scope)
    with pytest.raises(DeclarationError, match=r"the source of .* cannot be read .*Write it with def"):
        code_parts("here", scope["view"])


def test_library_code_counts_by_name_only():
    def view(df):
        return textwrap.dedent(str(df))

    assert len(code_parts("here", view)) == 1
