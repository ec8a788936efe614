"""Emoji: which of eight categories a picture and its words belong to, in five folds."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from sklearn.linear_model import LogisticRegression

import headrace as hr
from headrace.declarations.base import Declaration

FOLDS = 5


class Emoji(pa.DataFrameModel):
    codepoints: pl.String = pa.Field(unique=True)
    description: pl.String
    category: pl.String
    aliases: pl.String
    tags: pl.String = pa.Field(nullable=True)
    image: pl.Binary


entity = hr.Entity("emoji", keys=["codepoints"])
emoji = hr.Source("emoji", path="emoji.csv", keys=["codepoints"], images=["image"], schema=Emoji)


@hr.feature_view(entity=entity)
def labelled(emoji=emoji):
    """Emoji but the eight flags, with their words, and a fold for each that keeps the categories' shares."""
    splits = ", ".join(f"if(fold = {fold}, 'test', 'train') as split_{fold}" for fold in range(FOLDS))
    return f"""
        with folded as (
            select
                *,
                (row_number() over (partition by category order by md5(codepoints)) - 1) % {FOLDS} as fold
            from {emoji}
            where category <> 'Flags'
        )
        select
            codepoints,
            category,
            image,
            description || ' ' || replace(aliases, '_', ' ') || ' ' || coalesce(replace(tags, '|', ' '), '') as words,
            {splits}
        from folded
    """


PICTURE = {
    "colours": hr.ColorHistogram("image"),
    "shapes": hr.GradientHistogram("image"),
}
WORDS = {"words": hr.TfIdf("words", sublinear=True)}
MODALITIES = {"picture": PICTURE, "words": WORDS, "both": {**PICTURE, **WORDS}}


def declarations() -> list[Declaration]:
    """A cascade of one stage for each modality and fold."""
    return [_cascade(name, fold) for name in MODALITIES for fold in range(FOLDS)]


def _cascade(modality: str, fold: int) -> hr.Cascade:
    rows = hr.TrainingSet(
        f"fold_{fold}",
        spine=labelled,
        label="category",
        keep=["image", "words"],
        split=hr.ColumnSplit(f"split_{fold}"),
    )
    encoding = hr.Transform(f"{modality}_{fold}", fit_on=rows, encode=MODALITIES[modality])
    matrix = hr.Matrix(f"{modality}_{fold}", rows=rows, transform=encoding)
    model = LogisticRegression(C=10.0, max_iter=500)
    return hr.Cascade(
        f"{modality}_{fold}", stages=[hr.Stage("category", matrix=matrix, target="category", estimator=model)]
    )
