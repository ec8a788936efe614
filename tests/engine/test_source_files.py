"""Which files belong to which partition, by their paths."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.engine.source_files import files_by_label, source_files
from headrace.errors import SourceError

DAILY = hr.Daily("at", start="2024-01-01")


@pytest.mark.parametrize(
    ("path", "partitions", "files"),
    [
        ("{partition}.csv", DAILY, {"2024-01-05.csv": "2024-01-05"}),
        ("o/{partition}/*.csv", DAILY, {"o/2024-01-05/a.csv": "2024-01-05", "o/2024-01-05/b.csv": "2024-01-05"}),
        ("o/day={partition:%Y%m%d}.csv", DAILY, {"o/day=20240105.csv": "2024-01-05"}),
        ("{partition:%Y/%m/%d}/x.csv", DAILY, {"2024/01/05/x.csv": "2024-01-05"}),
        ("**/{partition}.csv", DAILY, {"a/b/2024-01-05.csv": "2024-01-05", "2024-01-06.csv": "2024-01-06"}),
        ("{partition}/x_{partition}.csv", DAILY, {"2024-01-05/x_2024-01-05.csv": "2024-01-05"}),
        ("{partition:%Y-%m-%dT%H}.csv", hr.Hourly("at", start="2024-01-01"), {"2024-01-05T13.csv": "2024-01-05-13:00"}),
        ("{partition:%Y-%m}.csv", hr.Monthly("at", start="2024-01-01"), {"2024-05.csv": "2024-05-01"}),
        ("shops/{partition}.csv", hr.ByKey("shop"), {"shops/ulm.csv": "ulm", "shops/[x].csv": "[x]"}),
    ],
)
def test_files_by_label(tmp_path, path, partitions, files):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    source = hr.Source("s", path=path, partitions=partitions)
    found = files_by_label(source, tmp_path, source_files(source, tmp_path))
    assert {one.relative_to(tmp_path).as_posix(): label for label, several in found.items() for one in several} == files


def test_without_a_place_in_the_path_files_belong_to_no_one_partition(tmp_path):
    source = hr.Source("s", path="*.csv", partitions=DAILY)
    assert files_by_label(source, tmp_path, [tmp_path / "a.csv"]) is None


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        (
            "{partition}.csv",
            "readme.csv",
            r"readme.csv: belongs to no partition: 'readme' is not the beginning of a day",
        ),
        ("{partition}.csv", "2023-12-31.csv", r"2023-12-31 lies before the first partition, 2024-01-01"),
        ("{partition:%Y%m%d}.csv", "20241301.csv", r"'20241301' is not the beginning of a day"),
        ("{partition}/{partition}.csv", "2024-01-05/2024-01-06.csv", r"its path does not fit"),
    ],
)
def test_a_file_of_no_partition_is_refused(tmp_path, path, name, message):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    source = hr.Source("s", path=path, partitions=DAILY)
    with pytest.raises(SourceError, match=message):
        files_by_label(source, tmp_path, source_files(source, tmp_path))
