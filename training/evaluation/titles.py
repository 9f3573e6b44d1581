"""The names of models as people read them."""

from features.text import Text

MODELS: dict[str, Text] = {
    "xgboost": Text("boosted trees", "梯度提升树"),
    "logistic": Text("logistic regression", "逻辑回归"),
    "blend": Text("trees and regression together", "提升树与回归的平均"),
    "base_rate": Text("the same rate for everybody", "人人相同的流失率"),
    "recency": Text("days since the last purchase alone", "仅看距上次购买的天数"),
    "number_of_purchases": Text("number of purchases alone", "仅看购买次数"),
}
"""Models by name, in words."""


def model_title(name: str) -> Text:
    """A model's name in words, or as it is."""
    return MODELS.get(name, Text(*(name, name)))
