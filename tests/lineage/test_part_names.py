from __future__ import annotations

import pytest

from headrace.lineage.part_names import file_of, part_change, part_kind, part_name

HASH = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("name", "value", "kind", "said"),
    [
        ("code assets.features:clean", HASH, "code", "`clean` in assets/features.py"),
        ("code assets.features:Klass.method", HASH, "code", "`Klass.method` in assets/features.py"),
        ("code assets.features:make.<locals>.inner", HASH, "code", "`make.inner` in assets/features.py"),
        ("code assets.features:clean.LIMIT", "3", "constant", "`LIMIT` of `clean` in assets/features.py"),
        ("code assets.helpers", HASH, "code", "assets/helpers.py"),
        ("sql", HASH, "code", "its SQL"),
        ("file orders/1.csv", HASH, "file", "orders/1.csv"),
        ("library pillow", "12.0", "declaration", "pillow"),
        ("ttl", "7d", "declaration", "ttl"),
    ],
)
def test_parts_have_names(name, value, kind, said):
    assert part_kind(name, value) == kind
    assert part_name(name, value) == said


def test_a_package_is_its_init_file():
    assert file_of("headrace.lineage") == "headrace/lineage/__init__.py"
    assert file_of("headrace.lineage.plan") == "headrace/lineage/plan.py"


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": (1,)}}, "x: a.b changed from 1 to 2"),
        ({"parameters": {"C": 1.0}}, {"parameters": {"C": 3.0}}, "x: C changed from 1.0 to 3.0"),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, "x changed (a, b)"),
        ({"a": 1}, {"a": 1, "b": 2}, "x: b changed from None to 2"),
        ({"a": "y" * 99}, {"a": "z"}, "x: a changed"),
        (["sum", "amount", None], ["mean", "amount", None], "x changed from sum amount to mean amount"),
    ],
)
def test_a_change_is_told_by_what_differs(before, now, said):
    assert part_change("x", before, now) == said
