"""States are saved as plain data, come back equal, and anything doubtful is refused."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from headrace.declarations.encoders import BagOfWords, Encoder, Impute, OneHot, Standardize, TfIdf
from headrace.engine.encoders import engine_for
from headrace.engine.encoders.base import State, describe
from headrace.errors import CorruptObject, HeadraceError

ROWS = pa.table({"n": [0.1, 0.7, None], "c": ["a", None, "b"], "t": ["red rose", "", "rose"]})
SPECS = [
    Impute("n"),
    Standardize("n", missing_flag=True),
    OneHot("c", max_categories=1),
    BagOfWords("t"),
    TfIdf("t", ngrams=(1, 2)),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_round_trip(spec: Encoder, fit, encode, tmp_path) -> None:
    state = fit(spec, ROWS)
    state.save(tmp_path, "block")
    loaded = State.load(tmp_path, "block")
    assert loaded == state
    assert loaded.digest() == state.digest()
    assert (encode(loaded, ROWS) == encode(state, ROWS)).all()
    assert len(describe(engine_for(spec.kind), loaded)) == len(engine_for(spec.kind).columns(state))
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".arrow"}


def test_the_digest_sees_content_and_not_chunks() -> None:
    whole, chunked = pa.table({"a": [1, 2, None]}), pa.table({"a": pa.chunked_array([[1], [2, None]])})
    digests = {State("impute", 1, ("n",), {}, {"x": table}).digest() for table in (whole, chunked)}
    assert len(digests) == 1
    others = [
        State("impute", 1, ("n",), {}, {"x": whole.cast(pa.schema([("a", pa.int32())]))}),
        State("impute", 1, ("n",), {}, {"y": whole}),
        State("impute", 2, ("n",), {}, {"x": whole}),
        State("impute", 1, ("m",), {}, {"x": whole}),
        State("impute", 1, ("n",), {"fill": [0.0]}, {"x": whole}),
    ]
    assert len(digests | {other.digest() for other in others}) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "imput"}, r"block.json: is the state of an unknown encoder 'imput'. Known: bag_of_words"),
        ({"version": 99}, "block.json: is a newer impute state, version 99; this Headrace applies 1. Upgrade"),
        ({"version": 0}, "block.json: is an older impute state, version 0; this Headrace applies 1. Build it again"),
        ({"format": 2}, "block.json: is a state of format 2, this Headrace reads format 1"),
        ({"columns": ["m"]}, "block.json: its content does not match its digest; nothing was loaded"),
    ],
)
def test_a_state_that_is_not_understood_is_refused(change, message, fit, tmp_path) -> None:
    fit(Impute("n"), ROWS).save(tmp_path, "block")
    path = tmp_path / "block.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CorruptObject, match=message):
        State.load(tmp_path, "block")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"null"])
def test_a_file_that_is_no_state_is_refused(content, tmp_path) -> None:
    (tmp_path / "block.json").write_bytes(content)
    with pytest.raises(CorruptObject, match=r"block.json: (cannot be read as|is not) a fitted state"):
        State.load(tmp_path, "block")


def test_absent_and_broken_files_are_named(fit, tmp_path) -> None:
    with pytest.raises(CorruptObject, match=r"none.json: cannot be read"):
        State.load(tmp_path, "none")
    fit(OneHot("c"), ROWS).save(tmp_path, "block")
    (tmp_path / "block.levels.arrow").write_bytes(b"ARROW1 not")
    with pytest.raises(CorruptObject, match=r"block.levels.arrow: cannot be read as an Arrow table"):
        State.load(tmp_path, "block")
    (tmp_path / "block.levels.arrow").unlink()
    with pytest.raises(CorruptObject, match=r"block.levels.arrow: cannot be read as an Arrow table"):
        State.load(tmp_path, "block")


def test_an_unknown_encoder_is_named_with_the_nearest() -> None:
    with pytest.raises(HeadraceError, match=r"No encoder 'onehot'. Did you mean 'one_hot'"):
        engine_for("onehot")
