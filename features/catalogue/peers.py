"""Where a customer stands among its peers: those of the same industry and size; who has neither on file is
compared with the others like that, and with everybody where nobody has.

The place is the share of peers below, counting equals by half: 0.5 is the middle. Equal are amounts within about one per
cent of each other, shares that agree in three digits, and means within a tenth of a day. Breadth among peers stands in
for the share of customer where nobody knows what a customer spends elsewhere.
"""

from features.catalogue.feature import Feature
from features.text import Text

_PLACES = (
    ("days_since_last_purchase", "{level}", Text("Silence", "沉默时间")),
    ("purchase_days_365d", "{level}", Text("Purchase days of a year", "一年购买天数")),
    ("spend_365d", "round(1E2 * sign({level}) * ln(1 + abs({level})))", Text("Spend of a year", "一年消费额")),
    ("categories_365d", "{level}", Text("Breadth of a year's purchases", "一年购买品类广度")),
    ("discount_share_365d", "round({level}, 3)", Text("Discount share of a year", "一年折扣占比")),
    ("days_late_mean_365d", "round({level}, 1)", Text("Days late of a year", "一年平均逾期天数")),
)
_MEANING = Text("{what} among peers: share of the others below", "{what}在同类客户中的位置：低于该客户者的占比")

FEATURES = tuple(
    Feature(
        f"{name}_place", "peers", "peers", compared.format(level=name), "share", _MEANING.format(what=what),
        missing=Text("the level itself is missing, or there is no other peer", "该项水平缺失，或没有其他同类客户"), range=(0, 1),
    )
    for name, compared, what in _PLACES
)  # fmt: skip
