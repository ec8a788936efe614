"""Functions that views share."""

import functools

import polars as pl

from . import rates


class Weight:
    """How much a visit counts."""

    base = 4

    @classmethod
    def of(cls, column):
        return pl.col(column) * cls.base


def points(page):
    """Points of a page."""
    return page.replace_strict(rates.PAGES, default=0, return_dtype=pl.Int64)


def weighing(share):
    def weigh(column):
        return pl.col(column) * share

    return weigh


def rounded(function):
    @functools.wraps(function)
    def wrapper(a: pl.LazyFrame):
        return function(a).with_columns(pl.col("kept").round(6))

    return wrapper


def is_known(frame, column):
    return frame.select(pl.col(column) < rates.ORDERS)


def never_called(column):
    return pl.col(column) * 100
