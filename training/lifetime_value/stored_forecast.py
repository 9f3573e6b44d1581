"""A chosen forecast of purchases as JSON and back, and what it is called."""

from typing import Any

from features.errors import ModelError
from features.text import Text
from training.models.purchases.amount_followed import AmountFollowed
from training.models.purchases.choice import KINDS, ByHistory
from training.models.purchases.followed import Followed
from training.models.purchases.residual import Residual

Stored = ByHistory | AmountFollowed[Any] | Residual[Any]

MODELS = {kind.kind: kind for kind in KINDS}
ON_TOP: dict[str, type[AmountFollowed[Any]] | type[Residual[Any]]] = {
    AmountFollowed.kind: AmountFollowed,
    Residual.kind: Residual,
}
NAMES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "mbg_cnbd_2": "MBG/CNBD-2", "pareto_nbd": "Pareto/NBD"}
"""What the literature calls the purchase models."""
TITLES: dict[str, Text] = {
    "": Text("{model}", "{model} 模型"),
    "_followed": Text(
        "{model}, corrected by what came of its earlier forecasts", "按以往预测的结果校正的 {model} 模型"
    ),
    "_amounts": Text(
        "{model}, corrected by what came of its earlier forecasts and by amounts",
        "按以往预测的结果和购买金额校正的 {model} 模型",
    ),
    "_residual": Text("{model} with boosted trees on top", "叠加提升树的 {model} 模型"),
}


def title_of(name: str) -> Text:
    """What people call the candidate of this name."""
    kind = next(kind for kind in sorted(NAMES, key=len, reverse=True) if name.startswith(kind))
    return TITLES[name.removeprefix(kind)].format(model=NAMES[kind])


def forecast_to_json(forecast: Stored) -> dict[str, Any]:
    """The forecast as a dict that JSON can hold."""
    if not isinstance(forecast, ByHistory):
        return {"model": forecast.model.to_json(), "on_top": forecast.to_json()}
    model: Any = forecast.model
    if isinstance(model, Followed):
        return {"model": model.model.to_json(), "on_top": model.to_json()}
    return {"model": model.to_json()}


def forecast_from_json(stored: dict[str, Any]) -> Stored:
    """The forecast from what `forecast_to_json` gave. Raises ModelError: a kind is not known, or a parameter not sound."""
    kind, on_top = stored["model"].get("kind"), stored.get("on_top")
    if kind not in MODELS or (on_top and on_top.get("kind") not in (Followed.kind, *ON_TOP)):
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
    return ON_TOP[on_top["kind"]].from_json(on_top, model)
