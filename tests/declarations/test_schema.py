from __future__ import annotations

import subprocess
import sys

import pandera.polars as pa
import pytest

from headrace.declarations.schema import describe_schema
from headrace.lineage.canonical import digest

SCRIPT = """
import pandera.polars as pa
from headrace.declarations.schema import describe_schema
from headrace.lineage.canonical import digest
kinds = pa.Check.isin({"shoes", "hats", "bags", "belts"})
print(digest(describe_schema(pa.DataFrameSchema({"kind": pa.Column(str, kinds)}))))
"""


@pytest.mark.parametrize(
    "changed",
    [
        {"a": pa.Column(int, nullable=True), "b": pa.Column(str)},
        {"a": pa.Column(int, unique=True), "b": pa.Column(str)},
        {"a": pa.Column(float), "b": pa.Column(str)},
        {"a": pa.Column(int, pa.Check.gt(0)), "b": pa.Column(str)},
        {"a": pa.Column(int, required=False), "b": pa.Column(str)},
        {"b": pa.Column(str), "a": pa.Column(int)},
        {"a": pa.Column(int)},
    ],
)
def test_every_rule_counts_and_so_does_the_order_of_columns(changed):
    plain = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(str)})
    assert digest(describe_schema(plain)) != digest(describe_schema(pa.DataFrameSchema(changed)))


def test_words_for_people_do_not_count():
    plain, told = (pa.DataFrameSchema({"a": pa.Column(int, description=text)}) for text in (None, "an a"))
    assert describe_schema(plain) == describe_schema(told)


def test_a_set_of_values_reads_the_same_in_every_process():
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
