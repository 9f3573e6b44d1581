"""Contracts: which run, since when, what they bring, and how that changed.

All of them ask whether a contract still runs, or ran within a time.
"""

from features.catalogue.feature import Feature
from features.text import Text

ENDED = "subscriptions.ended_at"
"""Without it every contract would look as if it ran for ever."""

NONE_RUNS = Text("no contract runs", "没有生效中的合同")

FEATURES = (
    Feature(
        "contracts_running", "contract", "contracts", "count(*) FILTER (WHERE is_running)", "contracts",
        Text("Contracts that run", "生效中的合同数"), empty=0, needs=(ENDED,),
    ),
    Feature(
        "contracts_total", "contract", "contracts", "count(*)", "contracts",
        Text("Contracts until now, ended ones included", "至今的合同数（含已终止的）"), empty=0, needs=(ENDED,),
    ),
    Feature(
        "contract_running_days", "contract", "contracts", "max(age_days) FILTER (WHERE is_running)", "days",
        Text("Days since the oldest running contract began", "最早生效合同开始至今的天数"), missing=NONE_RUNS,
        needs=(ENDED,),
    ),
    Feature(
        "contract_amount", "contract", "contracts", "sum(CASE WHEN is_running THEN amount_minor ELSE 0E0 END) / 1E4",
        "currency", Text("Price per period of the running contracts", "生效合同的每期金额合计"), empty=0, needs=("subscriptions.amount", ENDED),
        range=(None, None),
    ),
    Feature(
        "contract_amount_change_365d", "contract", "contracts",
        "(sum(CASE WHEN is_running THEN amount_minor ELSE 0E0 END) - sum(CASE WHEN age_days >= 365"
        " AND (ended_days IS NULL OR ended_days < 365) THEN amount_minor ELSE 0E0 END)) / 1E4",
        "currency", Text("Price per period now less that of 365 days ago", "每期金额与 365 天前之差"), empty=0, needs=("subscriptions.amount", ENDED),
        range=(None, None),
    ),
    Feature(
        "contracts_ended_365d", "contract", "contracts", "count(*) FILTER (WHERE ended_days <= 365)", "contracts",
        Text("Contracts that ended in the last 365 days", "最近 365 天到期或终止的合同数"), empty=0,
        needs=(ENDED,),
    ),
    Feature(
        "plans_365d", "contract", "contracts",
        "count(DISTINCT plan) FILTER (WHERE ended_days IS NULL OR ended_days < 365)", "plans",
        Text("Plans held in the last 365 days", "最近 365 天使用过的套餐数"), empty=0, needs=("subscriptions.plan", ENDED),
    ),
)  # fmt: skip
