"""Where a customer stands among its peers, told as so many of 100."""

from features.text import Text
from training.reason_groups.group import Group

_OF_100 = Text("{how} {number} of 100 peers.", "每 100 个同类客户中，{how} {number} 个。")


def _place(feature: str, name: str, more: Text, less: Text, meaning: Text) -> Group:
    """One level among peers. The place is a share that counts equals by half, so nobody is told to beat all or none."""
    above = f"{{greatest(1, least(99, 100 * {feature})):count}}"
    below = f"{{greatest(1, least(99, 100 - 100 * {feature})):count}}"
    return Group(
        name,
        "peers",
        (feature,),
        meaning,
        (
            (
                f"{feature} >= 0.5",
                _OF_100.format(how=more, number=above),
            ),
            (
                f"{feature} < 0.5",
                _OF_100.format(how=less, number=below),
            ),
        ),
    )


GROUPS = (
    _place(
        "days_since_last_purchase_place",
        "silence_among_peers",
        Text("Has been silent for longer than", "沉默时间长于其中"),
        Text("Has been silent for less long than", "沉默时间短于其中"),
        Text("Silence among peers.", "沉默时间在同类客户中的位置。"),
    ),
    _place(
        "purchase_days_365d_place",
        "frequency_among_peers",
        Text("Bought more often in the last 365 days than", "最近 365 天购买频率高于其中"),
        Text("Bought less often in the last 365 days than", "最近 365 天购买频率低于其中"),
        Text("Frequency of buying among peers.", "购买频率在同类客户中的位置。"),
    ),
    _place(
        "spend_365d_place",
        "spend_among_peers",
        Text("Spends more than", "消费额高于其中"),
        Text("Spends less than", "消费额低于其中"),
        Text("Spend among peers.", "消费额在同类客户中的位置。"),
    ),
    _place(
        "categories_365d_place",
        "breadth_among_peers",
        Text("Buys from more categories than", "购买的品类多于其中"),
        Text("Buys from fewer categories than", "购买的品类少于其中"),
        Text("Breadth of purchases among peers.", "购买品类广度在同类客户中的位置。"),
    ),
    _place(
        "discount_share_365d_place",
        "discounts_among_peers",
        Text("Buys at a higher discount than", "享受的折扣大于其中"),
        Text("Buys at a lower discount than", "享受的折扣小于其中"),
        Text("Discounts among peers.", "折扣程度在同类客户中的位置。"),
    ),
    _place(
        "days_late_mean_365d_place",
        "lateness_among_peers",
        Text("Pays later after the due date than", "付款晚于其中"),
        Text("Pays earlier than", "付款早于其中"),
        Text("Punctuality of payment among peers.", "付款准时程度在同类客户中的位置。"),
    ),
)
