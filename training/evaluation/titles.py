"""The names of models as people read them."""

from features.text import Text

MODELS: dict[str, Text] = {
    "xgboost": Text("boosted trees", "梯度提升树"),
    "logistic": Text("logistic regression", "逻辑回归"),
    "purchases": Text("purchase models", "购买模型"),
    "blend": Text("all of them together", "各模型的平均"),
    "base_rate": Text("the same rate for everybody", "人人相同的流失率"),
    "recency": Text("days since the last purchase alone", "仅看距上次购买的天数"),
    "number_of_purchases": Text("number of purchases alone", "仅看购买次数"),
    "own_rhythm": Text("silence against the own rhythm alone", "仅看沉默时间与自身节奏之比"),
    "contract_age": Text("age of the contract alone", "仅看合同已生效时间"),
    "best_attribute": Text("the best single attribute", "最佳单一属性"),
}
"""Models by name, in words."""


def model_title(name: str) -> Text:
    """A model's name in words, or as it is."""
    return MODELS.get(name, Text(*(name, name)))
