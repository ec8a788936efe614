"""What each encoder is asked to do: frozen parameters, one class a file. Nothing heavy is imported."""

from headrace.declarations.encoders.bag_of_words import BagOfWords
from headrace.declarations.encoders.base import JSON, Accepts, Encoder
from headrace.declarations.encoders.color_histogram import ColorHistogram
from headrace.declarations.encoders.gradient_histogram import GradientHistogram
from headrace.declarations.encoders.image_pixels import ImagePixels
from headrace.declarations.encoders.impute import Impute
from headrace.declarations.encoders.one_hot import OneHot
from headrace.declarations.encoders.standardize import Standardize
from headrace.declarations.encoders.tf_idf import TfIdf

__all__ = [
    "JSON",
    "Accepts",
    "BagOfWords",
    "ColorHistogram",
    "Encoder",
    "GradientHistogram",
    "ImagePixels",
    "Impute",
    "OneHot",
    "Standardize",
    "TfIdf",
]
