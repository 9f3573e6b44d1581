"""What the allocation says about each limit, in both languages."""

import math
from dataclasses import dataclass

from features.text import Text
from serving.decisions.allocation.problem import Limit


@dataclass(frozen=True)
class LimitUse:
    """One limit after the allocation.

    ``used`` is in the limit's unit. ``shadow_price`` (≥ 0, currency per unit) is what one more unit of an at_most limit
    would earn, or one unit less of an at_least limit would save. ``share`` is the share reached, of a limit on a share.
    """

    name: Text
    unit: Text
    at_most: float | None
    at_least: float | None
    used: float
    shadow_price: float
    share: float | None
    sentence: Text


def limit_use(limit: Limit, used: float, contacts: float, shadow_price: float, currency: str) -> LimitUse:
    """What there is to say of a limit; ``contacts`` is the sum of ``use`` whoever the customer is, for a limit on a share."""
    share = limit.share + used / contacts if limit.share is not None and contacts else limit.share
    values = {
        "name": limit.name,
        "unit": limit.unit,
        "price": readable(shadow_price),
        "currency": currency,
        "used": readable(used),
        "bound": readable(limit.bound),
        "share": f"{share or 0:.1%}",
        "asked": f"{limit.share or 0:.1%}",
    }
    kind = "share" if limit.share is not None else "at_most" if limit.at_least is None else "at_least"
    sentence = _SENTENCES[kind, shadow_price > 0].format(**values)
    return LimitUse(limit.name, limit.unit, limit.at_most, limit.at_least, used, shadow_price, share, sentence)


def readable(amount: float) -> str:
    """A number with the three digits that count, and all before the decimal point of it as zeros after those.

    >>> readable(1243.7), readable(12.34), readable(0.01234), readable(5.0)
    ('1,240', '12.3', '0.0123', '5')
    """
    if amount == 0 or not math.isfinite(amount):
        return f"{amount:g}"
    decimals = 2 - math.floor(math.log10(abs(amount)))
    text = f"{round(amount, decimals):,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_SENTENCES: dict[tuple[str, bool], Text] = {
    ("at_most", True): Text(
        "{name}: one more {unit} is worth about {price} {currency}.", "{name}：再多 1 {unit}约值 {price} {currency}。"
    ),
    ("at_most", False): Text(
        "{name}: not scarce; {used} of {bound} used (unit: {unit}).",
        "{name}：并不紧缺；上限 {bound}，已用 {used}（单位：{unit}）。",
    ),
    ("at_least", True): Text(
        "{name}: the last {unit} that is asked for costs about {price} {currency}.",
        "{name}：所要求的最后 1 {unit}约需付出 {price} {currency}。",
    ),
    ("at_least", False): Text(
        "{name}: met at no cost; {used} where at least {bound} is asked for (unit: {unit}).",
        "{name}：无需付出代价即可满足；要求至少 {bound}，实际 {used}（单位：{unit}）。",
    ),
    ("share", True): Text(
        "{name}: the share is {share}, at least {asked} is asked for; the last {unit} for it costs about {price} {currency}.",
        "{name}：占比 {share}，要求至少 {asked}；为此的最后 1 {unit}约需付出 {price} {currency}。",
    ),
    ("share", False): Text(
        "{name}: met at no cost; the share is {share}, at least {asked} is asked for.",
        "{name}：无需付出代价即可满足；占比 {share}，要求至少 {asked}。",
    ),
}
