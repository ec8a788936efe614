"""OneHot against scikit-learn, and its rules for null, rare and unseen levels."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from headrace.declarations.encoders import OneHot
from headrace.engine.encoders import engine_for
from headrace.errors import EncodingError

TEXT = ["b", "a", "b", "ß", "日本", "", "B", "b ", "a"]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("values", [TEXT, [3, -1, 3, 10, 2**60], [True, False, True]], ids=["text", "int", "bool"])
def test_equals_scikit_learn(values, sparse, fit, encode) -> None:
    rows = pa.table({"x": values, "y": values[::-1]})
    oracle = OneHotEncoder(sparse_output=False).fit_transform(np.array([values, values[::-1]], dtype=object).T)
    np.testing.assert_array_equal(encode(fit(OneHot("x", "y", sparse=sparse), rows), rows), oracle)


def test_min_count_equals_scikit_learn(fit, encode) -> None:
    values = list("aaabbbccdd")
    oracle = OneHotEncoder(min_frequency=3, sparse_output=False).fit_transform(np.array(values)[:, None])
    rows = pa.table({"x": values})
    np.testing.assert_array_equal(encode(fit(OneHot("x", min_count=3), rows), rows), oracle)


def test_null_is_a_level_only_when_training_has_it(fit, encode, names) -> None:
    rows = pa.table({"x": ["a", None, "b"]})
    with_null, without = fit(OneHot("x"), rows), fit(OneHot("x"), pa.table({"x": ["a", "b"]}))
    assert names(with_null) == ["x=a", "x=b", "x=null"]
    assert encode(with_null, rows).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert encode(without, rows).tolist() == [[1, 0], [0, 0], [0, 1]]
    assert encode(with_null, pa.table({"x": pa.nulls(2)})).tolist() == [[0, 0, 1]] * 2


def test_text_that_reads_like_a_special_level_keeps_its_own_name(fit, names) -> None:
    rows = pa.table({"x": ["null", None, "other", "'null'", "rare"]})
    state = fit(OneHot("x", unseen="other"), rows)
    assert names(state) == ["x=''null''", "x='null'", "x='other'", "x=rare", "x=null", "x=other"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_categories": 2}, ["x=a", "x=b", "x=other"]),
        ({"max_categories": 1}, ["x=b", "x=other"]),
        ({"min_count": 2}, ["x=a", "x=b", "x=c", "x=other"]),
        ({"min_count": 9}, ["x=other"]),
        ({"max_categories": 9}, ["x=a", "x=b", "x=c", "x=d", "x=null"]),
        ({"max_categories": 9, "unseen": "other"}, ["x=a", "x=b", "x=c", "x=d", "x=null", "x=other"]),
    ],
)
def test_rare_levels_share_other(options, expected, fit, encode, names) -> None:
    rows = pa.table({"x": ["b", "b", "b", "a", "a", "c", "c", "d", None]})
    state = fit(OneHot("x", **options), rows)
    assert names(state) == expected
    assert encode(state, rows).sum(axis=1).tolist() == [1.0] * 9
    assert sum(column.detail["count"] for column in engine_for("one_hot").columns(state)) == 9


@pytest.mark.parametrize(("unseen", "row"), [("zero", [0, 0]), ("other", [0, 1])])
def test_unseen_level(unseen, row, fit, encode) -> None:
    state = fit(OneHot("x", max_categories=1, unseen=unseen), pa.table({"x": ["a", "a", "b"]}))
    assert encode(state, pa.table({"x": ["a", "b", "new", None]})).tolist() == [[1, 0], [0, 1], row, row]


def test_unseen_as_an_error_names_level_and_rows(fit, encode) -> None:
    state, engine = fit(OneHot("x", unseen="error"), pa.table({"x": ["a", "b"]})), engine_for("one_hot")
    assert encode(state, pa.table({"x": ["b"]})).tolist() == [[0, 1]]
    with pytest.raises(EncodingError, match=r"level 'A' did not occur in the training rows.* \(rows 1, 2\)"):
        engine.apply(state, pa.table({"x": ["a", "A", "a "]}))
    with pytest.raises(EncodingError, match="level None did not occur"):
        engine.apply_row(state, {"x": None})


@pytest.mark.parametrize(
    ("trained", "given_", "message"),
    [
        ([1, 2], "1", "was fitted on integers, got"),
        ([1, 2], True, "was fitted on integers, got"),
        ([1, 2], 1.0, "was fitted on integers, got"),
        (["1"], 1, "was fitted on text, got"),
        ([True], 1, "was fitted on booleans, got"),
    ],
)
def test_nothing_is_coerced(trained, given_, message, fit) -> None:
    state, engine = fit(OneHot("x"), pa.table({"x": trained})), engine_for("one_hot")
    with pytest.raises(EncodingError, match=message):
        engine.apply_row(state, {"x": given_})
    with pytest.raises(EncodingError, match=message):
        engine.apply(state, pa.table({"x": [given_]}))


@pytest.mark.parametrize("values", [pa.array([1.5]), pa.array([1], pa.uint64()), pa.array([b"a"])])
def test_what_is_no_category_is_refused(values, fit) -> None:
    with pytest.raises(EncodingError, match="takes text, integers of up to 64 bits or booleans, got"):
        fit(OneHot("x"), pa.table({"x": values}))


def test_no_training_rows(fit) -> None:
    with pytest.raises(EncodingError, match="there are no training rows"):
        fit(OneHot("x"), pa.table({"x": pa.array([], pa.string())}))


def test_two_columns_that_would_share_a_name(fit) -> None:
    with pytest.raises(EncodingError, match="output column 'a=b=c' is also one of 'a'"):
        fit(OneHot("a", "a=b"), pa.table({"a": ["b=c"], "a=b": ["c"]}))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_text_in_any_arrow_layout(kind, fit, encode) -> None:
    state = fit(OneHot("x"), pa.table({"x": pa.array(["b", "a", None]).cast(kind)}))
    piece = pa.array(["a", None, "c"]).cast(kind)
    rows = pa.table({"x": pa.chunked_array([piece, piece.slice(1)])})
    assert encode(state, rows).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_enum_and_numpy_scalars(con) -> None:
    engine = engine_for("one_hot")
    enum = con.sql("select unnest(['b', 'a'])::enum('b', 'a') as x")
    state = engine.fit(OneHot("x"), enum)
    assert [column.name for column in engine.columns(state)] == ["x=a", "x=b"]
    assert engine.apply(state, enum.to_arrow_table()).tolist() == [[0, 1], [1, 0]]
    assert engine.apply_row(state, {"x": np.str_("b")}) == [0.0, 1.0]


LEVELS = st.one_of(st.none(), st.sampled_from(["a", "b", "A", "", "null", "é", "e\u0301"]), st.text(max_size=3))


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(LEVELS, min_size=1, max_size=15),
    rows=st.lists(LEVELS, max_size=15),
    most=st.one_of(st.none(), st.integers(1, 4)),
    least=st.integers(1, 3),
    unseen=st.sampled_from(["zero", "other"]),
    sparse=st.booleans(),
)
def test_bulk_row_and_row_order_agree(train, rows, most, least, unseen, sparse, fit, encode) -> None:
    spec = OneHot("x", max_categories=most, min_count=least, unseen=unseen, sparse=sparse)
    state = fit(spec, pa.table({"x": pa.array(train, pa.string())}))
    assert state.digest() == fit(spec, pa.table({"x": pa.array(train[::-1], pa.string())})).digest()
    encode(state, pa.table({"x": pa.array(rows, pa.string())}))
