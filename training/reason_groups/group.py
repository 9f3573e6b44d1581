"""What a group of features is."""

from dataclasses import dataclass

from features.catalogue.feature import Family
from features.text import Text


@dataclass(frozen=True)
class Group:
    """Features that are told together. ``sentences`` are pairs of an SQL condition and a text.

    A placeholder is ``{expression:unit}`` over feature columns; the unit (days, count, money, percent, decimal) decides
    how it is written. The first sentence whose condition holds is told; with none, the meaning stands in.
    """

    name: str
    family: Family
    features: tuple[str, ...]
    meaning: Text
    sentences: tuple[tuple[str, Text], ...]
