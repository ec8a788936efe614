"""BagOfWords and TfIdf against scikit-learn, and their rules."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from headrace.declarations.encoders import BagOfWords, TfIdf
from headrace.engine.encoders import engine_for
from headrace.engine.encoders.base import describe
from headrace.errors import EncodingError

TEXTS = [
    "The red rose, the RED rose; the thorn",
    "a rose is a rose is a rose",
    "",
    "İstanbul straße STRASSE naïve cafe\u0301 café",
    "日本語 テキスト हिन्दी ٣٤ x_y _z 42 4",
    "don't stop-start e.g. http://x.yz",
    "the the the red",
    " \t\n",
]
OPTIONS = [
    {},
    {"ngrams": (1, 3)},
    {"ngrams": (2, 2)},
    {"lowercase": False},
    {"binary": True},
    {"min_df": 2},
    {"min_df": 0.2},
    {"min_df": 0.25},
]


def oracle_options(options: dict) -> dict:
    renamed = {"ngrams": "ngram_range", "sublinear": "sublinear_tf"}
    return {renamed.get(key, key): value for key, value in options.items()}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_bag_of_words_equals_scikit_learn(options, fit, encode, names) -> None:
    rows = pa.table({"t": TEXTS})
    oracle = CountVectorizer(**oracle_options(options)).fit(TEXTS)
    state = fit(BagOfWords("t", **options), rows)
    assert names(state) == [f"t:{term}" for term in oracle.get_feature_names_out()]
    np.testing.assert_array_equal(encode(state, rows), oracle.transform(TEXTS).toarray())


@pytest.mark.parametrize("options", [*OPTIONS, {"sublinear": True}], ids=str)
def test_tf_idf_equals_scikit_learn(options, fit, encode) -> None:
    rows = pa.table({"t": TEXTS})
    expected = TfidfVectorizer(**oracle_options(options)).fit_transform(TEXTS).toarray()
    np.testing.assert_allclose(encode(fit(TfIdf("t", **options), rows), rows), expected, rtol=1e-6, atol=1e-7)


def test_max_features_keeps_the_most_frequent_first_in_the_alphabet_on_a_tie(fit, names) -> None:
    rows = pa.table({"t": ["cc cc bb", "aa bb", "dd"]})
    assert names(fit(BagOfWords("t", max_features=3), rows)) == ["t:aa", "t:bb", "t:cc"]
    assert names(fit(BagOfWords("t", max_features=1, binary=True), rows)) == ["t:bb"]


@pytest.mark.parametrize("spec", [BagOfWords, TfIdf])
def test_null_empty_and_unknown_texts_are_zero_rows(spec, fit, encode) -> None:
    state = fit(spec("t"), pa.table({"t": ["red rose", None, ""]}))
    rows = pa.table({"t": [None, "", "blue", "rose", None]})
    assert encode(state, rows).astype(bool).tolist() == [[False] * 2] * 3 + [[False, True], [False] * 2]
    assert not encode(state, pa.table({"t": pa.nulls(2)})).any()
    assert encode(state, pa.table({"t": pa.array([], pa.string())})).shape == (0, 2)


def test_null_counts_as_a_training_row(fit) -> None:
    state = fit(TfIdf("t"), pa.table({"t": ["red rose", None, "", "red red"]}))
    oracle = TfidfVectorizer().fit(["red rose", "", "", "red red"])
    np.testing.assert_allclose(state.tables["vocabulary"]["idf"].to_numpy(), oracle.idf_, rtol=1e-15)


def test_columns_have_vocabularies_of_their_own_side_by_side(fit, encode, names) -> None:
    rows = pa.table({"a": ["red", "rose"], "b": ["rose rose", None]})
    state = fit(TfIdf("a", "b"), rows)
    assert names(state) == ["a:red", "a:rose", "b:rose"]
    assert encode(state, rows).tolist() == [[1, 0, 1], [0, 1, 0]]


def test_what_was_fitted_can_be_read(fit) -> None:
    state = fit(TfIdf("t"), pa.table({"t": ["red rose", "rose"]}))
    first, second = describe(engine_for("tf_idf"), state)
    assert second == {"name": "t:rose", "feature": "t", "encoder": "tf_idf", "document_frequency": 2, "idf": 1.0}
    assert first["idf"] == pytest.approx(np.log(3 / 2) + 1)


@pytest.mark.parametrize("spec", [BagOfWords("t"), TfIdf("t")], ids=lambda spec: spec.kind)
def test_only_text_is_taken(spec, fit) -> None:
    state, engine = fit(spec, pa.table({"t": ["red"]})), engine_for(spec.kind)
    with pytest.raises(EncodingError, match="takes text, got int64"):
        engine.apply(state, pa.table({"t": [1]}))
    with pytest.raises(EncodingError, match=r"takes text, got 1 \(int\)"):
        engine.apply_row(state, {"t": 1})
    with pytest.raises(EncodingError, match="takes text, got BIGINT"):
        fit(spec, pa.table({"t": [1]}))
    with pytest.raises(EncodingError, match="the rows have no such column"):
        engine.apply_row(state, {})


@pytest.mark.parametrize("texts", [["a b", None], [""], pa.array([], pa.string())])
def test_no_term_is_left(texts, fit) -> None:
    with pytest.raises(EncodingError, match=r"none of the 0 term\(s\)"):
        fit(TfIdf("t"), pa.table({"t": texts}))


WORDS = st.lists(st.sampled_from(["red", "rose", "Rose", "ÀÉ", "a", "x1", "日本"]), max_size=8).map(" ".join)
MAYBE = st.one_of(st.none(), WORDS, st.text(max_size=12))


@settings(max_examples=60, deadline=None)
@given(
    train=st.lists(MAYBE, max_size=12),
    rows=st.lists(MAYBE, max_size=12),
    sublinear=st.booleans(),
    binary=st.booleans(),
    longest=st.integers(1, 3),
)
def test_bulk_row_and_row_order_agree(train, rows, sublinear, binary, longest, fit, encode) -> None:
    trained = [*train, "red rose"]
    for spec in (
        TfIdf("t", sublinear=sublinear, binary=binary, ngrams=(1, longest), max_features=9),
        BagOfWords("t", binary=binary, ngrams=(1, longest)),
    ):
        state = fit(spec, pa.table({"t": pa.array(trained, pa.string())}))
        assert state.digest() == fit(spec, pa.table({"t": pa.array(trained[::-1], pa.string())})).digest()
        encode(state, pa.table({"t": pa.array(rows, pa.string())}))
