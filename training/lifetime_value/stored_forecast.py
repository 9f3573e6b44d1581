"""A chosen forecast of purchases as JSON and back, and what it is called."""

from typing import Any

from features.errors import ModelError
from features.text import Text
from training.models.purchases.choice import KINDS, ByHistory
from training.models.purchases.followed import Followed
from training.models.purchases.residual import Residual

Stored = ByHistory | Residual[Any]

MODELS = {kind.kind: kind for kind in KINDS}
TITLES: dict[str, Text] = {
    "bg_nbd": Text("BG/NBD", "BG/NBD"),
    "mbg_nbd": Text("MBG/NBD", "MBG/NBD"),
    "pareto_nbd": Text("Pareto/NBD", "Pareto/NBD"),
}
_FOLLOWED = Text("{model}, corrected by what came of its earlier forecasts", "{model}（按以往预测的结果校正）")
_RESIDUAL = Text("{model} with boosted trees on top", "{model} 加提升树")


def title_of(name: str) -> Text:
    """What people call the candidate of this name."""
    for ending, text in (("_followed", _FOLLOWED), ("_residual", _RESIDUAL)):
        if name.endswith(ending):
            return text.format(model=TITLES[name.removesuffix(ending)])
    return TITLES[name]


def forecast_to_json(forecast: Stored) -> dict[str, Any]:
    """The forecast as a dict that JSON can hold."""
    if isinstance(forecast, Residual):
        return {"model": forecast.model.to_json(), "on_top": forecast.to_json()}
    model: Any = forecast.model
    if isinstance(model, Followed):
        return {"model": model.model.to_json(), "on_top": model.to_json()}
    return {"model": model.to_json()}


def forecast_from_json(stored: dict[str, Any]) -> Stored:
    """The forecast from what `forecast_to_json` gave. Raises ModelError: a kind is not known, or a parameter not sound."""
    kind, on_top = stored["model"].get("kind"), stored.get("on_top")
    if kind not in MODELS or (on_top and on_top.get("kind") not in (Followed.kind, Residual.kind)):
        raise ModelError(
            Text(
                "A stored forecast of purchases is of kind '{kind}'; expected one of {known}. Train again.",
                "存储的购买预测类型为“{kind}”；应为 {known} 之一。请重新训练。",
            ),
            kind=kind,
            known=", ".join(MODELS),
        )
    model = MODELS[kind].from_json(stored["model"])
    if on_top is None:
        return ByHistory(model)
    if on_top["kind"] == Followed.kind:
        return ByHistory(Followed.from_json(on_top, model))
    return Residual.from_json(on_top, model)
