from __future__ import annotations

import json

import pytest

from headrace.errors import CorruptObject
from headrace.store.manifest import FILE_NAME, Manifest, read_manifest


def make_manifest(**changes) -> Manifest:
    values = {
        "asset": "sources/a",
        "version": "ab" * 8,
        "fingerprint": "ab" * 16,
        "digest": "cd" * 16,
        "parts": {"keys": ["ü"]},
        "inputs": {"sources/b": {"version": "1", "digest": "2"}},
        "columns": [["id", "BIGINT"]],
        "rows": 3,
        "files": {},
    }
    return Manifest(**{**values, **changes})


def test_reads_what_was_written(tmp_path):
    manifest = make_manifest(details={"metrics": {"auc": 0.5}})
    (tmp_path / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    assert read_manifest(tmp_path) == manifest
    assert manifest.input_digests == {"sources/b": "2"}
    assert manifest.short == "abababab"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read.*Delete that folder and build again"),
        ("", "cannot be read"),
        ('{"asset": "so', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        ("[]", "is no manifest"),
        ("{}", "is no manifest.*missing"),
        (json.dumps({"surprise": 1}), "is no manifest.*surprise"),
        (json.dumps({"format": 99}), "was written by a newer Headrace .format 99.. Upgrade headrace"),
    ],
)
def test_a_broken_one_is_named(tmp_path, text, message):
    if text is not None:
        (tmp_path / FILE_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CorruptObject, match=f"{tmp_path.name}.*manifest.json {message}"):
        read_manifest(tmp_path)
