"""What a plan has to keep to: its period, its budget, the hours of teams, contacts by channel, shares, controls, and rest."""

from pydantic import Field, model_validator

from features.text import Text
from serving.decisions.fields import Channel, Condition, Id, Share, Strict, Words, fault_of


class Team(Strict):
    """Who carries actions out; ``hours`` there are in each period of the plan, None: enough."""

    id: Id
    name: Words
    hours: float | None = Field(None, ge=0)


class LeastShare(Strict):
    """At least this share of all contacts goes to the customers ``who`` fulfil an SQL condition."""

    name: Words
    who: Condition
    share: Share


class LetGo(Strict):
    """Customers for whom no more is spent: ``when`` is an SQL condition; they are looked at again after so many days."""

    when: Condition
    review_after_days: int = Field(ge=1)


class PlanPolicy(Strict):
    """How a plan is made.

    ``budget`` in currency and ``most_contacts`` by channel count for one period of ``period_days``.
    Nobody is contacted within ``rest_days`` of the last action. ``only_if_sure``: only what pays at the low end of its
    interval is done.
    """

    period_days: int = Field(7, ge=1, le=365)
    budget: float | None = Field(None, ge=0)
    rest_days: int = Field(14, ge=0)
    only_if_sure: bool = False
    most_contacts: dict[Channel, int] = Field(default_factory=dict)
    least_shares: tuple[LeastShare, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> "PlanPolicy":
        if low := [channel for channel, most in self.most_contacts.items() if most < 0]:
            raise fault_of(
                Text(
                    "most_contacts must be 0 or more; it is below for {channels}",
                    "most_contacts 不得为负；以下渠道小于 0：{channels}",
                ).format(channels=", ".join(low))
            )
        if (total := sum(one.share for one in self.least_shares)) > 1:
            raise fault_of(
                Text(
                    "the shares of least_shares add up to {total:g}, more than 1",
                    "least_shares 的份额合计 {total:g}，超过 1",
                ).format(total=total)
            )
        return self
